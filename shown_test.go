package bankmux_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/shown"
)

// opened returns a connection whose reference is its credential, as at MoneyKit.
func opened(t *testing.T) bankmux.Connection {
	t.Helper()
	client := bankmux.NewClient("mk", &fake{provider: "mk", env: bankmux.Sandbox, reference: planted})
	_, conn := linked(t, client, "u-1")
	require.Equal(t, planted, conn.Reference())
	require.Equal(t, planted, conn.Credential().Reveal())
	return conn
}

// TestPrinting specifies what values print.
func TestPrinting(t *testing.T) {
	t.Parallel()
	t.Run("no printed value opens anything", noPrintedValueOpensAnything)
	t.Run("no printed error has account data", noPrintedErrorHasAccountData)
	t.Run("the key of a reference", theKeyOfAReference)
	t.Run("a text of a provider cannot break a line", aTextOfAProviderCannotBreakALine)
	t.Run("a partial error of many failures", aPartialErrorOfManyFailures)
	t.Run("a view of a connection", aViewOfAConnection)
}

func noPrintedValueOpensAnything(t *testing.T) {
	t.Parallel()
	conn := opened(t)
	request := bankmux.SessionRequest{User: "u-1", Reconnect: &conn}
	session := bankmux.NewSession(request)
	session.Launch.Token, session.Launch.URL = bankmux.NewLaunchToken(
		planted,
	), bankmux.NewLaunchToken(
		"https://bank.example/?"+planted,
	)
	session.State = bankmux.NewSecret(planted)
	event := bankmux.Event{Kind: bankmux.EventUnknown, Name: "n", Key: "k"}.
		WithReference(
			planted,
		).WithRaw([]byte(planted)).WithPayload([]byte(planted)).WithExchangePayload(bankmux.NewSecret(planted))
	payload, err := bankmux.ParsePayload(json.RawMessage(`{"token":"` + planted + `","in":{"code":"` + planted + `"}}`))
	require.NoError(t, err)
	delivery := bankmux.NewWebhookRequest(http.Header{"Authorization": {planted}}, []byte(planted)).
		SentTo("POST", "https://app.example.com/?"+planted)
	challenge := bankmux.Challenge{ID: "c", Inputs: []bankmux.Input{{Kind: bankmux.InputOTP}}}
	values := map[string]any{
		"Connection":     conn,
		"*Connection":    &conn,
		"ConnectionView": conn.View(),
		"Session":        session,
		"*Session":       &session,
		"LaunchToken":    struct{ token bankmux.LaunchToken }{session.Launch.Token},
		"SessionRequest": request,
		"ExchangeRequest": bankmux.ExchangeRequest{
			Session:    session,
			User:       "u-1",
			Payload:    bankmux.NewSecret(planted),
			Connection: &conn,
		},
		"ExchangeResult":         bankmux.ExchangeResult{Connection: conn, More: []bankmux.Connection{conn}},
		"Payload":                payload,
		"Event":                  event,
		"*Event":                 &event,
		"WebhookRequest":         delivery,
		"WebhookResult":          bankmux.WebhookResult{Key: "k", Events: []bankmux.Event{event}},
		"StatusRequest":          bankmux.StatusRequest{Connection: conn},
		"StatusResult":           bankmux.StatusResult{Connection: conn},
		"DisconnectRequest":      bankmux.DisconnectRequest{Connection: conn},
		"DisconnectResult":       bankmux.DisconnectResult{Connection: conn},
		"AccountsRequest":        bankmux.AccountsRequest{Connection: conn},
		"BalancesRequest":        bankmux.BalancesRequest{Connection: conn},
		"TransactionsRequest":    bankmux.TransactionsRequest{Connection: conn},
		"SyncRequest":            bankmux.SyncRequest{Connection: conn},
		"RefreshRequest":         bankmux.RefreshRequest{Connection: conn},
		"Answers":                challenge.Answer(planted),
		"Key":                    bankmux.Key{ID: "k", Material: bankmux.NewSecret(planted)},
		"Op":                     bankmux.Op{Name: "Sync", Reference: bankmux.NewSecret(planted)},
		"Secret":                 bankmux.NewSecret(planted),
		"an error about them":    fmt.Errorf("%v %+v %#v %v: %w", session, request, event, conn, io.EOF),
		"Launch, but for JSON":   withoutJSON{session.Launch},
		"a list of several ones": []any{conn, &session, event, delivery},
	}
	for name, v := range values {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Empty(t, shown.Find(v, planted))
		})
	}
	t.Run("every request of the package with a connection is among them", func(t *testing.T) {
		t.Parallel()
		for _, v := range requestsOf(conn) {
			assert.Empty(t, shown.Find(v, planted), "%T", v)
		}
	})
	t.Run("what must be shown is", func(t *testing.T) {
		t.Parallel()
		launch, err := json.Marshal(session.Launch)
		require.NoError(t, err)
		assert.Contains(t, string(launch), `"token":"`+planted+`"`, "the browser needs it")
		var back bankmux.Launch
		require.NoError(t, json.Unmarshal(launch, &back))
		assert.Equal(t, session.Launch, back)
		assert.Equal(t, planted, event.Reference())
		assert.Equal(t, planted, string(event.Raw()))
		assert.Equal(t, planted, string(event.Payload()))
		assert.Equal(t, planted, string(delivery.Body()))
		assert.Equal(t, planted, http.Header(delivery.Header()).Get("Authorization"))
	})
	t.Run("the masked fields print as plain ASCII", func(t *testing.T) {
		t.Parallel()
		for name, text := range shown.All(struct {
			c bankmux.Connection
			s bankmux.Session
			e bankmux.Event
		}{conn, session, event}) {
			if _, verb, _ := strings.Cut(
				name,
				" with ",
			); !slices.Contains(
				[]string{"%v", "%+v", "%#v", "%s", "%x", "%d"},
				verb,
			) {
				continue // gob is binary, and %q and %c of a number is a character
			}
			odd := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') })
			assert.Equal(t, -1, odd, "%s: %q", name, text)
		}
	})
}

