package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/store"
)

// prepared is an operation whose rows are there. It runs on the store with a fault.
type prepared func(ctx context.Context, s *store.Store) error

// operations are the methods that are one transaction. Each prepares what it needs with a store
// that works; n makes ids differ.
var operations = map[string]func(t *testing.T, s *store.Store, n string) prepared{
	"SaveSession": func(t *testing.T, _ *store.Store, _ string) prepared {
		made := session(t, "rosa")
		return func(ctx context.Context, s *store.Store) error { return s.SaveSession(ctx, made) }
	},
	"DeleteSession": func(t *testing.T, s *store.Store, _ string) prepared {
		made := session(t, "rosa")
		require.NoError(t, s.SaveSession(t.Context(), made))
		return func(ctx context.Context, s *store.Store) error { return s.DeleteSession(ctx, made.Ref()) }
	},
	"SaveConnection": func(t *testing.T, _ *store.Store, n string) prepared {
		linked, err := exchange(t.Context(), session(t, "rosa"), n)
		require.NoError(t, err)
		return func(ctx context.Context, s *store.Store) error { return s.SaveConnection(ctx, linked.Connection) }
	},
	"DeleteConnection": func(t *testing.T, s *store.Store, n string) prepared {
		conn := fill(t, s, "rosa-"+n)
		return func(ctx context.Context, s *store.Store) error { return s.DeleteConnection(ctx, conn.User, conn.ID) }
	},
	"SaveChallenge": func(t *testing.T, s *store.Store, n string) prepared {
		conn := fill(t, s, "rosa-"+n)
		return func(ctx context.Context, s *store.Store) error {
			_, err := s.SaveChallenge(ctx, conn.User, bankmux.Challenge{ID: "2", Connection: conn.ID})
			return err
		}
	},
	"CloseChallenge": func(t *testing.T, s *store.Store, n string) prepared {
		conn := connection(t, s, "rosa", n)
		id, err := s.SaveChallenge(t.Context(), "rosa", bankmux.Challenge{ID: "2", Connection: conn.ID})
		require.NoError(t, err)
		return func(ctx context.Context, s *store.Store) error { return s.CloseChallenge(ctx, "rosa", id) }
	},
	"Mark": func(_ *testing.T, _ *store.Store, n string) prepared {
		return func(ctx context.Context, s *store.Store) error { return s.Mark(ctx, "delivery "+n) }
	},
	"Queue": func(t *testing.T, s *store.Store, n string) prepared {
		conn := connection(t, s, "rosa", n)
		return func(ctx context.Context, s *store.Store) error { return s.Queue(ctx, event(conn, n)) }
	},
	"Dequeue": func(t *testing.T, s *store.Store, n string) prepared {
		conn := connection(t, s, "rosa", n)
		require.NoError(t, s.Queue(t.Context(), event(conn, n)))
		return func(ctx context.Context, s *store.Store) error {
			_, err := s.Dequeue(ctx, 2)
			return err
		}
	},
	"Done": func(t *testing.T, s *store.Store, n string) prepared {
		q := queued(t, s, n)
		return func(ctx context.Context, s *store.Store) error { return s.Done(ctx, q) }
	},
	"Release": func(t *testing.T, s *store.Store, n string) prepared {
		q := queued(t, s, n)
		return func(ctx context.Context, s *store.Store) error { return s.Release(ctx, q) }
	},
	"Postpone": func(t *testing.T, s *store.Store, n string) prepared {
		q := queued(t, s, n)
		return func(ctx context.Context, s *store.Store) error {
			return s.Postpone(ctx, q, time.Now().Add(time.Hour))
		}
	},
	"TakeDue": func(t *testing.T, s *store.Store, n string) prepared {
		connection(t, s, "rosa", n)
		return func(ctx context.Context, s *store.Store) error {
			_, err := s.TakeDue(ctx, 2, time.Hour)
			return err
		}
	},
	"SetDue": func(t *testing.T, s *store.Store, n string) prepared {
		connection(t, s, "rosa", n)
		due, err := s.TakeDue(t.Context(), 1, time.Hour)
		require.NoError(t, err)
		return func(ctx context.Context, s *store.Store) error {
			return s.SetDue(ctx, due[0], time.Now().Add(time.Hour))
		}
	},
	"NameAccounts": func(t *testing.T, s *store.Store, n string) prepared {
		conn := fill(t, s, "rosa-"+n)
		return func(ctx context.Context, s *store.Store) error {
			_, err := s.NameAccounts(ctx, conn, []bankmux.Account{
				checking("provider-account-"+conn.User, "1"), checking("new", "2"), checking("newer", "3"),
			})
			return err
		}
	},
	"IdentifyAccount": func(t *testing.T, s *store.Store, n string) prepared {
		conn := fill(t, s, "rosa-"+n)
		all, err := s.Unnamed(t.Context(), conn.User)
		require.NoError(t, err)
		return func(ctx context.Context, s *store.Store) error {
			_, _, err := s.IdentifyAccount(ctx, conn.User, all[0].ID, "")
			return err
		}
	},
	"StoreDelta": func(t *testing.T, s *store.Store, n string) prepared {
		conn := fill(t, s, "rosa-"+n)
		a := name(t, s, conn, checking("second", "2"))[0]
		row := func(key, text string) bankmux.Added { return movement(a, key, "2026-01-02", "-5", text) }
		storePage(t, s, conn, bankmux.Delta{Added: []bankmux.Added{row("1", "a"), row("2", "b"), row("3", "c")}})
		require.NoError(t, s.SetNote(t.Context(), conn.User, a, "3", "noted"))
		was, same, may := row("1", "a").Known, row("2", "b").Known, row("4", "d").Known
		return func(ctx context.Context, s *store.Store) error {
			stored, err := s.StoreDelta(ctx, conn, bankmux.SyncState{Version: 3}, bankmux.Delta{
				Added:     []bankmux.Added{row("4", "d"), row("5", "e")},
				Missing:   []bankmux.Absence{{Known: row("2", "b").Known}},
				Replaced:  []bankmux.Change{{Was: &was, Known: row("1b", "a").Known, Row: row("1b", "a").Row}},
				Removed:   []bankmux.Absence{{Known: row("3", "c").Known}},
				Suggested: []bankmux.Suggestion{{Was: &same, May: []*bankmux.Known{&may}}},
			}, bankmux.SyncState{})
			assert.Equal(t, err == nil, stored)
			return err
		}
	},
	"StoreSyncState": func(t *testing.T, s *store.Store, n string) prepared {
		conn := connection(t, s, "rosa", n)
		return func(ctx context.Context, s *store.Store) error {
			_, err := s.StoreSyncState(ctx, conn, bankmux.SyncState{}, bankmux.SyncState{Cursor: "c"})
			return err
		}
	},
	"SaveBalances": func(t *testing.T, s *store.Store, n string) prepared {
		conn := connection(t, s, "rosa", n)
		name(t, s, conn, checking("a", n))
		return func(ctx context.Context, s *store.Store) error {
			return s.SaveBalances(ctx, conn, []bankmux.AccountBalances{{
				Account:  "a",
				Balances: []bankmux.Balance{{Kind: bankmux.BalanceBooked}, {Kind: bankmux.BalanceAvailable}},
			}})
		}
	},
	"SetNote": func(t *testing.T, s *store.Store, n string) prepared {
		conn := fill(t, s, "rosa-"+n)
		accounts, err := s.Accounts(t.Context(), conn.User)
		require.NoError(t, err)
		return func(ctx context.Context, s *store.Store) error {
			return s.SetNote(ctx, conn.User, accounts[0].Name, "kept", "noted")
		}
	},
	"DeleteAccount": func(t *testing.T, s *store.Store, n string) prepared {
		conn := fill(t, s, "rosa-"+n)
		accounts, err := s.Accounts(t.Context(), conn.User)
		require.NoError(t, err)
		return func(ctx context.Context, s *store.Store) error {
			return s.DeleteAccount(ctx, conn.User, accounts[0].Name)
		}
	},
}

