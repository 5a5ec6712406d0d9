package bankmux_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/single"
)

// TestClient specifies what a client checks, adds and passes on around each call of an adapter.
func TestClient(t *testing.T) {
	t.Parallel()
	t.Run("a session and a connection name their client", aSessionAndAConnectionNameTheirClient)
	t.Run("an invalid call sends nothing", anInvalidCallSendsNothing)
	t.Run("an abort beside a token is not an abort", anAbortBesideATokenIsNotAnAbort)
	t.Run("a reconnect keeps the identity and needs the owner", aReconnectKeepsTheIdentityAndNeedsTheOwner)
	t.Run("an unverified connection is refused until its status was read", anUnverifiedConnectionIsRefused)
	t.Run("interceptors run outermost first", interceptorsRunOutermostFirst)
	t.Run("an error of an adapter is typed and loses its URL", anErrorOfAnAdapterIsTypedAndLosesItsURL)
	t.Run("no error has the URL of a request", noErrorHasAURL)
	t.Run("an error of an interceptor is the application's", anErrorOfAnInterceptorIsTheApplications)
	t.Run("a wrapped error keeps its fields", aWrappedErrorKeepsItsFields)
	t.Run("Do reaches the adapter through the chain", doReachesTheAdapterThroughTheChain)
	t.Run("NewClient refuses what would hide an adapter", newClientRefusesWhatWouldHideAnAdapter)
}

func aSessionAndAConnectionNameTheirClient(t *testing.T) {
	t.Parallel()
	c := bankmux.NewClient("mk-live", &statusFake{fake{provider: "mk", env: bankmux.Production}})
	s, conn := linked(t, c, "u-1")
	assert.Equal(t, "mk-live", s.Client)
	assert.Equal(t, "mk", s.Provider)
	assert.Equal(t, bankmux.Production, s.Environment)
	assert.Len(t, s.ID, 26, "128 bits in base32")
	assert.Equal(t, s.ConnectionID, conn.ID)
	assert.Equal(t, "mk-live", conn.Client)
	assert.Equal(t, "u-1", conn.User)
	assert.Equal(t, []bankmux.Capability{bankmux.CapStatus, bankmux.CapDisconnect}, c.Capabilities())
}

func anInvalidCallSendsNothing(t *testing.T) {
	t.Parallel()
	f := &statusFake{fake{provider: "mk", env: bankmux.Sandbox}}
	c := bankmux.NewClient("mk", f)
	s, conn := linked(t, c, "u-1")
	_, foreign := linked(t, bankmux.NewClient("other", &statusFake{fake{provider: "mk", env: bankmux.Sandbox}}), "u-1")
	_, live := linked(t, bankmux.NewClient("mk", &statusFake{fake{provider: "mk", env: bankmux.Production}}), "u-1")
	f.calls.Store(0)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancelLate := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancelLate()
	ok := bankmux.ExchangeRequest{Session: s, User: "u-1", Payload: bankmux.NewSecret(goodPayload)}
	exchange := func(change func(*bankmux.ExchangeRequest)) func() error {
		return func() error {
			req := ok
			change(&req)
			_, err := c.ExchangeToken(t.Context(), req)
			return err
		}
	}
	status := func(conn bankmux.Connection) func() error {
		return func() error {
			_, err := c.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
			return err
		}
	}
	for name, c := range map[string]struct {
		call func() error
		kind bankmux.Kind
		text string
	}{
		"a nil context": {func() error {
			_, err := c.CreateSession(nil, bankmux.SessionRequest{User: "u-1"}) //nolint:staticcheck // what is tested
			return err
		}, bankmux.ErrInvalid, "invalid_request: context is nil"},
		"a cancelled context": {func() error {
			_, err := c.CreateSession(cancelled, bankmux.SessionRequest{User: "u-1"})
			return err
		}, bankmux.ErrContextDone, "context canceled"},
		"an expired deadline": {func() error {
			_, err := c.ExchangeToken(late, ok)
			return err
		}, bankmux.ErrContextDone, "deadline exceeded"},
		"no session":               {exchange(func(r *bankmux.ExchangeRequest) { r.Session = bankmux.Session{} }), bankmux.ErrInvalid, "Session"},
		"without a login":          {exchange(func(r *bankmux.ExchangeRequest) { r.User = "" }), bankmux.ErrInvalid, "User"},
		"another user's session":   {exchange(func(r *bankmux.ExchangeRequest) { r.User = "u-2" }), bankmux.ErrInvalid, "not the user who started"},
		"another client's session": {exchange(func(r *bankmux.ExchangeRequest) { r.Session.Client = "x" }), bankmux.ErrInvalid, `made by client "x"`},
		"another provider's":       {exchange(func(r *bankmux.ExchangeRequest) { r.Session.Provider = "dp" }), bankmux.ErrInvalid, "is of dp sandbox"},
		"another environment's": {
			exchange(func(r *bankmux.ExchangeRequest) { r.Session.Environment = bankmux.Production }),
			bankmux.ErrInvalid, "production",
		},
		"an expired session": {exchange(func(r *bankmux.ExchangeRequest) { r.Session.ExpiresAt = time.Now() }), bankmux.ErrTokenSpent, "expired at"},
		"no payload":         {exchange(func(r *bankmux.ExchangeRequest) { r.Payload = bankmux.Secret{} }), bankmux.ErrInvalid, "Payload is empty"},
		"the user left": {
			exchange(func(r *bankmux.ExchangeRequest) { r.Payload = bankmux.NewSecret(`{"error":null}`) }),
			bankmux.ErrUserAction, "left the flow",
		},
		"the flow failed": {
			exchange(func(r *bankmux.ExchangeRequest) { r.Payload = bankmux.NewSecret(`{"error":{"x":1}}`) }),
			bankmux.ErrUserAction, bankmux.CodeCancelled,
		},
		"a connection made by hand": {
			status(bankmux.Connection{ID: "c", Provider: "mk", Client: "mk", Environment: bankmux.Sandbox}),
			bankmux.ErrInvalid, "no credential",
		},
		"another client's":        {status(foreign), bankmux.ErrInvalid, `is "other", not "mk"`},
		"a production connection": {status(live), bankmux.ErrInvalid, "is of mk production"},
		"an unknown capability":   {func() error { return c.Check(t.Context()) }, bankmux.ErrUnsupported, "mk has no CheckCredentials"},
	} {
		err := c.call()
		require.Error(t, err, name)
		assert.Equal(t, c.kind, bankmux.KindOf(err), name)
		assert.ErrorContains(t, err, c.text, name)
		e, _ := errors.AsType[*bankmux.Error](err)
		assert.True(t, e.NotSent, name)
		assert.Equal(t, "mk", e.Client, name)
		assert.NotContains(t, err.Error(), planted, name)
	}
	assert.Zero(t, f.calls.Load())
	_ = conn
}

