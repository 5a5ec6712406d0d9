package guard_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// TestHostedExchange specifies retries and holds of a provider that redirects to a page of its own.
func TestHostedExchange(t *testing.T) {
	t.Parallel()
	t.Run("an exchange that only reads", anExchangeThatOnlyReads)
	t.Run("a reconnect that keeps the reference releases the connection", aReconnectThatKeepsTheReferenceReleases)
	t.Run("a reconnect in another process releases the connection", aReconnectInAnotherProcessReleasesTheConnection)
}

// hosted is a provider that sends the browser to a page of its own. Its exchange has the effect
// that is set, and a reconnect keeps the reference.
type hosted struct {
	effect   bankmux.Effect
	exchange func(n int) error // of the n-th try, from 1
	accounts error
	tries    int
	reads    int
}

func (h *hosted) Effect(op bankmux.Op) bankmux.Effect {
	if op.Name == bankmux.OpExchangeToken {
		return h.effect
	}
	return op.Effect
}

func (h *hosted) CreateSession(_ context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	s := bankmux.NewSession(req)
	s.Launch.URL, s.State = bankmux.NewLaunchToken("https://bank.example/authorize"), bankmux.NewSecret("verifier")
	return s, nil
}

func (h *hosted) ExchangeToken(_ context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	h.tries++
	if h.exchange != nil {
		if err := h.exchange(h.tries); err != nil {
			return bankmux.ExchangeResult{}, err
		}
	}
	conn := bankmux.NewConnection(req.Session, "consent-1", bankmux.NewSecret("credential"))
	conn.Status.State = bankmux.StateActive
	return bankmux.ExchangeResult{Connection: conn}, nil
}

func (h *hosted) Accounts(context.Context, bankmux.AccountsRequest) (bankmux.AccountsResult, error) {
	h.reads++
	return bankmux.AccountsResult{}, h.accounts
}

func (h *hosted) link(
	t *testing.T,
	c *bankmux.Client,
	old *bankmux.Connection,
	change func(*bankmux.ExchangeRequest),
) (bankmux.Connection, error) {
	t.Helper()
	s, err := c.CreateSession(t.Context(), bankmux.SessionRequest{User: "u-1", Reconnect: old})
	require.NoError(t, err)
	req := bankmux.ExchangeRequest{Session: s, User: "u-1"}
	if change != nil {
		change(&req)
	}
	res, err := c.ExchangeToken(t.Context(), req)
	return res.Connection, err
}

func anExchangeThatOnlyReads(t *testing.T) {
	t.Parallel()
	down := func(n int) error {
		if n == 1 {
			return &bankmux.Error{Kind: bankmux.ErrUnavailable, Status: 503}
		}
		return nil
	}
	payload := func(req *bankmux.ExchangeRequest) { req.Payload = bankmux.NewSecret(`{"code":"x"}`) }
	for name, test := range map[string]func(t *testing.T){
		"is repeated where the provider fails": func(t *testing.T) {
			h := &hosted{effect: bankmux.Read, exchange: down}
			c := bankmux.NewClient("hosted", h, guard.New(guard.Options{}).Interceptors()...)
			_, err := h.link(t, c, nil, nil)
			require.NoError(t, err)
			assert.Equal(t, 2, h.tries)
		},
		"is never an unknown outcome": func(t *testing.T) {
			h := &hosted{
				effect: bankmux.Read, exchange: func(int) error { return &bankmux.Error{Kind: bankmux.ErrUnavailable} },
			}
			c := bankmux.NewClient("hosted", h, guard.New(guard.Options{}).Interceptors()...)
			_, err := h.link(t, c, nil, payload)
			require.ErrorIs(t, err, bankmux.ErrUnavailable)
			assert.NotErrorIs(t, err, bankmux.ErrOutcomeUnknown)
			e, _ := errors.AsType[*bankmux.Error](err)
			assert.Empty(t, e.FindOut)
			assert.Greater(t, h.tries, 1)
		},
		"counts against the provider": func(t *testing.T) {
			h := &hosted{
				effect: bankmux.Read, exchange: func(int) error { return &bankmux.Error{Kind: bankmux.ErrUnavailable} },
			}
			g := guard.New(guard.Options{})
			c := bankmux.NewClient("hosted", h, g.Interceptors()...)
			s, err := c.CreateSession(t.Context(), bankmux.SessionRequest{User: "u-1"})
			require.NoError(t, err)
			for range 10 {
				_, err = c.ExchangeToken(t.Context(), bankmux.ExchangeRequest{Session: s, User: "u-1"})
			}
			require.ErrorIs(t, err, bankmux.ErrCircuitOpen)
		},
		"is sent once where it spends something": func(t *testing.T) {
			h := &hosted{effect: bankmux.OneShot, exchange: down}
			c := bankmux.NewClient("hosted", h, guard.New(guard.Options{}).Interceptors()...)
			_, err := h.link(t, c, nil, payload)
			require.ErrorIs(t, err, bankmux.ErrOutcomeUnknown)
			assert.Equal(t, 1, h.tries)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, test)
		})
	}
}