func queued(t *testing.T, s *store.Store, n string) store.Queued {
	t.Helper()
	conn := connection(t, s, "rosa", n)
	require.NoError(t, s.Queue(t.Context(), event(conn, n)))
	all := dequeue(t, s, 1)
	require.Len(t, all, 1)
	return all[0]
}

// faults are what may happen to a statement.
var faults = map[string]func(t *testing.T, db *database) *fault{
	"fails": func(*testing.T, *database) *fault { return &fault{err: errFault} },
	"breaks off": func(t *testing.T, db *database) *fault {
		return &fault{before: db.breakConnections(t)}
	},
}

func TestFaults(t *testing.T) {
	for method, prepare := range operations {
		for _, what := range slices.Sorted(maps.Keys(faults)) {
			onEach(t, method+" stores nothing if a statement "+what, func(t *testing.T, db *database) {
				healthy, f := db.open(t), faults[what](t, db)
				s := db.faulty(t, f)
				failures := 0
				for n := 1; ; n++ {
					run := prepare(t, healthy, fmt.Sprint(n))
					before := dump(t, healthy)
					f.arm(n)
					err := run(t.Context(), s)
					if !f.reached() {
						require.NoError(t, err)
						break
					}
					if err == nil {
						continue // database/sql repeated a first statement on another connection
					}
					failures++
					checkFault(t, err)
					assert.Equal(t, before, dump(t, healthy), "statement %d", n)
					require.NoError(t, run(t.Context(), s), "it may be repeated")
				}
				assert.NotZero(t, failures)
			})
		}
	}
	onEach(t, "reads report a failure", func(t *testing.T, db *database) {
		healthy, f := db.open(t), &fault{err: errFault, forever: true}
		conn := fill(t, healthy, "rosa")
		s := db.faulty(t, f)
		f.arm(1)
		ctx := t.Context()
		var all [15]error
		_, all[0] = s.Session(ctx, bankmux.SessionRef{User: "rosa", ID: "1"})
		_, all[1] = s.Sessions(ctx, "rosa")
		_, all[2] = s.FindSession(ctx, "1")
		_, all[3] = s.Connection(ctx, "rosa", conn.ID)
		_, all[4] = s.Connections(ctx, "rosa")
		_, all[5] = s.FindConnection(ctx, "heron", conn.ReferenceKey)
		_, all[6] = s.Challenge(ctx, "rosa", "1")
		_, all[7] = s.Seen(ctx, "1")
		_, all[8] = s.Accounts(ctx, "rosa")
		_, all[9] = s.Transactions(ctx, query("rosa"))
		_, all[10] = s.SyncState(ctx, conn)
		_, all[11] = s.Notes(ctx, "rosa", "a")
		_, all[12] = s.BalanceHistory(ctx, store.HistoryQuery{})
		for _, err := range s.Known(ctx, "a", bankmux.Date{}, bankmux.Date{}) {
			all[13] = err
		}
		_, all[14] = s.Unnamed(ctx, "rosa")
		for i, err := range all {
			require.Error(t, err, i)
			checkFault(t, err)
		}
	})
}