func anAbortBesideATokenIsNotAnAbort(t *testing.T) {
	t.Parallel()
	c := bankmux.NewClient("mk", &fake{provider: "mk"})
	s, err := c.CreateSession(t.Context(), bankmux.SessionRequest{User: "u"})
	require.NoError(t, err)
	_, err = c.ExchangeToken(
		t.Context(),
		bankmux.ExchangeRequest{Session: s, User: "u", Payload: bankmux.NewSecret(`{"token":"t","error":null}`)},
	)
	assert.NoError(t, err)
}

func aReconnectKeepsTheIdentityAndNeedsTheOwner(t *testing.T) {
	t.Parallel()
	c := bankmux.NewClient("mk", &fake{provider: "mk"})
	_, conn := linked(t, c, "u-1")
	_, err := c.CreateSession(t.Context(), bankmux.SessionRequest{User: "u-2", Reconnect: &conn})
	assert.ErrorIs(t, err, bankmux.ErrInvalid)
	s, err := c.CreateSession(t.Context(), bankmux.SessionRequest{User: "u-1", Reconnect: &conn})
	require.NoError(t, err)
	assert.Equal(t, bankmux.ModeRelink, s.Launch.Mode)
	stored, err := json.Marshal(s)
	require.NoError(t, err)
	assert.NotContains(t, string(stored), planted)
	assert.NotContains(t, fmt.Sprintf("%+v %#v", s, *s.Reconnect), planted)
	var back bankmux.Session
	require.NoError(t, json.Unmarshal(stored, &back))
	again, err := single.Connection(
		c.ExchangeToken(
			t.Context(),
			bankmux.ExchangeRequest{Session: back, User: "u-1", Payload: bankmux.NewSecret(goodPayload)},
		),
	)
	require.NoError(t, err)
	assert.Equal(t, conn.ID, again.ID)
	assert.Equal(t, conn.CreatedAt, again.CreatedAt)
}

func anUnverifiedConnectionIsRefused(t *testing.T) {
	t.Parallel()
	c := bankmux.NewClient("mk", &statusFake{fake{provider: "mk"}})
	_, conn := linked(t, c, "u-1")
	conn.Status.State = bankmux.StateUnverified
	_, err := c.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
	assert.NoError(t, err)
	_, err = c.Disconnect(t.Context(), bankmux.DisconnectRequest{Connection: conn})
	assert.NoError(t, err)
}