func aReconnectThatKeepsTheReferenceReleases(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*bankmux.ExchangeRequest, *bankmux.Connection){
		"with the session as it was made": func(*bankmux.ExchangeRequest, *bankmux.Connection) {},
		"with the opened connection": func(req *bankmux.ExchangeRequest, conn *bankmux.Connection) {
			req.Connection = conn
		},
		"with a session of plain JSON": func(req *bankmux.ExchangeRequest, _ *bankmux.Connection) {
			raw, err := json.Marshal(req.Session)
			require.NoError(t, err)
			req.Session = bankmux.Session{}
			require.NoError(t, json.Unmarshal(raw, &req.Session))
		},
	} {
		for cause, err := range map[string]error{
			"a login that was rejected": &bankmux.Error{Kind: bankmux.ErrReauth, Code: "consent_expired"},
			"a question": &bankmux.Error{
				Kind: bankmux.ErrUserAction,
				Challenge: &bankmux.Challenge{
					ID: "c-1", Inputs: []bankmux.Input{{Kind: bankmux.InputOTP}}, ExpiresAt: time.Now().Add(time.Hour),
				},
			},
		} {
			t.Run(cause+", "+name, func(t *testing.T) {
				t.Parallel()
				h := &hosted{effect: bankmux.Read}
				c := bankmux.NewClient("hosted", h, guard.New(guard.Options{Hold: true}).Interceptors()...)
				conn, failed := h.link(t, c, nil, nil)
				require.NoError(t, failed)
				other, failed := h.link(t, c, nil, nil)
				require.NoError(t, failed)
				read := func(conn bankmux.Connection) error {
					_, err := c.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
					return err
				}
				h.accounts = err
				for range 2 {
					require.Error(t, read(conn))
					require.Error(t, read(other))
				}
				require.Equal(t, 2, h.reads, "both connections are held")
				h.accounts = nil
				renewed, failed := h.link(t, c, &conn, func(req *bankmux.ExchangeRequest) { change(req, &conn) })
				require.NoError(t, failed)
				require.Equal(t, conn.Reference(), renewed.Reference())
				require.NoError(t, read(renewed))
				require.Error(t, read(other), "the other connection of the user stays held")
			})
		}
	}
}

func aReconnectInAnotherProcessReleasesTheConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &hosted{effect: bankmux.Read}
		process := func() *bankmux.Client {
			return bankmux.NewClient("hosted", h, guard.New(guard.Options{Hold: true}).Interceptors()...)
		}
		here, there := process(), process()
		conn, err := h.link(t, here, nil, nil)
		require.NoError(t, err)
		read := func(conn bankmux.Connection) error {
			_, err := here.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
			return err
		}
		h.accounts = &bankmux.Error{Kind: bankmux.ErrReauth, Code: "consent_expired"}
		require.ErrorIs(t, read(conn), bankmux.ErrReauth)
		h.accounts = nil
		time.Sleep(time.Minute)
		renewed, err := h.link(t, there, &conn, nil)
		require.NoError(t, err)
		require.Equal(t, conn.Reference(), renewed.Reference())
		require.NoError(t, read(renewed))
		require.ErrorIs(t, read(conn), bankmux.ErrReauth, "the login that was rejected is not tried again")
	})
}
