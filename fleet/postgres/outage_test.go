package postgres_test

// This file stops PostgreSQL while calls are made.

import (
	"context"
	"io"
	"net"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/fleet/postgres"
	"github.com/bankmux/bankmux/guard"
)

// cable is the network between an application and PostgreSQL.
type cable struct {
	net.Listener
	server string

	mu    sync.Mutex
	trips int                   // times that the direction changed to the server
	out   bool                  // the last bytes went to the server
	cut   bool                  // new connections are closed, too
	still bool                  // nothing arrives any more, and nothing ends
	open  map[net.Conn]struct{} // both ends
	wait  sync.WaitGroup
}

// newCable returns a network and the URL of the database behind it.
func newCable(t *testing.T, s *schema) (*cable, string) {
	t.Helper()
	u, err := url.Parse(s.url)
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &cable{Listener: l, server: u.Host, open: map[net.Conn]struct{}{}}
	c.wait.Go(c.accept)
	t.Cleanup(func() {
		assert.NoError(t, l.Close())
		c.set(true, false)
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
		c.mu.Lock()
		if err != nil || c.cut {
			c.mu.Unlock()
			_ = near.Close()
			continue
		}
		c.open[near], c.open[far] = struct{}{}, struct{}{}
		c.mu.Unlock()
		c.wait.Go(func() { c.copy(near, far, false) })
		c.wait.Go(func() { c.copy(far, near, true) })
	}
}

// copy carries bytes until one end closes. While the cable is still, bytes are lost.
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
	still := w.c.still
	if w.out && !w.c.out {
		w.c.trips++
	}
	w.c.out = w.out
	w.c.mu.Unlock()
	if still {
		return len(p), nil
	}
	return w.to.Write(p)
}

// set cuts the cable or makes it still. Connections through which bytes were lost end.
func (c *cable) set(cut, still bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cut || (c.still && !still) {
		for conn := range c.open {
			_ = conn.Close()
		}
		clear(c.open)
	}
	c.cut, c.still = cut, still
}

// application is a process that makes guarded calls.
type application struct {
	fleet  *guard.Fleet
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

func newApplication(t *testing.T, address string) *application {
	t.Helper()
	shared, err := postgres.Open(t.Context(), address, postgres.Options{})
	require.NoError(t, err)
	t.Cleanup(shared.Close)
	fleet, err := guard.NewFleet(shared, keyring(), guard.FleetOptions{})
	require.NoError(t, err)
	return linked(t, fleet)
}

// linked returns a process with a linked connection.
func linked(t testing.TB, fleet *guard.Fleet) *application {
	t.Helper()
	g := guard.New(guard.Options{Fleet: fleet, OnePerConnection: true, Hold: true})
	a := &application{fleet: fleet, client: bankmux.NewClient("stub", stub{}, g.Interceptors()...)}
	session, err := a.client.CreateSession(t.Context(), bankmux.SessionRequest{User: "user", Country: "AE"})
	require.NoError(t, err)
	linked, err := a.client.ExchangeToken(t.Context(), bankmux.ExchangeRequest{
		Session: session, User: "user", Payload: bankmux.NewSecret(`{"token":"t"}`),
	})
	require.NoError(t, err)
	a.conn = linked.Connection
	return a
}

// load makes calls from eight callers until stop is called. It returns the number of calls. Each
// call must be successful.
func (a *application) load(t *testing.T) (stop func() int64) {
	t.Helper()
	ended := make(chan struct{})
	var all sync.WaitGroup
	var calls atomic.Int64
	var longest atomic.Int64
	for range 8 {
		all.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
				}
				start := time.Now()
				_, err := a.client.Accounts(context.Background(), bankmux.AccountsRequest{Connection: a.conn})
				if !assert.NoError(t, err) {
					return
				}
				calls.Add(1)
				took := int64(time.Since(start))
				for most := longest.Load(); took > most && !longest.CompareAndSwap(most, took); most = longest.Load() {
				}
			}
		})
	}
	return func() int64 {
		close(ended)
		all.Wait()
		t.Logf("%d calls, the longest took %s, eight callers share one connection",
			calls.Load(), time.Duration(longest.Load()))
		return calls.Load()
	}
}

// settled waits until the fleet is down or not.
func (a *application) settled(t *testing.T, down bool) {
	t.Helper()
	require.Eventually(t, func() bool { return a.fleet.Stats().Down == down }, time.Minute, time.Millisecond)
}

// TestOutage specifies that calls go on while PostgreSQL is away.
func TestOutage(t *testing.T) {
	for name, lost := range map[string]struct{ cut, still bool }{
		"calls go on while PostgreSQL refuses connections": {cut: true},
		"calls go on while PostgreSQL hangs":               {still: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSchema(t)
			s.open(t, "")
			cable, address := newCable(t, s)
			a := newApplication(t, address)
			stop := a.load(t)
			cable.set(lost.cut, lost.still)
			a.settled(t, true)
			before := a.fleet.Stats().Unleased
			require.Eventually(t, func() bool { return a.fleet.Stats().Unleased > before+1000 }, time.Minute, time.Millisecond,
				"calls are made without a lease, and counted")
			cable.set(false, false)
			a.settled(t, false)
			stop()
			before = a.fleet.Stats().Unleased
			a.leased(t, before)
		})
	}
	t.Run("calls go on while PostgreSQL restarts", func(t *testing.T) {
		s := newSchema(t)
		s.open(t, "")
		require.NotEmpty(t, restart, "set BANKMUX_POSTGRES_RESTART to a command, as .ci/postgres does")
		a := newApplication(t, s.url)
		stop := a.load(t)
		words := strings.Fields(restart)
		out, err := exec.CommandContext(t.Context(), words[0], words[1:]...).CombinedOutput()
		require.NoError(t, err, "%s", out)
		a.settled(t, false)
		stop()
		a.leased(t, a.fleet.Stats().Unleased)
	})
}

// leased requires that a call gets a lease again.
func (a *application) leased(t *testing.T, unleased uint64) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := a.client.Accounts(context.Background(), bankmux.AccountsRequest{Connection: a.conn})
		assert.NoError(t, err)
		now := a.fleet.Stats().Unleased
		was := unleased
		unleased = now
		return now == was
	}, time.Minute, time.Millisecond)
}
