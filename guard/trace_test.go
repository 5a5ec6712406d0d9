package guard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// TestTrace specifies the log record of an operation and the attempts in it.
func TestTrace(t *testing.T) {
	t.Parallel()
	t.Run("one record per operation has its attempts", oneRecordPerOperationHasItsAttempts)
	t.Run("the level says whether the operator must act", theLevelSaysWhetherTheOperatorMustAct)
	t.Run("a record has the known attributes and no others", aRecordHasTheKnownAttributesAndNoOthers)
	t.Run("text of a hostile provider stays on one line", textOfAHostileProviderStaysOnOneLine)
	t.Run("a record in the caller's context is used", aRecordInTheCallersContextIsUsed)
	t.Run("an interceptor outside reads the attempts", anInterceptorOutsideReadsTheAttempts)
	t.Run("an operation has a record of its own", anOperationHasARecordOfItsOwn)
}

func oneRecordPerOperationHasItsAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		g := guard.New(guard.Options{Logger: slog.New(slog.NewJSONHandler(&out, nil))})
		op := read
		op.User = "person@example.com"
		calls := 0
		require.NoError(t, chain(g.Interceptors(), op, answers(&calls, errDown))(t.Context()))
		refused := &bankmux.Error{
			Kind:     bankmux.ErrCredentials,
			Provider: "p",
			Code:     "bad_key",
			Status:   401,
			Unlisted: true,
			Err:      errors.New("planted"),
		}
		require.Error(t, chain(g.Interceptors(), op, answers(new(int), refused))(t.Context()))

		lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
		require.Len(t, lines, 2)
		var ok, bad map[string]any
		require.NoError(t, json.Unmarshal(lines[0], &ok))
		require.NoError(t, json.Unmarshal(lines[1], &bad))
		assert.Equal(t, "INFO", ok["level"])
		assert.EqualValues(t, 2, ok["attempts"])
		assert.Equal(t, "conn-1", ok["connection"])
		assert.Equal(t, "ERROR", bad["level"])
		assert.Equal(t, "credentials_rejected", bad["kind"])
		assert.Equal(t, "bad_key", bad["code"])
		assert.NotContains(t, out.String(), "person@example.com")
		assert.NotContains(t, out.String(), "planted")
		assert.Equal(t, map[string]uint64{"p bad_key": 1}, g.UnlistedCodes())
	})
}

func theLevelSaysWhetherTheOperatorMustAct(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err   error
		level string
	}{
		"a success":                  {nil, "INFO"},
		"a provider that is down":    {errDown, "WARN"},
		"a rate limit":               {errLimit, "WARN"},
		"a lapsed login":             {&bankmux.Error{Kind: bankmux.ErrReauth}, "WARN"},
		"a lapsed login of new code": {&bankmux.Error{Kind: bankmux.ErrReauth, Code: "new", Unlisted: true}, "ERROR"},
		"rejected credentials":       {&bankmux.Error{Kind: bankmux.ErrCredentials}, "ERROR"},
		"a missing permission":       {&bankmux.Error{Kind: bankmux.ErrNotPermitted}, "ERROR"},
		"a quota":                    {&bankmux.Error{Kind: bankmux.ErrQuota}, "ERROR"},
		"an unreadable answer":       {&bankmux.Error{Kind: bankmux.ErrMalformed}, "ERROR"},
		"the application's own code": {&bankmux.Error{Kind: bankmux.ErrApplication}, "ERROR"},
		"an unknown error":           {&bankmux.Error{Kind: bankmux.ErrUnknown}, "ERROR"},
		"an error without a kind":    {errors.New("broken pipe"), "ERROR"},
		"an end without a kind":      {context.Canceled, "ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			trace := guard.Trace(slog.New(slog.NewJSONHandler(&out, nil)))
			assert.Equal(t, c.err, trace(t.Context(), read, func(context.Context) error { return c.err }))
			var got map[string]any
			require.NoError(t, json.Unmarshal(out.Bytes(), &got))
			assert.Equal(t, c.level, got["level"])
			_, given := got["kind"]
			assert.Equal(t, c.err != nil, given)
		})
	}
}

func aRecordHasTheKnownAttributesAndNoOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		op := bankmux.Op{
			Name:        "Sync",
			Group:       bankmux.GroupData,
			Effect:      bankmux.Read,
			Client:      "c",
			Provider:    "p",
			Institution: "bank",
			Connection:  "conn",
			Product:     "transactions",
			Reference:   bankmux.NewSecret("secret-reference"),
			User:        "secret-user",
		}
		record := func(err error) (got map[string]any) {
			var out bytes.Buffer
			in := []bankmux.Interceptor{
				guard.Trace(slog.New(slog.NewJSONHandler(&out, nil))),
				guard.Retry(guard.RetryOptions{MaxAttempts: 20, Base: 1, Cap: 1}),
			}
			_ = chain(in, op, func(context.Context) error { time.Sleep(time.Second); return err })(t.Context())
			require.NoError(t, json.Unmarshal(out.Bytes(), &got))
			delete(got, "time")
			return got
		}
		common := map[string]any{
			"msg":         "bankmux",
			"op":          "Sync",
			"client":      "c",
			"provider":    "p",
			"effect":      "read",
			"connection":  "conn",
			"institution": "bank",
			"product":     "transactions",
		}
		with := func(more map[string]any) map[string]any {
			maps.Copy(more, common)
			return more
		}
		assert.Equal(t, with(map[string]any{"level": "INFO", "took": 1e9, "attempts": 1.0}), record(nil))
		one := map[string]any{"waited": 0.0, "took": 1e9, "kind": "invalid_request", "status": 422.0}
		assert.Equal(t, with(map[string]any{
			"level":      "ERROR",
			"took":       1e9,
			"attempts":   1.0,
			"kind":       "invalid_request",
			"scope":      "call",
			"code":       "new",
			"request_id": "r",
			"detail":     "d",
			"status":     422.0,
			"unlisted":   true,
			"remedy":     (&bankmux.Error{Kind: bankmux.ErrInvalid}).Remedy(),
			"tries":      map[string]any{"1": one},
		}), record(&bankmux.Error{
			Kind: bankmux.ErrInvalid, Code: "new", Status: 422, RequestID: "r", Detail: "d", Unlisted: true,
			Err: errors.New("secret"),
		}))

		got := record(&bankmux.Error{Kind: bankmux.ErrUnavailable, RequestID: "r"})
		assert.NotContains(t, got, "status", "there was none")
		assert.NotContains(t, got, "unlisted")
		assert.EqualValues(t, 20, got["attempts"])
		tries, ok := got["tries"].(map[string]any)
		require.True(t, ok)
		assert.Len(t, tries, 9, "the first nine")
		second, ok := tries["2"].(map[string]any)
		require.True(t, ok)
		assert.EqualValues(t, 1, second["waited"])

		op.Connection, op.Institution, op.Product = "", "", ""
		delete(common, "connection")
		delete(common, "institution")
		delete(common, "product")
		assert.Equal(t, with(map[string]any{"level": "INFO", "took": 1e9, "attempts": 1.0}), record(nil))

		quiet := guard.Trace(slog.New(slog.NewJSONHandler(nil, &slog.HandlerOptions{Level: slog.LevelError})))
		require.NoError(
			t,
			quiet(t.Context(), op, func(context.Context) error { return nil }),
			"a level that is off writes nothing",
		)
	})
}

