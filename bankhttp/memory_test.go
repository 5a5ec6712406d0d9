package bankhttp_test

import (
	"context"
	"encoding/json"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/ledgertest"
)

// TestMemory specifies that the store for trials is a ledger like any other.
func TestMemory(t *testing.T) {
	t.Parallel()
	ledgertest.Run(t, func(*testing.T) ledgertest.Fixture {
		m := bankhttp.NewMemory()
		return ledgertest.Fixture{
			Ledger: m,
			Save:   func(ctx context.Context, conn bankmux.Connection) error { return keepIn(ctx, m, conn) },
			Delete: func(ctx context.Context, conn bankmux.Connection) error {
				return m.DeleteConnection(ctx, conn.User, conn.ID)
			},
		}
	})
}

// keepIn stores a connection as an exchange does.
func keepIn(ctx context.Context, m bankhttp.Store, conn bankmux.Connection) error {
	payload, err := json.Marshal(conn.ID)
	if err != nil {
		return err
	}
	ref := bankmux.SessionRef{User: conn.User, ID: conn.ID}
	_, err = m.Exchange(ctx, ref, payload, func(context.Context) (bankmux.ExchangeResult, error) {
		return bankmux.ExchangeResult{Connection: conn}, nil
	})
	return err
}

func TestMemoryQueue(t *testing.T) {
	t.Parallel()
	t.Run("an event waits until its connection is stored", func(t *testing.T) {
		t.Parallel()
		a := newApp(t)
		m := bankhttp.NewMemory()
		conn := a.stored(t, "rosa", a.link(t, "rosa", "dapi").ID)
		event := bankmux.Event{Client: conn.Client, ReferenceKey: conn.ReferenceKey, Key: "1"}
		require.NoError(t, m.Queue(t.Context(), event))
		_, _, err := m.Dequeue(t.Context())
		require.ErrorIs(t, err, bankmux.ErrNotFound)

		require.NoError(t, keepIn(t.Context(), m, conn))
		got, found, err := m.Dequeue(t.Context())
		require.NoError(t, err)
		require.Equal(t, event, got)
		require.Equal(t, conn.ID, found.ID)
		_, _, err = m.Dequeue(t.Context())
		require.ErrorIs(t, err, bankmux.ErrNotFound, "an event is taken once")
	})
	t.Run("an event that waits is not stored twice", func(t *testing.T) {
		t.Parallel()
		a := newHarborApp(t, newHarbor())
		m := bankhttp.NewMemory()
		conn := a.stored(t, "rosa", a.harborLink(t, "rosa"))
		require.NoError(t, keepIn(t.Context(), m, conn))
		for _, key := range []string{"1", "1", "2"} {
			require.NoError(t, m.Queue(t.Context(), eventOf(conn, "rows", key)))
		}
		assert.Equal(t, []string{"rows", "rows"}, queued(t, m))
	})
	t.Run("a queue full of events of strangers has room for those of stored connections",
		func(t *testing.T) {
			t.Parallel()
			m := bankhttp.NewMemory()
			for range 5_000 {
				require.NoError(t, m.Queue(t.Context(), bankmux.Event{}))
			}
			var announced atomic.Int32
			a := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) {
				c.Store, c.Linked = m, func(context.Context, bankmux.Connection) { announced.Add(1) }
			})
			assert.Equal(t, 500, a.hook(t, `{"kind":"transactions_available"}`).Code, "the provider delivers it again")
			conn := a.stored(t, "rosa", a.harborLink(t, "rosa"))
			assert.EqualValues(t, 1, announced.Load())
			require.NoError(t, m.Queue(t.Context(), eventOf(conn, "rows", "1")))
			assert.Equal(t, []string{bankhttp.EventLinked, "rows"}, queued(t, m))
		})
	t.Run("a full queue takes what the user has done, and refuses the rest", func(t *testing.T) {
		t.Parallel()
		m := bankhttp.NewMemory()
		a := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) { c.Store = m })
		conn := a.stored(t, "rosa", a.harborLink(t, "rosa"))
		queued(t, m)
		for range 10_000 {
			require.NoError(t, m.Queue(t.Context(), eventOf(conn, "rows", "")))
		}
		require.Error(t, m.Queue(t.Context(), eventOf(conn, "rows", "one more")))
		require.Error(t, m.Queue(t.Context(), bankmux.Event{Name: bankhttp.EventLinked}), "of a stranger")
		for _, name := range []string{bankhttp.EventLinked, bankhttp.EventNamed} {
			require.NoError(t, m.Queue(t.Context(), eventOf(conn, name, name)))
		}
	})
}