// noPrintedErrorHasAccountData holds for every rendering but those of gob and XML, which no log
// has.
func noPrintedErrorHasAccountData(t *testing.T) {
	t.Parallel()
	e := &bankmux.Error{
		Kind: bankmux.ErrUserAction, Client: "c", Op: bankmux.OpBalances, Connection: "conn-1",
		Challenge: &bankmux.Challenge{
			ID: "op-1", Op: bankmux.OpBalances, Account: planted,
			Inputs: []bankmux.Input{{
				Kind: bankmux.InputChoice, Query: planted, Image: []byte(planted), Options: []string{planted},
			}},
			State:   json.RawMessage(`{"balance":"` + planted + `"}`),
			Request: json.RawMessage(`{"known":"` + planted + `"}`),
		},
	}
	failure := bankmux.Failure{Account: "a", Err: e}
	for name, v := range map[string]any{
		"an error":             e,
		"a failure":            failure,
		"a partial error":      &bankmux.PartialError{Op: bankmux.OpBalances, Failed: []bankmux.Failure{failure}},
		"an error around it":   fmt.Errorf("balances: %w", e),
		"several":              errors.Join(e, io.EOF),
		"the error of another": &bankmux.Error{Kind: bankmux.ErrApplication, Err: e},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for how, text := range shown.All(v) {
				if strings.HasSuffix(how, " as gob") || strings.HasSuffix(how, " as XML") {
					continue
				}
				for _, form := range shown.Forms(planted) {
					assert.NotContains(t, text, form, how)
				}
			}
		})
	}
	t.Run("the challenge itself keeps everything in JSON", func(t *testing.T) {
		t.Parallel()
		raw, err := json.Marshal(e.Challenge)
		require.NoError(t, err)
		var back bankmux.Challenge
		require.NoError(t, json.Unmarshal(raw, &back))
		assert.Equal(t, *e.Challenge, back)
	})
}