func interceptorsRunOutermostFirst(t *testing.T) {
	t.Parallel()
	var order []string
	named := func(name string) bankmux.Interceptor {
		return func(ctx context.Context, op bankmux.Op, next func(context.Context) error) error {
			order = append(order, name+">")
			defer func() { order = append(order, "<"+name) }()
			assert.Equal(t, "CreateSession", op.Name)
			return next(ctx)
		}
	}
	c := bankmux.NewClient("mk", &fake{provider: "mk"}, named("b"), named("c")).With(named("a"))
	_, err := c.CreateSession(t.Context(), bankmux.SessionRequest{User: "u"})
	require.NoError(t, err)
	assert.Equal(t, []string{"a>", "b>", "c>", "<c", "<b", "<a"}, order)
}

func anErrorOfAnAdapterIsTypedAndLosesItsURL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		err  error
		kind bankmux.Kind
	}{
		{"a URL with a token", &url.Error{Op: "Get", URL: "https://x/?token=" + planted, Err: errors.New("no route")}, bankmux.ErrUnknown},
		{"a context of its own", fmt.Errorf("wrapped: %w", context.Canceled), bankmux.ErrUnknown},
		{"a wrapped error", fmt.Errorf("wrapped: %w", &bankmux.Error{
			Kind: bankmux.ErrRateLimited, RetryAfter: time.Hour, Unlisted: true,
		}), bankmux.ErrRateLimited},
		{"a kind alone", bankmux.ErrQuota, bankmux.ErrQuota},
	} {
		f := &fake{provider: "mk", create: func(context.Context, bankmux.SessionRequest) error { return c.err }}
		_, err := bankmux.NewClient("mk", f).CreateSession(t.Context(), bankmux.SessionRequest{User: "u"})
		e, ok := errors.AsType[*bankmux.Error](err)
		require.True(t, ok, c.name)
		assert.Equal(t, c.kind, e.Kind, c.name)
		assert.Equal(t, "CreateSession", e.Op, c.name)
		assert.NotContains(t, err.Error(), planted, c.name)
	}
}

// address is an error of net/http about a request whose URL has a token.
func address(cause error) error {
	return &url.Error{Op: "Get", URL: "https://x/links/" + planted + "?token=" + planted, Err: cause}
}

// rewritten is an error that writes the URL of its cause in its own way.
type rewritten struct{ error }

func (e rewritten) Error() string {
	var u *url.Error
	errors.As(e.error, &u)
	return "no way to <" + u.URL + ">"
}

func (e rewritten) Unwrap() error { return e.error }

// noErrorHasAURL specifies that no cause shows the URL of a request, whoever returned it, and that
// errors.Is finds the cause.
func noErrorHasAURL(t *testing.T) {
	t.Parallel()
	away := errors.New("no route")
	limited := &bankmux.Error{Kind: bankmux.ErrRateLimited}
	spent := &bankmux.Error{Kind: bankmux.ErrQuota, Err: address(away)}
	for name, c := range map[string]struct {
		err, is error
		says    string
	}{
		"alone":                    {address(away), away, "no route"},
		"wrapped":                  {fmt.Errorf("limiter: %w", address(away)), away, "limiter: no route"},
		"joined":                   {errors.Join(context.Canceled, address(away)), context.Canceled, "no route"},
		"two":                      {errors.Join(address(away), address(io.EOF)), io.EOF, "no route"},
		"one in another":           {address(fmt.Errorf("proxy: %w", address(away))), away, "proxy: no route"},
		"in that of a proxy":       {&net.OpError{Op: "proxyconnect", Err: address(away)}, away, "proxyconnect: no route"},
		"a deadline":               {address(context.DeadlineExceeded), context.DeadlineExceeded, "deadline exceeded"},
		"a cancelled request":      {address(context.Canceled), context.Canceled, "canceled"},
		"around an Error":          {address(limited), limited, "rate_limited"},
		"around a Kind":            {address(bankmux.ErrQuota), bankmux.ErrQuota, "quota"},
		"the cause of an Error":    {&bankmux.Error{Kind: bankmux.ErrUnavailable, Err: address(away)}, away, "no route"},
		"a cause of a cause":       {&bankmux.Error{Kind: bankmux.ErrUnknown, Err: spent}, away, "no route"},
		"in words of its own":      {rewritten{address(away)}, away, "the text of the cause has a URL"},
		"in words around an Error": {rewritten{address(limited)}, limited, "rate_limited"},
	} {
		for by, client := range map[string]*bankmux.Client{
			"an adapter": bankmux.NewClient("mk", &fake{provider: "mk", create: func(context.Context, bankmux.SessionRequest) error {
				return c.err
			}}),
			"an interceptor": bankmux.NewClient("mk", &fake{provider: "mk"}, func(
				context.Context, bankmux.Op, func(context.Context) error,
			) error {
				return c.err
			}),
		} {
			t.Run(name+" of "+by, func(t *testing.T) {
				t.Parallel()
				_, err := client.CreateSession(t.Context(), bankmux.SessionRequest{User: "u"})
				require.ErrorIs(t, err, c.is)
				require.ErrorContains(t, err, c.says)
				var log bytes.Buffer
				slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "err", err, "cause", bankmux.ErrorOf(err).Err)
				raw, _ := json.Marshal(err)
				cause := bankmux.ErrorOf(err).Err
				for _, text := range []string{
					err.Error(), fmt.Sprintf("%+v %#v %+v %#v", err, err, cause, cause), log.String(), string(raw),
				} {
					assert.NotContains(t, text, planted)
				}
				_, found := errors.AsType[*url.Error](err)
				assert.False(t, found)
				var timeout interface{ Timeout() bool }
				assert.Equal(t, name == "a deadline", errors.As(err, &timeout) && timeout.Timeout())
			})
		}
	}
}

