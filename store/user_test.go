package store_test

import (
	"context"
	"database/sql"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/store"
)

// TestDeleteUserLinks specifies that a user who was deleted has no connection, whatever was linked
// meanwhile.
func TestDeleteUserLinks(t *testing.T) {
	onEach(t, "a connection that is stored meanwhile ends too", func(t *testing.T, db *database) {
		s := db.open(t)
		fill(t, s, "rosa")
		var ended []string
		require.NoError(t, s.DeleteUser(t.Context(), "rosa", func(_ context.Context, conn bankmux.Connection) error {
			if len(ended) < 3 {
				connection(t, s, "rosa", string(rune('1'+len(ended))))
			}
			ended = append(ended, conn.Reference())
			return nil
		}))
		assert.Equal(t, []string{"reference-1", "reference-2", "reference-3"}, ended[1:])
		for table, lines := range dump(t, s) {
			if table != "bankmux_schema" && table != "bankmux_seen" {
				assert.Empty(t, lines, table)
			}
		}
	})
	onEach(t, "an exchange that stores its result at any statement ends too", func(t *testing.T, db *database) {
		s, f := db.open(t), &fault{}
		deleting := db.faulty(t, f)
		waits := blocked(t, db)
		stored, refused := 0, 0
		for n := 1; ; n++ {
			connection(t, s, "rosa", "1")
			l := &late{goOn: make(chan struct{}), done: make(chan struct{})}
			f.before = func() error {
				l.release()
				waits(l.done)
				return nil
			}
			var ended []string
			require.NoError(t, deleting.DeleteUser(t.Context(), "rosa", func(_ context.Context, conn bankmux.Connection) error {
				ended = append(ended, conn.Reference())
				if len(ended) == 1 {
					l.start(t, s)
					f.arm(n)
				}
				return nil
			}))
			reached := f.reached()
			l.release()
			<-l.done
			left, err := s.Connections(t.Context(), "rosa")
			require.NoError(t, err)
			assert.Empty(t, left, "statement %d", n)
			if l.err == nil {
				stored++
				assert.True(t, slices.Contains(ended, "reference-2"), "statement %d: its access ended", n)
			} else {
				refused++
				require.ErrorIs(t, l.err, bankmux.ErrNotFound, "statement %d", n)
			}
			if !reached {
				break
			}
		}
		assert.Positive(t, stored)
		assert.Positive(t, refused)
	})
}

// late is an exchange of another process, which waits before it returns.
type late struct {
	goOn, done chan struct{}
	err        error
}

// start runs the exchange and returns when it has its claim.
func (l *late) start(t *testing.T, s *store.Store) {
	t.Helper()
	made := session(t, "rosa")
	require.NoError(t, s.SaveSession(t.Context(), made))
	claimed := make(chan struct{})
	go func() {
		defer close(l.done)
		_, l.err = s.Exchange(t.Context(), made.Ref(), payload("2"),
			func(ctx context.Context) (bankmux.ExchangeResult, error) {
				close(claimed)
				<-l.goOn
				return exchange(ctx, made, "2")
			})
	}()
	<-claimed
}

// release lets the exchange return.
func (l *late) release() {
	select {
	case <-l.goOn:
	default:
		close(l.goOn)
	}
}

// blocked returns a function that waits until done is closed, or until a transaction of the
// database waits for a lock of another. SQLite does not show who waits, so there it does not wait.
func blocked(t *testing.T, db *database) func(done <-chan struct{}) {
	t.Helper()
	if db.dialect == store.SQLite {
		return func(<-chan struct{}) {}
	}
	server, err := sql.Open("pgx", serverURL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	return func(done <-chan struct{}) {
		for waiting := 0; waiting == 0; {
			select {
			case <-done:
				return
			default:
			}
			assert.NoError(t, server.QueryRow("SELECT COUNT(*) FROM pg_stat_activity"+
				" WHERE wait_event_type = 'Lock' AND query LIKE '%bankmux_exchanges%'").Scan(&waiting))
		}
	}
}