// withoutJSON holds a launch, whose JSON has the token on purpose.
type withoutJSON struct{ launch bankmux.Launch }

func requestsOf(conn bankmux.Connection) []any {
	return []any{
		bankmux.AccountNumbersRequest{Connection: conn},
		bankmux.IdentityRequest{Connection: conn},
		bankmux.CardsRequest{Connection: conn},
		bankmux.HoldingsRequest{Connection: conn},
		bankmux.InvestmentTransactionsRequest{Connection: conn},
	}
}

func theKeyOfAReference(t *testing.T) {
	t.Parallel()
	key := func(provider string, env bankmux.Environment, reference string) string {
		client := bankmux.NewClient("c", &fake{provider: provider, env: env, reference: reference})
		_, conn := linked(t, client, "u-1")
		return conn.ReferenceKey
	}
	one := key("mk", bankmux.Sandbox, planted)
	t.Run("is stable, so that an index of last year finds today's webhook", func(t *testing.T) {
		t.Parallel()
		assert.Equal(t, "WQSMYQVJD7SZA3UV3TEBMNAJYGL3NXQ6", key("moneykit", bankmux.Production, "mk_1"))
	})
	t.Run("differs for every part and says nothing of the reference", func(t *testing.T) {
		t.Parallel()
		seen := map[string]bool{one: true}
		for _, other := range []string{
			key("mk2", bankmux.Sandbox, planted), key("mk", bankmux.Production, planted),
			key("mk", bankmux.Sandbox, planted+"x"),
			key("m", "ksandbox", planted), key("mk", "sandbo", "x"+planted),
		} {
			assert.False(t, seen[other], other)
			seen[other] = true
		}
		assert.Len(t, one, 32, "160 bits")
		assert.NotContains(t, strings.ToLower(one), planted)
	})
	t.Run("is the same in the event about the connection", func(t *testing.T) {
		t.Parallel()
		client := bankmux.NewClient("c", &announcer{fake{provider: "mk", env: bankmux.Sandbox, reference: planted}})
		_, conn := linked(t, client, "u-1")
		res, err := client.ReadWebhook(t.Context(), bankmux.NewWebhookRequest(nil, []byte("about "+planted)))
		require.NoError(t, err)
		i := slices.IndexFunc(res.Events, func(e bankmux.Event) bool { return e.ReferenceKey == conn.ReferenceKey })
		require.GreaterOrEqual(t, i, 0)
		queued, err := json.Marshal(res.Events[i])
		require.NoError(t, err)
		var back bankmux.Event
		require.NoError(t, json.Unmarshal(queued, &back))
		assert.Equal(t, conn.ReferenceKey, back.ReferenceKey, "also after a queue")
	})
	t.Run("is brought up to date with the reference", func(t *testing.T) {
		t.Parallel()
		client := bankmux.NewClient("c", &statusFake{fake{provider: "mk", env: bankmux.Sandbox, reference: planted}})
		_, conn := linked(t, client, "u-1")
		want := conn.ReferenceKey
		conn.ReferenceKey = "stale"
		res, err := client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
		require.NoError(t, err)
		assert.Equal(t, want, res.Connection.ReferenceKey)
	})
}

// hostile is text with which a provider could break, colour, reverse or hide a log line.
const hostile = "x\n\r\x1b[31m\u202e\u2066\u200b\u3164\ufeff\x9b\xff\u2028 fix the call"

