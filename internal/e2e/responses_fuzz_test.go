package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/banktest"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// tampered is a bank whose responses can be replaced, except those to MoneyKit's token requests.
type tampered struct {
	bank   http.RoundTripper
	spared string // the end of a path whose response is never replaced

	mu     sync.Mutex
	status int // 0 returns the response of the bank
	body   []byte
	heard  map[string][]byte // the last response of the bank, by path
}

func (p *tampered) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	status, body := p.status, p.body
	p.mu.Unlock()
	if status == 0 || strings.HasSuffix(r.URL.Path, "/auth/token") ||
		(p.spared != "" && strings.HasSuffix(r.URL.Path, p.spared)) {
		res, err := p.bank.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		body, _ := io.ReadAll(res.Body)
		p.mu.Lock()
		p.heard[r.URL.Path] = body
		p.mu.Unlock()
		res.Body = io.NopCloser(bytes.NewReader(body))
		return res, nil
	}
	return &http.Response{
		StatusCode:    status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Request:       r,
		ContentLength: int64(len(body)),
		Header:        http.Header{"Content-Type": {"application/json"}},
		Body:          io.NopCloser(bytes.NewReader(body)),
	}, nil
}

func (p *tampered) say(status int, body []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status, p.body = status, body
}

// some takes a few values of a sequence that may be endless.
func some[T any](seq iter.Seq2[T, error]) (err error) {
	n := 0
	for _, e := range seq {
		if _, failure := errors.AsType[bankmux.Failure](e); e != nil && !failure {
			return e
		}
		if n++; n > 200 {
			break
		}
	}
	return nil
}

// reads are the reading operations by name.
var reads = []struct {
	name string
	call func(context.Context, *bankmux.Client, bankmux.Connection) error
}{
	{"Accounts", func(ctx context.Context, c *bankmux.Client, conn bankmux.Connection) error {
		_, err := c.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
		return err
	}},
	{"Balances", func(ctx context.Context, c *bankmux.Client, conn bankmux.Connection) error {
		res, err := c.Balances(ctx, bankmux.BalancesRequest{Connection: conn})
		for _, account := range res.Balances {
			for _, b := range account.Balances {
				if b.Money.Currency() == "" {
					return errors.New("an amount without currency")
				}
			}
		}
		return err
	}},
	{"AccountNumbers", func(ctx context.Context, c *bankmux.Client, conn bankmux.Connection) error {
		_, err := c.AccountNumbers(ctx, bankmux.AccountNumbersRequest{Connection: conn})
		return err
	}},
	{"Identity", func(ctx context.Context, c *bankmux.Client, conn bankmux.Connection) error {
		_, err := c.Identity(ctx, bankmux.IdentityRequest{Connection: conn})
		return err
	}},
	{"Cards", func(ctx context.Context, c *bankmux.Client, conn bankmux.Connection) error {
		_, err := c.Cards(ctx, bankmux.CardsRequest{Connection: conn})
		return err
	}},
	{"Transactions", func(ctx context.Context, c *bankmux.Client, conn bankmux.Connection) error {
		return some(c.Transactions(ctx, bankmux.TransactionsRequest{Connection: conn}))
	}},
	{"Sync", func(ctx context.Context, c *bankmux.Client, conn bankmux.Connection) error {
		d, err := c.Sync(ctx, bankmux.SyncRequest{Connection: conn, Known: new(banktest.Table).Known})
		if err == nil && d.Next == "" {
			return errors.New("a page without cursor")
		}
		for _, a := range d.Added {
			if a.Known.Key == "" || a.Row.Date.IsZero() || a.Row.Amount.Currency() == "" {
				return errors.New("a row without key, day or amount")
			}
		}
		return err
	}},
	{"Holdings", func(ctx context.Context, c *bankmux.Client, conn bankmux.Connection) error {
		_, err := c.Holdings(ctx, bankmux.HoldingsRequest{Connection: conn})
		return err
	}},
	{"InvestmentTransactions", func(ctx context.Context, c *bankmux.Client, conn bankmux.Connection) error {
		return some(c.InvestmentTransactions(ctx, bankmux.InvestmentTransactionsRequest{Connection: conn}))
	}},
	{"Institutions", func(ctx context.Context, c *bankmux.Client, _ bankmux.Connection) error {
		return some(c.Institutions(ctx, bankmux.InstitutionsRequest{}))
	}},
	{"Institution", func(ctx context.Context, c *bankmux.Client, conn bankmux.Connection) error {
		_, err := c.Institution(ctx, bankmux.InstitutionRequest{ID: conn.Institution.ID})
		return err
	}},
	{"Refresh", func(ctx context.Context, c *bankmux.Client, conn bankmux.Connection) error {
		_, err := c.Refresh(ctx, bankmux.RefreshRequest{
			Connection: conn, Products: []bankmux.Product{bankmux.ProductTransactions},
		})
		return err
	}},
	{"ConnectionStatus", func(ctx context.Context, c *bankmux.Client, conn bankmux.Connection) error {
		_, err := c.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: conn})
		return err
	}},
	{"CreateSession", func(ctx context.Context, c *bankmux.Client, _ bankmux.Connection) error {
		_, err := c.CreateSession(
			ctx,
			bankmux.SessionRequest{User: "user-1", Country: "US", RedirectURI: "https://app.example.com/oauth"},
		)
		return err
	}},
	{"Disconnect", func(ctx context.Context, c *bankmux.Client, conn bankmux.Connection) error {
		_, err := c.Disconnect(ctx, bankmux.DisconnectRequest{Connection: conn})
		return err
	}},
}