// checkFault checks the error of a database.
func checkFault(t *testing.T, err error) {
	t.Helper()
	failure, ok := errors.AsType[*store.Error](err)
	if assert.True(t, ok, "%T %v", err, err) {
		assert.NotEmpty(t, failure.Op)
	}
	for _, text := range []string{"12345678", "hunter2", "db.internal"} {
		assert.NotContains(t, fmt.Sprintf("%v %+v %q", err, failure, failure.Unwrap()), text)
	}
}

// TestFaultsOfSeveral tests methods with several transactions.
func TestFaultsOfSeveral(t *testing.T) {
	for what, newFault := range faults {
		onEach(t, "an exchange is sent once if a statement "+what, func(t *testing.T, db *database) {
			healthy, f := db.open(t), newFault(t, db)
			s := db.faulty(t, f)
			for n := 1; ; n++ {
				l := startLink(t, healthy, "rosa")
				f.arm(n)
				_, err := l.finish(t.Context(), s, fmt.Sprint(n))
				reached := f.reached()
				if err != nil {
					checkFault(t, err)
					assert.Zero(t, l.calls.Load(), "what was exchanged is stored at the second try")
				}
				res, err := l.finish(t.Context(), healthy, fmt.Sprint(n))
				require.NoError(t, err)
				_, err = healthy.Connection(t.Context(), "rosa", res.Connection.ID)
				require.NoError(t, err)
				assert.EqualValues(t, 1, l.calls.Load())
				if !reached {
					break
				}
			}
		})
		onEach(t, "a change is whole if a statement "+what, func(t *testing.T, db *database) {
			c := newClock()
			healthy, f := db.open(t, store.WithNow(c.now)), newFault(t, db)
			s := db.faulty(t, f, store.WithNow(c.now))
			for n := 1; ; n++ {
				conn := connection(t, healthy, "rosa", fmt.Sprint(n))
				f.arm(n)
				err := s.Update(t.Context(), conn, degrade)
				reached := f.reached()
				now, readErr := healthy.Connection(t.Context(), "rosa", conn.ID)
				require.NoError(t, readErr)
				if err != nil {
					checkFault(t, err)
					assert.Equal(t, conn, now)
				} else {
					assert.Equal(t, bankmux.StateDegraded, now.Status.State)
				}
				c.advance(31 * time.Second) // the lease stays if its end failed
				require.NoError(t, healthy.Update(t.Context(), conn, degrade))
				if !reached {
					break
				}
			}
		})
		onEach(t, "Reseal may be repeated if a statement "+what, func(t *testing.T, db *database) {
			old, f := db.open(t), newFault(t, db)
			db.keys = ring(t, key("2027"), key("2026"))
			s := db.faulty(t, f)
			db.keys = ring(t, key("2027"))
			after := db.open(t)
			for n := 1; ; n++ {
				user := fmt.Sprint("rosa-", n)
				fill(t, old, user)
				f.arm(n)
				_, err := s.Reseal(t.Context(), 0)
				reached := f.reached()
				if err != nil {
					checkFault(t, err)
					_, err = s.Reseal(t.Context(), 0)
				}
				require.NoError(t, err)
				readAll(t, after, user)
				if !reached {
					break
				}
			}
		})
		onEach(t, "DeleteUser may be repeated if a statement "+what, func(t *testing.T, db *database) {
			healthy, f := db.open(t), newFault(t, db)
			s := db.faulty(t, f)
			for n := 1; ; n++ {
				fill(t, healthy, "rosa")
				ended := 0
				end := func(context.Context, bankmux.Connection) error { ended++; return nil }
				f.arm(n)
				err := deleteUser(t, s, "rosa", end)
				reached := f.reached()
				if err != nil {
					checkFault(t, err)
					err = deleteUser(t, s, "rosa", end)
				}
				require.NoError(t, err)
				assert.Positive(t, ended)
				for table, lines := range dump(t, healthy) {
					if table != "bankmux_schema" && table != "bankmux_seen" {
						assert.Empty(t, lines, table)
					}
				}
				if !reached {
					break
				}
			}
		})
	}
	onEach(t, "a commit whose response is lost is not stored twice", func(t *testing.T, db *database) {
		healthy, f := db.open(t), &fault{err: errFault, after: true}
		s := db.faulty(t, f)
		conn := connection(t, healthy, "rosa", "1")
		a := name(t, healthy, conn, checking("a", "1"))[0]
		page := bankmux.Delta{Added: []bankmux.Added{movement(a, "1", "2026-01-02", "-5", "Tea")}}
		zero := bankmux.SyncState{}
		_, err := s.StoreDelta(t.Context(), conn, zero, bankmux.Delta{}, zero) // opens the connection
		require.NoError(t, err)
		f.arm(0)
		state := bankmux.SyncState{Version: 1}
		_, err = s.StoreDelta(t.Context(), conn, state, bankmux.Delta{}, zero)
		require.NoError(t, err)
		f.mu.Lock()
		statements := f.count
		f.mu.Unlock()
		state.Version++
		f.arm(statements + 3) // the page has three more: its account, its keys, its row
		stored, err := s.StoreDelta(t.Context(), conn, state, page, zero)
		require.True(t, f.reached())
		checkFault(t, err)
		assert.False(t, stored)
		assert.Len(t, rowsOf(t, healthy, a), 1, "it was stored")
		stored, err = s.StoreDelta(t.Context(), conn, state, page, zero)
		require.NoError(t, err)
		assert.False(t, stored, "the sync reads on from the stored state")
		assert.Len(t, rowsOf(t, healthy, a), 1)
	})
}