func aTextOfAProviderCannotBreakALine(t *testing.T) {
	t.Parallel()
	failure := bankmux.Failure{
		Account:     hostile,
		Product:     hostile,
		Transaction: hostile,
		Err: &bankmux.Error{
			Kind:      bankmux.ErrUnavailable,
			Code:      hostile,
			RequestID: hostile,
			Detail:    hostile,
			Field:     hostile,
			Err:       errors.New(hostile),
		},
	}
	described := func() error {
		f := &fake{create: func(context.Context, bankmux.SessionRequest) error { return failure.Err }}
		_, err := bankmux.NewClient("c", f).CreateSession(t.Context(), bankmux.SessionRequest{User: "u"})
		return err
	}()
	unhappy := bankmux.NewClient(
		"c",
		&fake{create: func(context.Context, bankmux.SessionRequest) error { return errors.New(hostile) }},
	)
	_, plainErr := unhappy.CreateSession(t.Context(), bankmux.SessionRequest{User: "u"})
	for name, v := range map[string]any{
		"an error":                     failure.Err,
		"an error of an adapter":       described,
		"another's error":              plainErr,
		"a failure":                    failure,
		"a partial error":              &bankmux.PartialError{Op: "Balances", Failed: []bankmux.Failure{failure}},
		"an event":                     bankmux.Event{Name: hostile, Key: hostile, Kind: hostile, Client: hostile},
		"a challenge":                  bankmux.Challenge{ID: hostile, Op: hostile, Inputs: []bankmux.Input{{Kind: hostile, Query: hostile}}},
		"what a challenge asks":        bankmux.Input{Kind: hostile, Query: hostile},
		"a field of the call, refused": refusedField(t),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			texts := []string{fmt.Sprint(v), fmt.Sprintf("%s", v), fmt.Sprintf("%+v", v)}
			for how, text := range shown.All(v) {
				if strings.HasPrefix(how, "itself in a text log") {
					texts = append(texts, strings.TrimSuffix(text, "\n"))
				}
			}
			for _, text := range texts {
				assert.Equal(t, -1, strings.IndexFunc(text, func(r rune) bool {
					return r == utf8.RuneError ||
						unicode.In(r, unicode.C, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point)
				}), "%q", text)
			}
		})
	}
	t.Run("single fields of an adapter's error are as safe", func(t *testing.T) {
		t.Parallel()
		e, ok := errors.AsType[*bankmux.Error](described)
		require.True(t, ok)
		for _, text := range []string{e.Code, e.RequestID, e.Detail, e.Field} {
			assert.True(t, strings.HasPrefix(text, `x\n\r\x1b[31m\u202e`), "%q", text)
		}
	})
	t.Run("an id is quoted where it could pass for words", func(t *testing.T) {
		t.Parallel()
		text := bankmux.Failure{
			Account:     "acc-1",
			Transaction: "7]; fix the call [",
			Err:         &bankmux.Error{Kind: bankmux.ErrGone},
		}.Error()
		assert.True(
			t,
			strings.HasPrefix(text, `account acc-1: row "7]; fix the call [": connection_gone`),
			text,
		)
	})
}

func refusedField(t *testing.T) error {
	t.Helper()
	_, err := bankmux.NewClient("c", &fake{}).
		CreateSession(t.Context(), bankmux.SessionRequest{
			User: "u", Products: []bankmux.ProductRequest{{Product: hostile}, {Product: hostile}},
		})
	require.Error(t, err)
	return err
}

// errOfTheLast is the error of the last of manyFailures.
var errOfTheLast = errors.New("cause of the last")

func manyFailures(n int) *bankmux.PartialError {
	e := &bankmux.PartialError{Op: "Balances", Failed: make([]bankmux.Failure, n)}
	shared := &bankmux.Error{Kind: bankmux.ErrMalformed, Detail: strings.Repeat("long ", 1000)}
	for i := range e.Failed {
		e.Failed[i] = bankmux.Failure{Account: fmt.Sprint("a", i), Err: shared}
	}
	e.Failed[n-1].Err = &bankmux.Error{Kind: bankmux.ErrGone, Err: errOfTheLast}
	return e
}