// open makes a new client. A challenge holds its connection, and an open circuit would refuse the
// next response.
func (p *tampered) open(provider string, keys virtualbank.Credentials) (*bankmux.Client, error) {
	return p.openWith(provider, keys, guard.New(guard.Options{
		Retry: guard.RetryOptions{MaxAttempts: 1}, Breaker: guard.BreakerOptions{Disabled: true},
	}))
}

// openWith makes a new client.
func (p *tampered) openWith(
	provider string, keys virtualbank.Credentials, g *guard.Guard,
) (*bankmux.Client, error) {
	switch provider {
	case plaid.Name:
		return plaid.New(plaid.Config{
			BaseURL: "http://127.0.0.1", ClientID: keys.Plaid.ClientID, Secret: bankmux.NewSecret(keys.Plaid.Secret),
			Environment: bankmux.Sandbox, HTTPClient: &http.Client{Transport: p}, Guard: g,
		})
	case moneykit.Name:
		return moneykit.New(moneykit.Config{
			BaseURL:      "http://127.0.0.1",
			ClientID:     keys.MoneyKit.ClientID,
			ClientSecret: bankmux.NewSecret(keys.MoneyKit.ClientSecret),
			Environment:  bankmux.Sandbox,
			HTTPClient:   &http.Client{Transport: p},
			Guard:        g,
		})
	}
	return dapi.New(dapi.Config{
		BaseURL: "http://127.0.0.1/v2", AppKey: keys.Dapi.AppKey, AppSecret: bankmux.NewSecret(keys.Dapi.AppSecret),
		Environment: bankmux.Sandbox, HTTPClient: &http.Client{Transport: p}, Guard: g,
	})
}

// servedBy returns the API of a provider at a bank.
func servedBy(bank *virtualbank.Bank, provider string) http.RoundTripper {
	switch provider {
	case dapi.Name:
		return banktest.InProcess{Handler: bank.Dapi()}
	case plaid.Name:
		return banktest.InProcess{Handler: bank.Plaid()}
	}
	return banktest.InProcess{Handler: bank.MoneyKit()}
}

// posts plays the user and returns what the provider's page posts.
func posts(bank *virtualbank.Bank, launch bankmux.Launch) ([]byte, error) {
	switch launch.Provider {
	case dapi.Name:
		return bank.LinkDapi(virtualbank.DapiLink{AppKey: launch.AppKey})
	case plaid.Name:
		return bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: launch.Token.Reveal()})
	}
	return bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: launch.Token.Reveal()})
}

