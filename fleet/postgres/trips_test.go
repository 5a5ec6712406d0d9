package postgres_test

// This file counts round trips and measures what a turn costs.

import (
	"context"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/fleet/postgres"
	"github.com/bankmux/bankmux/guard"
)

// patient lets slow machines keep the promise that these tests are about.
var patient = guard.FleetOptions{MaxDelay: time.Minute}

func keyring(t testing.TB) *bankmux.Keyring {
	t.Helper()
	keys, err := bankmux.NewKeyring(bankmux.Key{ID: "k", Material: bankmux.NewSecret(strings.Repeat("k", 32))})
	require.NoError(t, err)
	return keys
}

// TestTrips specifies that each method is one round trip, and a guarded call two.
func TestTrips(t *testing.T) {
	t.Parallel()
	s := newSchema(t)
	s.open(t, "")
	cable, address := newCable(t, s)
	b, err := postgres.Open(t.Context(), address, postgres.Options{Conns: 1})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	ctx := t.Context()
	var lease guard.Lease
	do := map[string]func() error{
		"Facts": func() error { _, err := b.Facts(ctx); return err },
		"PutFact": func() error {
			return b.PutFact(ctx, "n", guard.Fact{Value: []byte("x"), TTL: time.Hour})
		},
		"Take": func() error {
			_, err := b.Take(ctx, guard.Take{Key: "k", N: 1, Limit: 9, Window: time.Hour})
			return err
		},
		"Seen": func() error { _, err := b.Seen(ctx, "d"); return err },
		"Mark": func() error { return b.Mark(ctx, "d") },
		"Acquire": func() (err error) {
			lease, err = b.Acquire(ctx, guard.Claim{Key: "k", Holder: "h", TTL: time.Hour})
			return err
		},
		"Release": func() error {
			_, err := b.Release(ctx, guard.Release{Key: "k", Holder: "h", Fence: lease.Fence})
			return err
		},
	}
	require.NoError(t, do["Facts"]()) // connects
	for _, name := range []string{"Facts", "PutFact", "Take", "Seen", "Mark", "Acquire", "Release"} {
		require.Eventually(t, func() bool { // the pool checks a connection that was idle for a second
			before := cable.count()
			require.NoError(t, do[name]())
			return cable.count()-before == 1
		}, time.Minute, time.Millisecond, name)
	}

	fleet, err := guard.NewFleet(b, keyring(t), patient)
	require.NoError(t, err)
	a := linked(t, fleet)
	require.Eventually(t, func() bool { // once in a second the board is read, beside the call
		before := cable.count()
		require.NoError(t, a.read())
		return cable.count()-before == 2
	}, time.Minute, time.Millisecond, "a guarded call")
}

// cable is the network between an application and PostgreSQL. It counts round trips.
type cable struct {
	net.Listener
	server string
	wait   sync.WaitGroup

	mu    sync.Mutex
	trips int  // times that the direction changed to the server
	out   bool // the last bytes went to the server
}

// newCable returns a network and the URL of the database behind it. Its clients close before it.
func newCable(t *testing.T, s *schema) (*cable, string) {
	t.Helper()
	u, err := url.Parse(s.url)
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &cable{Listener: l, server: u.Host}
	c.wait.Go(c.accept)
	t.Cleanup(func() {
		assert.NoError(t, l.Close())
		c.wait.Wait()
	})
	u.Host = l.Addr().String()
	return c, u.String()
}

func (c *cable) accept() {
	for {
		near, err := c.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", c.server)
		if err != nil {
			_ = near.Close()
			continue
		}
		c.wait.Go(func() { c.copy(near, far, false) })
		c.wait.Go(func() { c.copy(far, near, true) })
	}
}

// copy carries bytes until one end closes.
func (c *cable) copy(to, from net.Conn, out bool) {
	_, _ = io.Copy(writer{c, to, out}, from)
	_, _ = to.Close(), from.Close()
}

type writer struct {
	c   *cable
	to  net.Conn
	out bool
}

func (w writer) Write(p []byte) (int, error) {
	w.c.mu.Lock()
	if w.out && !w.c.out {
		w.c.trips++
	}
	w.c.out = w.out
	w.c.mu.Unlock()
	return w.to.Write(p)
}

// count returns the round trips so far.
func (c *cable) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.trips
}

// application is a process that makes guarded calls.
type application struct {
	client *bankmux.Client
	conn   bankmux.Connection
}

// stub is an adapter whose only operation responds at once.
type stub struct{}

func (stub) CreateSession(_ context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	return bankmux.NewSession(req), nil
}

func (stub) ExchangeToken(_ context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	conn := bankmux.NewConnection(req.Session, "reference", bankmux.NewSecret("credential"))
	conn.Status = bankmux.Status{State: bankmux.StateActive, At: conn.CreatedAt}
	return bankmux.ExchangeResult{Connection: conn}, nil
}

func (stub) Accounts(context.Context, bankmux.AccountsRequest) (bankmux.AccountsResult, error) {
	return bankmux.AccountsResult{}, nil
}

// linked returns a process with a linked connection.
func linked(t testing.TB, fleet *guard.Fleet) *application {
	t.Helper()
	g := guard.New(guard.Options{Fleet: fleet, OnePerConnection: true, Hold: true})
	a := &application{client: bankmux.NewClient("stub", stub{}, g.Interceptors()...)}
	session, err := a.client.CreateSession(t.Context(), bankmux.SessionRequest{User: "user", Country: "AE"})
	require.NoError(t, err)
	linked, err := a.client.ExchangeToken(t.Context(), bankmux.ExchangeRequest{
		Session: session, User: "user", Payload: bankmux.NewSecret(`{"token":"t"}`),
	})
	require.NoError(t, err)
	a.conn = linked.Connection
	return a
}

// read makes a guarded call.
func (a *application) read() error {
	_, err := a.client.Accounts(context.Background(), bankmux.AccountsRequest{Connection: a.conn})
	return err
}

// BenchmarkTurn measures a guarded call whose provider responds at once: a lease and its release.
func BenchmarkTurn(b *testing.B) {
	s := newSchema(b)
	shared := s.open(b, "")
	fleet, err := guard.NewFleet(shared, keyring(b), patient)
	require.NoError(b, err)
	a := linked(b, fleet)
	for b.Loop() {
		require.NoError(b, a.read())
	}
	require.Zero(b, fleet.Stats())
}