// eventOf returns an event of a connection.
func eventOf(conn bankmux.Connection, name, key string) bankmux.Event {
	return bankmux.Event{Client: conn.Client, ReferenceKey: conn.ReferenceKey, Name: name, Key: key}
}

// TestMemoryChallenge specifies what a reconnect does to an open challenge.
func TestMemoryChallenge(t *testing.T) {
	t.Parallel()
	m := bankhttp.NewMemory()
	conn, other := bankmux.Connection{ID: "c", User: "rosa"}, bankmux.Connection{ID: "d", User: "rosa"}
	ids := map[string]string{}
	for _, one := range []bankmux.Connection{conn, other} {
		require.NoError(t, keepIn(t.Context(), m, one))
		id, err := m.SaveChallenge(t.Context(), "rosa",
			bankmux.Challenge{ID: "1", Connection: one.ID, ExpiresAt: time.Now().Add(time.Hour)})
		require.NoError(t, err)
		ids[one.ID] = id
	}
	_, err := m.Exchange(t.Context(), bankmux.SessionRef{User: "rosa", ID: "again"}, []byte("{}"),
		func(context.Context) (bankmux.ExchangeResult, error) {
			return bankmux.ExchangeResult{Connection: conn}, nil
		})
	require.NoError(t, err)
	_, err = m.Challenge(t.Context(), "rosa", ids["c"])
	require.ErrorIs(t, err, bankmux.ErrChallengeExpired, "the bank asked the login before")
	require.ErrorIs(t, m.CloseChallenge(t.Context(), "rosa", ids["c"]), bankmux.ErrChallengeExpired)
	_, err = m.Challenge(t.Context(), "rosa", ids["d"])
	require.NoError(t, err, "that of another connection stays open")
}

// TestMemoryExchange specifies an exchange that another post works on.
func TestMemoryExchange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := bankhttp.NewMemory()
		ref := bankmux.SessionRef{User: "rosa", ID: "s"}
		works, ends := make(chan struct{}), make(chan struct{})
		go func() {
			_, err := m.Exchange(t.Context(), ref, []byte("{}"), func(context.Context) (bankmux.ExchangeResult, error) {
				close(works)
				<-ends
				return bankmux.ExchangeResult{}, bankmux.ErrUnavailable
			})
			assert.ErrorIs(t, err, bankmux.ErrUnavailable)
		}()
		<-works
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := m.Exchange(ctx, ref, []byte("{}"), nil)
		require.ErrorIs(t, err, bankmux.ErrNotReady)
		close(ends)
	})
}

// TestMemoryPage specifies what follows the rows of a page.
func TestMemoryPage(t *testing.T) {
	t.Parallel()
	for _, after := range []string{"\x00", "zzz", "2026-11-25", "2026-11-25 account", "2026-13-25 account row"} {
		t.Run("a text that no page returned is refused: "+strconv.Quote(after), func(t *testing.T) {
			t.Parallel()
			query := bankhttp.Query{User: "rosa", Limit: 1, After: after}
			_, err := bankhttp.NewMemory().Transactions(t.Context(), query)
			require.ErrorIs(t, err, bankmux.ErrInvalid)
		})
	}
}
