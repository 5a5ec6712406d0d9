package guard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// lines returns what was logged, one map a record, without the times.
func lines(t *testing.T, out *bytes.Buffer) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range bytes.Lines(out.Bytes()) {
		var m map[string]any
		require.NoError(t, json.Unmarshal(line, &m))
		delete(m, "time")
		all = append(all, m)
	}
	return all
}

func tracing() (*bytes.Buffer, []bankmux.Interceptor) {
	out := &bytes.Buffer{}
	return out, []bankmux.Interceptor{guard.Trace(slog.New(slog.NewJSONHandler(out, nil))), guard.Retry(guard.RetryOptions{})}
}

func TestTraceWritesOneRecordAnOperationWithItsAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out, in := tracing()
		op := read
		op.Institution, op.Product, op.User = "bank-7", "identity", "person@example.com"
		wait := &bankmux.Error{Kind: bankmux.ErrRateLimited, Status: 429, RequestID: "req-1", RetryAfter: 7 * time.Second}
		calls := 0
		require.NoError(t, chain(in, op, func(context.Context) error {
			time.Sleep(2 * time.Second)
			return answers(&calls, wait)(t.Context())
		})(t.Context()))
		assert.Equal(t, []map[string]any{{
			"level": "INFO", "msg": "bankmux", "op": "Read", "client": "c", "provider": "p", "group": "link", "effect": "read",
			"institution": "bank-7", "connection": "conn-1", "product": "identity", "duration": 11e9,
			"attempts": map[string]any{
				"1": map[string]any{"duration": 2e9, "kind": "rate_limited", "status": 429.0, "request_id": "req-1"},
				"2": map[string]any{"duration": 2e9, "wait": 7e9},
			},
		}}, lines(t, out))
	})
}

func TestTraceSaysWhatWentWrong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out, in := tracing()
		e := &bankmux.Error{
			Kind: bankmux.ErrCredentials, Code: "bad_key", Status: 401, RequestID: "req-2", Unlisted: true,
			Detail: "in our words", Err: errors.New("cause"),
		}
		require.Error(t, chain(in, oneShot, answers(new(int), e))(t.Context()))
		assert.Equal(t, []map[string]any{{
			"level": "ERROR", "msg": "bankmux", "op": "Exchange", "client": "c", "provider": "p", "group": "link", "effect": "one_shot", "duration": 0.0,
			"attempts": map[string]any{"1": map[string]any{"duration": 0.0, "kind": "credentials_rejected", "status": 401.0, "request_id": "req-2"}},
			"kind":     "credentials_rejected", "scope": "app", "code": "bad_key", "status": 401.0, "request_id": "req-2", "unlisted": true, "detail": "in our words",
		}}, lines(t, out))
	})
}

func TestTheLevelSaysWhetherSomebodyMustLook(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		err   error
		level string
	}{
		{"success", nil, "INFO"},
		{"rejected credentials", &bankmux.Error{Kind: bankmux.ErrCredentials}, "ERROR"},
		{"a setting", &bankmux.Error{Kind: bankmux.ErrNotPermitted}, "ERROR"},
		{"quota", &bankmux.Error{Kind: bankmux.ErrQuota}, "ERROR"},
		{"a malformed answer", &bankmux.Error{Kind: bankmux.ErrMalformed}, "ERROR"},
		{"an unlisted code", &bankmux.Error{Kind: bankmux.ErrInvalid, Unlisted: true}, "ERROR"},
		{"an unknown error", &bankmux.Error{Kind: bankmux.ErrUnknown}, "ERROR"},
		{"an error nobody classified", errors.New("?"), "ERROR"},
		{"an open circuit", &bankmux.Error{Kind: bankmux.ErrCircuitOpen}, "WARN"},
		{"the user's turn", &bankmux.Error{Kind: bankmux.ErrReauth}, "WARN"},
		{"the caller's cancellation", &bankmux.Error{Kind: bankmux.ErrContextDone}, "WARN"},
	} {
		out, in := tracing()
		err := chain(in, local, answers(new(int), c.err))(t.Context())
		assert.Equal(t, c.err, err, "%s: passes unchanged", c.name)
		assert.Equal(t, c.level, lines(t, out)[0]["level"], c.name)
	}
}