func textOfAHostileProviderStaysOnOneLine(t *testing.T) {
	t.Parallel()
	const hostile = "x\n\x1b[31m\u202e\u200b\u3164\xff"
	op := bankmux.Op{
		Name: "Sync", Client: "c", Provider: "p", Connection: hostile, Institution: hostile, Product: hostile,
		Reference: bankmux.NewSecret("planted-reference"), User: "planted-user",
	}
	failure := &bankmux.Error{
		Kind:      bankmux.ErrUnavailable,
		Code:      hostile,
		RequestID: hostile,
		Detail:    hostile,
		Err:       errors.New("planted-cause"),
	}
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"as text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"as JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			trace := guard.Trace(slog.New(handler(&log)))
			require.ErrorIs(
				t,
				trace(t.Context(), op, func(context.Context) error { return failure }),
				bankmux.ErrUnavailable,
			)
			line := strings.TrimSuffix(log.String(), "\n")
			assert.Equal(t, -1, strings.IndexFunc(line, func(r rune) bool {
				return r == unicode.ReplacementChar ||
					unicode.In(r, unicode.C, unicode.Other_Default_Ignorable_Code_Point)
			}), "%q", line)
			assert.Equal(
				t,
				6,
				strings.Count(line, `u3164`),
				"connection, institution, product, code, request and detail: %s",
				line,
			)
			for _, secret := range []string{"planted-reference", "planted-user", "planted-cause"} {
				assert.NotContains(t, line, secret)
			}
		})
	}
	assert.NotContains(
		t,
		fmt.Sprintf("%v %+v %#v %+v", op, op, op, struct{ op bankmux.Op }{op}),
		"planted-reference",
		"an interceptor may print the operation",
	)
}

func aRecordInTheCallersContextIsUsed(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	ctx, record := guard.WithRecord(t.Context())
	in := []bankmux.Interceptor{
		guard.Trace(slog.New(slog.NewJSONHandler(&out, nil))),
		guard.Retry(guard.RetryOptions{}),
	}
	failure := &bankmux.Error{Kind: bankmux.ErrInvalid, Status: 400, RequestID: "r"}
	require.Error(t, chain(in, read, func(context.Context) error { return failure })(ctx))
	require.Len(t, record.Attempts(), 1)
	a := record.Attempts()[0]
	assert.Equal(
		t,
		guard.Attempt{Started: a.Started, Took: a.Took, Kind: bankmux.ErrInvalid, Status: 400, RequestID: "r"},
		a,
	)
	assert.Contains(t, out.String(), `"attempts":1`)
	record.Attempts()[0].Status = 1
	assert.Equal(t, 400, record.Attempts()[0].Status, "the result is a copy")
	var none *guard.Record
	assert.Nil(t, none.Attempts())
	require.NoError(
		t,
		chain(in[1:], read, func(context.Context) error { return nil })(t.Context()),
		"nothing is recorded where no record is asked for",
	)
}

func anInterceptorOutsideReadsTheAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := guard.New(guard.Options{})
		ctx, record := guard.WithRecord(t.Context())
		require.NoError(t, chain(g.Interceptors(), read, answers(new(int), errDown, errLimit))(ctx))
		var kinds []bankmux.Kind
		for _, a := range record.Attempts() {
			kinds = append(kinds, a.Kind)
		}
		assert.Equal(t, []bankmux.Kind{bankmux.ErrUnavailable, bankmux.ErrRateLimited, ""}, kinds)
		assert.Positive(t, record.Attempts()[1].Waited)
	})
}

func anOperationHasARecordOfItsOwn(t *testing.T) {
	t.Parallel()
	ctx, all := guard.WithRecord(t.Context())
	retry := []bankmux.Interceptor{guard.Retry(guard.RetryOptions{})}
	attempt := func(ctx context.Context) error {
		return chain(retry, read, func(context.Context) error { return nil })(ctx)
	}
	outer, first := guard.WithOwnRecord(ctx)
	require.NoError(t, attempt(outer))
	inner, second := guard.WithOwnRecord(outer)
	require.NoError(t, attempt(inner))
	alone, third := guard.WithOwnRecord(t.Context())
	require.NoError(t, attempt(alone))
	for _, r := range []*guard.Record{first, second, third} {
		assert.Len(t, r.Attempts(), 1)
	}
	assert.Equal(t, append(first.Attempts(), second.Attempts()...), all.Attempts())
}
