package bankmux_test

import (
	"cmp"
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/single"
)

// fake is an adapter whose results a test sets.
type fake struct {
	provider  string
	reference string // "" is ref-1
	env       bankmux.Environment
	calls     atomic.Int32
	create    func(context.Context, bankmux.SessionRequest) error
	exchange  func(context.Context, bankmux.ExchangeRequest) error
}

func (f *fake) Describe() bankmux.Description {
	return bankmux.Description{Provider: f.provider, Environment: f.env}
}

func (f *fake) CreateSession(ctx context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	f.calls.Add(1)
	if f.create != nil {
		if err := f.create(ctx, req); err != nil {
			return bankmux.Session{}, err
		}
	}
	return bankmux.NewSession(req), nil
}

func (f *fake) ExchangeToken(ctx context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	f.calls.Add(1)
	if f.exchange != nil {
		if err := f.exchange(ctx, req); err != nil {
			return bankmux.ExchangeResult{}, err
		}
	}
	conn := bankmux.NewConnection(req.Session, cmp.Or(f.reference, "ref-1"), bankmux.NewSecret(planted))
	conn.Status.State = bankmux.StateActive
	return bankmux.ExchangeResult{Connection: conn}, nil
}

// statusFake is a fake that also reads a status and disconnects.
type statusFake struct{ fake }

func (f *statusFake) ConnectionStatus(_ context.Context, req bankmux.StatusRequest) (bankmux.StatusResult, error) {
	f.calls.Add(1)
	return bankmux.StatusResult{Connection: req.Connection}, nil
}

func (f *statusFake) Disconnect(_ context.Context, req bankmux.DisconnectRequest) (bankmux.DisconnectResult, error) {
	f.calls.Add(1)
	return bankmux.DisconnectResult(req), nil
}

var goodPayload = []byte(`{"token":"t"}`)

// linked makes a session and a connection through c.
func linked(t *testing.T, c *bankmux.Client, user string) (bankmux.Session, bankmux.Connection) {
	t.Helper()
	s, err := c.CreateSession(t.Context(), bankmux.SessionRequest{User: user, Country: "US"})
	require.NoError(t, err)
	conn, err := single.Connection(
		c.ExchangeToken(
			t.Context(),
			bankmux.ExchangeRequest{Session: s, User: user, Payload: bankmux.NewSecret(goodPayload)},
		),
	)
	require.NoError(t, err)
	return s, conn
}