// FuzzResponses reads any response with every operation of all adapters. No operation panics or
// runs without end. An error has a type of this module and shows no secret. The seeds are responses
// of the virtual bank: whole, cut and garbled.
func FuzzResponses(f *testing.F) {
	providers := []string{moneykit.Name, dapi.Name, plaid.Name}
	keys := map[string]virtualbank.Credentials{}
	banks := map[string]http.RoundTripper{}
	conns := map[string]bankmux.Connection{}
	sessions := map[string]bankmux.Session{}
	payloads := map[string][]byte{}
	for at, provider := range providers {
		bank := virtualbank.New(virtualbank.Options{Seed: 1, HistoryDays: 90})
		keys[provider] = bank.Credentials()
		banks[provider] = servedBy(bank, provider)
		wire := &tampered{bank: banks[provider], heard: map[string][]byte{}}
		client, err := wire.open(provider, keys[provider])
		require.NoError(f, err)
		var payload []byte
		for range 2 { // one to read from, one to exchange under the fuzzer's responses
			session, err := client.CreateSession(
				f.Context(),
				bankmux.SessionRequest{User: "user-1", Country: "US", RedirectURI: "https://app.example.com/oauth"},
			)
			require.NoError(f, err)
			payload, err = posts(bank, session.Launch)
			require.NoError(f, err)
			if conns[provider].ID == "" {
				clear(wire.heard)
				conns[provider], err = single.Connection(
					client.ExchangeToken(
						f.Context(),
						bankmux.ExchangeRequest{Session: session, User: "user-1", Payload: bankmux.NewSecret(payload)},
					),
				)
				require.NoError(f, err)
				for _, body := range wire.heard {
					f.Add(at, len(reads), http.StatusOK, body)
				}
			}
			sessions[provider], payloads[provider] = session, payload
		}
		f.Add(at, len(reads)+1, http.StatusOK, payload)
		if provider != dapi.Name {
			require.NoError(f, bank.Refresh(conns[provider].Reference()))
		}
		for i, op := range reads {
			clear(wire.heard)
			_ = op.call(f.Context(), client, conns[provider])
			for _, body := range wire.heard {
				body = body[:min(len(body), 4<<10)] // the fuzzer is faster with short ones
				f.Add(at, i, http.StatusOK, body)
				f.Add(at, i, http.StatusOK, body[:len(body)*2/3])
				f.Add(at, i, http.StatusBadRequest, bytes.ReplaceAll(body, []byte(`":"`), []byte(`":1,"`)))
			}
			f.Add(
				at,
				i,
				http.StatusOK,
				[]byte(
					`{"success":false,"status":"user_input_required","operationID":"op","userInputs":[{"id":"otp",`+
						`"query":"","index":0}]}`,
				),
			)
			f.Add(
				at,
				i,
				http.StatusOK,
				[]byte(`{"success":false,"status":"failed","type":"INVALID_CREDENTIALS","msg":"no"}`),
			)
			f.Add(
				at,
				i,
				http.StatusUnauthorized,
				[]byte(`{"error_code":"api_error.auth.expired_access_token","error_message":"no"}`),
			)
			f.Add(
				at,
				i,
				http.StatusBadRequest,
				[]byte(`{"error_type":"ITEM_ERROR","error_code":"ITEM_LOGIN_REQUIRED","error_message":"no"}`),
			)
		}
	}
	f.Fuzz(func(t *testing.T, at, op, status int, body []byte) {
		provider := providers[uint(at)%uint(len(providers))]
		wire := &tampered{bank: banks[provider], heard: map[string][]byte{}}
		client, err := wire.open(provider, keys[provider])
		require.NoError(t, err)
		if status < 200 || status > 599 {
			status = http.StatusOK
		}
		wire.say(status, body)
		// an operation that is not over at the bank is asked for again, and again
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		conn := conns[provider]
		switch i := int(uint(op) % uint(len(reads)+2)); i {
		case len(reads):
			_, err = client.ExchangeToken(
				ctx,
				bankmux.ExchangeRequest{
					Session: sessions[provider],
					User:    "user-1",
					Payload: bankmux.NewSecret(payloads[provider]),
				},
			)
		case len(reads) + 1: // what the browser posts is not to be trusted either
			_, err = client.ExchangeToken(
				ctx,
				bankmux.ExchangeRequest{Session: sessions[provider], User: "user-1", Payload: bankmux.NewSecret(body)},
			)
		default:
			err = reads[i].call(ctx, client, conn)
		}
		if err == nil {
			return
		}
		e, ok := errors.AsType[*bankmux.Error](err)
		require.True(t, ok, "%T %v", err, err)
		assert.Contains(t, bankmux.Kinds(), e.Kind)
		for _, secret := range []string{
			conn.Credential().Reveal(), keys[provider].MoneyKit.ClientSecret, keys[provider].Dapi.AppSecret,
			keys[provider].Plaid.Secret,
		} {
			assert.NotContains(t, err.Error(), secret)
		}
	})
}
