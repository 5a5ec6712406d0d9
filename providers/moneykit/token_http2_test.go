package moneykit_test

import (
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/bankharness"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/internal/wirefault"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestTokenOverHTTP2 specifies how often a token is requested.
func TestTokenOverHTTP2(t *testing.T) {
	t.Parallel()
	t.Run(
		"a token fetched within a call is requested once per attempt",
		aTokenFetchedWithinACallIsRequestedOncePerAttempt,
	)
}

func aTokenFetchedWithinACallIsRequestedOncePerAttempt(t *testing.T) {
	t.Parallel()
	for _, f := range wirefault.HTTP2() {
		if f.Name == "http2_goaway_graceful" {
			continue // it succeeds
		}
		for _, expired := range []bool{false, true} { // or there is none yet
			t.Run(f.Name+map[bool]string{true: "/expired", false: "/none"}[expired], func(t *testing.T) {
				t.Parallel()
				s := start(t, virtualbank.Options{}, nil)
				post := s.post(request)
				bank := s.bank.MoneyKit()
				var injected atomic.Bool
				var fetched, exchanged atomic.Int32
				client := overHTTP2(t, s, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					switch {
					case !injected.Load():
						bank.ServeHTTP(w, r)
					case r.URL.Path == "/auth/token":
						if fetched.Add(1) > 50 { // net/http could continue without end
							bank.ServeHTTP(w, r)
							return
						}
						f.Serve(w, r, bank)
					default:
						exchanged.Add(1)
						bankharness.Respond(
							http.StatusUnauthorized,
							`{"error_code":"api_error.auth.expired_access_token",`+
								`"error_message":"Access token expired"}`,
						).ServeHTTP(w, r)
					}
				}))
				if expired {
					_, err := client.CreateSession(t.Context(), request)
					require.NoError(t, err)
				}
				injected.Store(true)
				_, err := client.ExchangeToken(t.Context(), post)
				require.Error(t, err)
				require.NotErrorIs(t, err, bankmux.ErrOutcomeUnknown, "the exchange was refused or not sent")
				attempts := int32(tokenAttempts)
				if f.Name == "http2_reset_body" {
					attempts = 1 // a response that breaks off is not requested again
				}
				assert.Equal(t, attempts, fetched.Load(), "token requests; %v", err)
				assert.LessOrEqual(t, exchanged.Load(), int32(1))

				injected.Store(false)
				conn, err := single.Connection(client.ExchangeToken(t.Context(), post))
				require.NoError(t, err)
				assert.Equal(t, post.Session.ConnectionID, conn.ID)
			})
		}
	}
}

const tokenAttempts = 3

// framing is a listener into whose connections the faults of HTTP/2 can be injected.
type framing struct{ net.Listener }

func (f framing) Accept() (net.Conn, error) {
	c, err := f.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return wirefault.HTTP2Conn(c), nil
}

// overHTTP2 is a new client, without a token, of a bank behind HTTP/2.
func overHTTP2(t *testing.T, s *setup, h http.Handler) *bankmux.Client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{
		Handler:           h,
		ConnContext:       wirefault.ConnContext,
		Protocols:         new(http.Protocols),
		ReadHeaderTimeout: time.Minute,
	}
	server.Protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(framing{l})
	}()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		assert.NoError(t, server.Close())
		<-served
	})
	creds := s.bank.Credentials().MoneyKit
	client, err := moneykit.New(moneykit.Config{
		ClientID: creds.ClientID, ClientSecret: bankmux.NewSecret(creds.ClientSecret), Environment: bankmux.Sandbox,
		BaseURL: "http://" + l.Addr().String(), HTTPClient: &http.Client{Transport: transport},
		Guard: guard.New(guard.Options{Retry: guard.RetryOptions{MaxAttempts: tokenAttempts, Base: time.Millisecond}}),
	})
	require.NoError(t, err)
	return client
}
