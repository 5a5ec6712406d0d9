package moneykit_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestToken specifies how requests are authenticated.
func TestToken(t *testing.T) {
	t.Parallel()
	t.Run("an expired token is renewed once even for a one-shot", anExpiredTokenIsRenewedOnceEvenForAOneShot)
	t.Run("client headers replace the token if configured", clientHeadersReplaceTheTokenIfConfigured)
	t.Run("a failure of the token endpoint has its kind", aFailureOfTheTokenEndpointHasItsKind)
	t.Run("a token is fetched once for any stated lifetime", aTokenIsFetchedOnceForAnyStatedLifetime)
	t.Run("a token that cannot be sent is malformed", aTokenThatCannotBeSentIsMalformed)
}

func anExpiredTokenIsRenewedOnceEvenForAOneShot(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	post := s.post(request)
	s.bank.Advance(2 * time.Hour) // the token expires early here, as with a wrong clock
	_, err := s.client.ExchangeToken(t.Context(), post)
	require.ErrorIs(t, err, bankmux.ErrTokenSpent, "the exchange succeeded, although its token is too old by now")
	assert.Len(t, s.sent("POST /auth/token"), 2)

	require.NoError(t, s.bank.Inject(virtualbank.Fault{Name: "token_expired", Times: 1, Operation: exchangePath}))
	s.connect(request)
	assert.Len(t, s.sent("POST /auth/token"), 3)

	require.NoError(t, s.bank.Inject(virtualbank.Fault{Name: "token_expired"}))
	_, err = s.client.CreateSession(t.Context(), request)
	require.ErrorIs(t, err, bankmux.ErrCredentials)
	assert.Len(t, s.sent("POST /auth/token"), 4, "once, and not without end")
	s.bank.ClearFaults()

	require.NoError(t, s.bank.Inject(virtualbank.Fault{Name: "credentials_rejected", Operation: "POST /link-session"}))
	before := len(s.sent("POST /auth/token"))
	_, err = s.client.CreateSession(t.Context(), request)
	require.ErrorIs(t, err, bankmux.ErrCredentials)
	assert.Len(t, s.sent("POST /auth/token"), before, "never on another 401")
}

func clientHeadersReplaceTheTokenIfConfigured(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, func(c *moneykit.Config) { c.Auth = moneykit.AuthHeaders })
	s.connect(request)
	require.NoError(t, s.client.Check(t.Context()))
	assert.Empty(t, s.sent("POST /auth/token"))
	assert.Empty(t, s.header.Get("Authorization"))
	assert.NotEmpty(t, s.header.Get("X-Client-Secret"))
}

func aFailureOfTheTokenEndpointHasItsKind(t *testing.T) {
	t.Parallel()
	for fault, kind := range map[string]bankmux.Kind{
		"hang": bankmux.ErrContextDone, "credentials_rejected": bankmux.ErrCredentials,
		"html_200": bankmux.ErrMalformed, "unavailable": bankmux.ErrUnavailable,
	} {
		s := start(t, virtualbank.Options{}, nil)
		require.NoError(t, s.bank.Inject(virtualbank.Fault{Name: fault, Operation: "POST /auth/token"}))
		limit := time.Hour
		if fault == "hang" {
			limit = 300 * time.Millisecond
		}
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		_, err := s.client.CreateSession(ctx, request)
		cancel()
		require.ErrorIs(t, err, kind, fault)
		e, _ := errors.AsType[*bankmux.Error](err)
		assert.True(t, e.NotSent, "%s: the operation itself was not sent", fault)
	}
	s := start(t, virtualbank.Options{}, nil)
	require.NoError(t, s.bank.Inject(virtualbank.Fault{Name: "short_token"}))
	s.connect(request)
}

func aTokenIsFetchedOnceForAnyStatedLifetime(t *testing.T) {
	t.Parallel()
	for _, lifetime := range []string{
		`"expires_in":3600`, `"expires_in":"3600"`, `"expires_in":3600.0`, `"expires_in":3.6e3`, `"expires_in":0`,
		`"expires_in":null`, `"expires_in":-1`,
		`"expires_in":9300000000`, `"expires_in":1e300`, `"expires_in":1e400`, `"expires_in":"soon"`, `"expires_in":{}`,
		`"expires_in":true`, `"other":1`,
	} {
		client, g, fetched := endpoint(t, `{"access_token":"token",`+lifetime+`}`, `{"link_session_token":"session"}`)
		for range 8 {
			_, err := client.CreateSession(t.Context(), request)
			require.NoError(t, err, lifetime)
		}
		assert.EqualValues(t, 1, fetched.Load(), lifetime)
		for _, b := range g.Breakers() {
			assert.Equal(t, "closed", b.State, lifetime)
			assert.Zero(t, b.Failures, lifetime)
		}
	}
}

func aTokenThatCannotBeSentIsMalformed(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		`a\nb`, `a\r\nX-Other: b`, `a\u0000`, ` a`, `\u00e9`, "\xff", strings.Repeat("x", 20_000), ``,
	} {
		client, _, fetched := endpoint(
			t,
			`{"access_token":"`+bad+`","expires_in":3600}`,
			`{"link_session_token":"session"}`,
		)
		for range 2 {
			_, err := client.CreateSession(t.Context(), request)
			require.ErrorIs(t, err, bankmux.ErrMalformed, "%.20q", bad)
			assert.NotContains(t, err.Error(), "X-Other")
		}
		assert.EqualValues(t, 2, fetched.Load(), "%.20q: it was kept", bad)

		client, _, _ = endpoint(t, `{"access_token":"token","expires_in":3600}`, `{"link_session_token":"`+bad+`"}`)
		_, err := client.CreateSession(t.Context(), request)
		require.ErrorIs(t, err, bankmux.ErrMalformed, "%.20q", bad)

		good := moneykit.Config{
			ClientID:     "id",
			ClientSecret: bankmux.NewSecret("secret"),
			Environment:  bankmux.Sandbox,
			Auth:         moneykit.AuthHeaders,
		}
		for field, change := range map[string]func(*moneykit.Config){
			"ClientID":     func(c *moneykit.Config) { c.ClientID = bad + "\n" },
			"ClientSecret": func(c *moneykit.Config) { c.ClientSecret = bankmux.NewSecret(bad + "\n") },
		} {
			cfg := good
			change(&cfg)
			_, err := moneykit.New(cfg)
			require.ErrorIs(t, err, bankmux.ErrInvalid)
			require.ErrorContains(t, err, "Config."+field)
		}
	}
}

// endpoint is a client whose token endpoint sends this response and counts its calls. Everything
// else responds with the session.
func endpoint(t *testing.T, token, session string) (*bankmux.Client, *guard.Guard, *atomic.Int32) {
	t.Helper()
	var fetched atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/auth/token" {
			fetched.Add(1)
			_, _ = io.WriteString(w, token)
			return
		}
		_, _ = io.WriteString(w, session)
	}))
	t.Cleanup(server.Close)
	g := guard.New(guard.Options{Retry: guard.RetryOptions{MaxAttempts: 1}})
	client, err := moneykit.New(moneykit.Config{
		ClientID:     "id",
		ClientSecret: bankmux.NewSecret("planted-secret"),
		Environment:  bankmux.Sandbox,
		BaseURL:      server.URL,
		Guard:        g,
	})
	require.NoError(t, err)
	return client, g, &fetched
}