func aPartialErrorOfManyFailures(t *testing.T) {
	t.Parallel()
	t.Run("names the first ten and how many more", func(t *testing.T) {
		t.Parallel()
		text := manyFailures(2_800_000 / 28).Error()
		assert.True(t, strings.HasPrefix(text, "Balances: incomplete: [account a0: malformed"), text[:80])
		assert.Contains(t, text, "[account a9: ")
		assert.NotContains(t, text, "account a10")
		assert.True(t, strings.HasSuffix(text, "] and 99990 more"), text[len(text)-80:])
		assert.NotContains(t, manyFailures(10).Error(), "more")
		assert.Contains(t, manyFailures(11).Error(), " and 1 more")
	})
	t.Run("is short in every rendering", func(t *testing.T) {
		t.Parallel()
		for _, v := range []any{
			manyFailures(10_000), *manyFailures(10_000), fmt.Errorf("sync: %w", manyFailures(10_000)),
			errors.Join(manyFailures(10_000)),
		} {
			text, err := json.Marshal(struct{ V any }{v})
			require.NoError(t, err)
			var log bytes.Buffer
			slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
			slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
			for _, text := range []string{
				fmt.Sprintf("%v", v), fmt.Sprintf("%+v", v), fmt.Sprintf("%s", v), fmt.Sprintf("%#v", v), string(text),
				log.String(),
			} {
				assert.Less(t, len(text), 80_000)
			}
		}
	})
	t.Run("still finds the kinds and causes of all", func(t *testing.T) {
		t.Parallel()
		err := fmt.Errorf("x: %w", manyFailures(1000))
		require.ErrorIs(t, err, bankmux.ErrMalformed)
		require.ErrorIs(t, err, bankmux.ErrGone)
		require.ErrorIs(t, err, errOfTheLast)
		require.NotErrorIs(t, err, bankmux.ErrReauth)
		assert.Equal(t, bankmux.ErrMalformed, bankmux.KindOf(err))
		f, ok := errors.AsType[bankmux.Failure](err)
		assert.True(t, ok)
		assert.Equal(t, "a0", f.Account)
	})
}

// TestPartialErrorMemory is not parallel: it counts allocations.
func TestPartialErrorMemory(t *testing.T) {
	t.Run("allocations do not grow with the failures", partialErrorAllocations)
}

func partialErrorAllocations(t *testing.T) {
	for _, n := range []int{100, 100_000} {
		e := manyFailures(n)
		assert.LessOrEqual(t, testing.AllocsPerRun(3, func() {
			_ = e.Error()
			_, _ = json.Marshal(e)
			_ = e.Unwrap()
			_ = fmt.Sprintf("%#v", e)
		}), 600.0, n)
	}
	assert.Len(t, manyFailures(1000).Unwrap(), 10)
}

func aViewOfAConnection(t *testing.T) {
	t.Parallel()
	conn := opened(t)
	conn.Institution = bankmux.Institution{
		ID:      "chase",
		Name:    "Chase",
		Country: "US",
		BIC:     "CHASUS33",
		LogoURL: "https://cdn.example.com/chase.png",
	}
	conn.Products = []bankmux.Product{bankmux.ProductAccounts}
	conn.Status = bankmux.Status{
		State: bankmux.StateReauth,
		Code:  "auth_expired",
		At:    time.Unix(1_800_000_000, 0).UTC(),
	}
	text, err := json.Marshal(conn.View())
	require.NoError(t, err)
	for _, secret := range []string{planted, conn.User, conn.ReferenceKey, `"` + conn.Client + `"`, "auth_expired"} {
		assert.NotContains(t, string(text), secret)
	}
	var back map[string]any
	require.NoError(t, json.Unmarshal(text, &back))
	keys := []string{}
	for k := range back {
		keys = append(keys, k)
	}
	assert.ElementsMatch(
		t,
		[]string{"id", "institution", "state", "state_since", "user_must_act", "products", "created_at", "updated_at"},
		keys,
	)
	assert.Equal(
		t,
		map[string]any{"name": "Chase", "country": "US", "logo_url": "https://cdn.example.com/chase.png"},
		back["institution"],
	)
	assert.Equal(t, true, back["user_must_act"])
	view := conn.View()
	view.Products[0] = "changed"
	assert.Equal(t, bankmux.ProductAccounts, conn.Products[0], "the view is a copy")
}