func anErrorOfAnInterceptorIsTheApplications(t *testing.T) {
	t.Parallel()
	budget := errors.New("the budget is spent")
	for what, own := range map[string]error{"": budget, "wrapped": fmt.Errorf("no budget: %w", budget)} {
		f := &fake{provider: "p", env: bankmux.Sandbox}
		c := bankmux.NewClient(
			"c",
			f,
			func(context.Context, bankmux.Op, func(context.Context) error) error { return own },
		)
		_, err := c.CreateSession(t.Context(), bankmux.SessionRequest{User: "user-1"})
		require.Equal(t, bankmux.ErrApplication, bankmux.KindOf(err), what)
		require.ErrorIs(t, err, own)
		assert.ErrorContains(t, err, "application_failed: an interceptor failed")
	}
}

func aWrappedErrorKeepsItsFields(t *testing.T) {
	t.Parallel()
	inner := &bankmux.Error{
		Kind:       bankmux.ErrRateLimited,
		RetryAfter: time.Hour,
		Unlisted:   true,
		Code:       "odd",
		Client:     "another",
		Op:         "Other",
	}
	f := &fake{
		provider: "mk",
		create: func(context.Context, bankmux.SessionRequest) error {
			return fmt.Errorf("while greeting: %w", inner)
		},
	}
	_, err := bankmux.NewClient("mk", f).CreateSession(t.Context(), bankmux.SessionRequest{User: "u"})
	e, ok := errors.AsType[*bankmux.Error](err)
	require.True(t, ok)
	assert.Equal(t, time.Hour, e.RetryAfter)
	assert.True(t, e.Unlisted)
	assert.Equal(t, "odd", e.Code)
	assert.Equal(t, "mk", e.Client)
	assert.Equal(t, "CreateSession", e.Op)

	ctx, cancel := context.WithCancel(t.Context())
	f.create = func(context.Context, bankmux.SessionRequest) error { cancel(); return ctx.Err() }
	_, err = bankmux.NewClient("mk", f).CreateSession(ctx, bankmux.SessionRequest{User: "u"})
	require.ErrorIs(t, err, bankmux.ErrContextDone)
}

func doReachesTheAdapterThroughTheChain(t *testing.T) {
	t.Parallel()
	type greeter interface{ Describe() bankmux.Description }
	type painter interface{ Paint() }
	seen := 0
	count := func(ctx context.Context, op bankmux.Op, next func(context.Context) error) error {
		seen++
		assert.Equal(t, "mk", op.Client)
		return next(ctx)
	}
	c := bankmux.NewClient("mk", &fake{provider: "p"}, count)
	op := bankmux.Op{Name: "Greet", Group: bankmux.GroupData, Effect: bankmux.Read}
	name, err := bankmux.Do(
		t.Context(),
		c,
		op,
		func(_ context.Context, g greeter) (string, error) { return g.Describe().Provider, nil },
	)
	require.NoError(t, err)
	assert.Equal(t, "p", name)
	_, err = bankmux.Do(
		t.Context(),
		c,
		op,
		func(_ context.Context, p painter) (string, error) { p.Paint(); return "", nil },
	)
	assert.ErrorIs(t, err, errors.ErrUnsupported)
	assert.Equal(t, 1, seen)
}

func newClientRefusesWhatWouldHideAnAdapter(t *testing.T) {
	t.Parallel()
	f := &fake{provider: "mk"}
	c := bankmux.NewClient("mk", f)
	r, err := bankmux.NewRegistry([]*bankmux.Client{c}, []bankmux.Route{{Client: "mk"}})
	require.NoError(t, err)
	assert.Panics(t, func() { bankmux.NewClient("x", c) })
	assert.Panics(t, func() { bankmux.NewClient("x", r) })
	assert.Panics(t, func() { bankmux.NewClient("x", nil) })
	assert.Panics(t, func() { bankmux.NewClient("", f) })
}