func TestTraceHoldsNoUserAndNoCause(t *testing.T) {
	t.Parallel()
	const user, secret = "person@example.com", "token-8d1f"
	for name, err := range map[string]error{
		"in the cause":               &bankmux.Error{Kind: bankmux.ErrUnknown, Err: errors.New("GET https://x/?t=" + secret)},
		"in an error of nobody":      errors.New(secret),
		"in what wraps an error":     errors.Join(errors.New(secret), &bankmux.Error{Kind: bankmux.ErrInvalid}),
		"in the cause of a one-shot": &bankmux.Error{Kind: bankmux.ErrUnavailable, Err: errors.New(secret)},
	} {
		var out bytes.Buffer
		level := &slog.HandlerOptions{Level: slog.LevelDebug - 4, AddSource: true}
		op := oneShot
		op.User = user
		g := guard.New(guard.Options{Logger: slog.New(slog.NewTextHandler(&out, level)), Retry: guard.RetryOptions{MaxAttempts: 1}})
		require.Error(t, chain(g.Interceptors(), op, answers(new(int), err))(t.Context()), name)
		assert.NotContains(t, out.String(), user, name)
		assert.NotContains(t, out.String(), secret, name)
		assert.Contains(t, out.String(), "kind=", name)
	}
}

func TestAPanicIsRecordedAndPassesThrough(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(){"panic": func() { panic("token-8d1f") }, "goexit": runtime.Goexit} {
		out, in := tracing()
		var seen any
		var wg sync.WaitGroup
		wg.Go(func() {
			defer func() { seen = recover() }()
			_ = chain(in, read, func(context.Context) error { end(); return nil })(t.Context())
		})
		wg.Wait()
		assert.Equal(t, name == "panic", seen == "token-8d1f", name)
		got := lines(t, out)
		require.Len(t, got, 1, name)
		assert.Equal(t, "ERROR", got[0]["level"], name)
		assert.Equal(t, true, got[0]["aborted"], name)
		assert.NotContains(t, out.String(), "token-8d1f", name)
	}
}

func TestALevelThatIsOffCostsNoRecord(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	in := []bankmux.Interceptor{guard.Trace(slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn})))}
	require.NoError(t, chain(in, read, succeed)(t.Context()))
	assert.Empty(t, out.String())
	require.Error(t, chain(in, read, answers(new(int), errDown))(t.Context()))
	assert.Len(t, lines(t, &out), 1)
}

func TestAnInterceptorOutsideReadsTheAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, logger := range map[string]*slog.Logger{"without a trace": nil, "with a trace": slog.New(slog.DiscardHandler)} {
			g := guard.New(guard.Options{Logger: logger})
			var kinds []bankmux.Kind
			outside := func(ctx context.Context, _ bankmux.Op, next func(context.Context) error) error {
				ctx, record := guard.WithRecord(ctx)
				err := next(ctx)
				for i, a := range record.Attempts() {
					kinds = append(kinds, a.Kind)
					assert.Equal(t, "Read", a.Op)
					assert.Equal(t, "c", a.Client)
					assert.Equal(t, i > 0, a.Waited > 0)
					assert.False(t, a.Began.IsZero())
				}
				return err
			}
			in := append([]bankmux.Interceptor{outside}, g.Interceptors()...)
			require.NoError(t, chain(in, read, answers(new(int), errDown, errLimit))(t.Context()), name)
			assert.Equal(t, []bankmux.Kind{bankmux.ErrUnavailable, bankmux.ErrRateLimited, ""}, kinds, name)
		}
	})
}

func TestOneRecordMaySpanSeveralOperationsAndTheTraceStillTellsThemApart(t *testing.T) {
	t.Parallel()
	out, in := tracing()
	ctx, record := guard.WithRecord(t.Context())
	assert.Same(t, record, guard.RecordFrom(ctx))
	other := oneShot
	require.NoError(t, chain(in, read, succeed)(ctx))
	require.NoError(t, chain(in, other, succeed)(ctx))
	assert.Len(t, record.Attempts(), 2)
	assert.Equal(t, []string{"Read", "Exchange"}, []string{record.Attempts()[0].Op, record.Attempts()[1].Op})
	for _, line := range lines(t, out) {
		assert.Len(t, line["attempts"], 1)
	}
	record.Attempts()[0].Op = "changed"
	assert.Equal(t, "Read", record.Attempts()[0].Op, "a copy")
}

func TestARecordStandsThirtyTwoWriters(t *testing.T) {
	t.Parallel()
	ctx, record := guard.WithRecord(t.Context())
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			assert.NoError(t, chain([]bankmux.Interceptor{guard.Retry(guard.RetryOptions{})}, read, succeed)(ctx))
			record.Attempts()
		})
	}
	wg.Wait()
	assert.Len(t, record.Attempts(), 32)
	assert.Nil(t, guard.RecordFrom(t.Context()))
	assert.Empty(t, guard.RecordFrom(t.Context()).Attempts(), "no record records nothing")
}
