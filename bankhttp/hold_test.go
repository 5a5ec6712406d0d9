package bankhttp_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
)

// leaseStore is a store that goes away while exchanges run, and that wants to know who lives.
type leaseStore struct {
	awayStore

	again time.Duration
	hangs atomic.Bool  // a hold does not return before its time is over
	tried atomic.Int32 // the holds that hung

	mu    sync.Mutex
	holds map[string][]time.Time // by session
}

func (s *leaseStore) HoldExchange(ctx context.Context, ref bankmux.SessionRef, _ []byte) (time.Duration, error) {
	if s.hangs.Load() {
		s.tried.Add(1)
		<-ctx.Done()
		return 0, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holds == nil {
		s.holds = map[string][]time.Time{}
	}
	s.holds[ref.ID] = append(s.holds[ref.ID], time.Now())
	return s.again, nil
}

// longest returns the longest time between two holds since a moment, until now, and their number.
func (s *leaseStore) longest(session string, since time.Time) (gap time.Duration, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range append(s.holds[session], time.Now()) {
		gap, since = max(gap, at.Sub(since)), at
	}
	return gap, len(s.holds[session])
}

// heldLinks are links whose results the store could not keep.
type heldLinks struct {
	*app

	store    *leaseStore
	sessions []string
	since    time.Time
}

func newHeldLinks(t *testing.T, again time.Duration) *heldLinks {
	t.Helper()
	l := &heldLinks{store: &leaseStore{again: again}, since: time.Now()}
	l.store.Store = bankhttp.NewMemory()
	l.store.away.Store(true)
	l.app = newHarborApp(t, newHarbor(), func(c *bankhttp.Config) { c.Store = l.store })
	for _, user := range []string{"rosa", "omar"} {
		session := l.harborStart(t, user)
		problem(t, l.send(t, user, "POST", "/sessions/"+session, codeOf(session, "")), 503)
		l.sessions = append(l.sessions, session)
	}
	return l
}

// quiet checks that no exchange is held any more.
func (l *heldLinks) quiet(t *testing.T) {
	t.Helper()
	for _, session := range l.sessions {
		_, before := l.store.longest(session, l.since)
		time.Sleep(time.Minute)
		_, after := l.store.longest(session, l.since)
		assert.Equal(t, before, after)
	}
}

// TestHeld specifies how long a service says that it holds a result.
func TestHeld(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		again, want time.Duration
		test        func(*testing.T, *heldLinks)
	}{
		"until the store keeps it": {0, 5 * time.Second, func(t *testing.T, l *heldLinks) {
			t.Helper()
			l.store.away.Store(false)
			time.Sleep(waiting)
		}},
		"as often as the store wants": {time.Second, time.Second, func(t *testing.T, l *heldLinks) {
			t.Helper()
			l.store.away.Store(false)
			time.Sleep(waiting)
		}},
		"not more often than four times a second": {1, time.Second / 4, func(t *testing.T, l *heldLinks) {
			t.Helper()
			_, n := l.store.longest(l.sessions[0], l.since)
			assert.LessOrEqual(t, n, 4*20*60+4)
			l.store.away.Store(false)
			time.Sleep(waiting)
		}},
		"for an hour at most": {0, 5 * time.Second, func(t *testing.T, _ *heldLinks) {
			t.Helper()
			time.Sleep(time.Hour)
		}},
		"until the service ends": {0, 5 * time.Second, func(t *testing.T, l *heldLinks) {
			t.Helper()
			require.ErrorIs(t, l.service.Close(t.Context()), bankhttp.KindStore)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newHeldLinks(t, c.again)
				time.Sleep(20 * time.Minute)
				for _, session := range l.sessions {
					gap, n := l.store.longest(session, l.since)
					assert.LessOrEqual(t, gap, c.want)
					assert.GreaterOrEqual(t, n, int(20*time.Minute/c.want)-1)
				}
				c.test(t, l)
				l.quiet(t)
			})
		})
	}
}

// TestHoldHangs specifies that a store that hangs is left alone, and is tried again.
func TestHoldHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newHeldLinks(t, 0)
		l.store.hangs.Store(true)
		time.Sleep(time.Minute)
		assert.LessOrEqual(t, l.store.tried.Load(), int32(7), "one exchange in ten seconds, not both")
		l.store.hangs.Store(false)
		before := map[string]int{}
		for _, session := range l.sessions {
			_, before[session] = l.store.longest(session, l.since)
		}
		time.Sleep(11 * time.Second)
		for _, session := range l.sessions {
			_, n := l.store.longest(session, l.since)
			assert.Greater(t, n, before[session], "the time of a hold is limited")
		}
		l.store.away.Store(false)
		time.Sleep(waiting)
	})
}

// doubtStore is a store with exchanges of the user that have no outcome.
type doubtStore struct {
	bankhttp.Store

	during func() // runs in DeleteUser

	mu   sync.Mutex
	list []bankhttp.Unfinished
}

// leave replaces the exchanges without an outcome.
func (s *doubtStore) leave(list ...bankhttp.Unfinished) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = list
}

func (s *doubtStore) left() []bankhttp.Unfinished {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list
}

func (s *doubtStore) DeleteUser(
	ctx context.Context, user string, disconnect func(context.Context, bankmux.Connection) error,
) ([]bankhttp.Unfinished, error) {
	if s.during != nil {
		s.during()
	}
	_, err := s.Store.DeleteUser(ctx, user, disconnect)
	return s.left(), err
}

func (s *doubtStore) ForgetExchange(_ context.Context, ref bankmux.SessionRef, _ []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, one := range s.list {
		if one.Session == ref.ID {
			s.list = append(s.list[:i:i], s.list[i+1:]...)
			return nil
		}
	}
	return nil
}

// TestDeleteUserInDoubt specifies what users learn about exchanges without an outcome.
func TestDeleteUserInDoubt(t *testing.T) {
	t.Parallel()
	type response struct {
		Unfinished []struct {
			Session string
			Since   time.Time
		}
	}
	t.Run("the response names the session and no user, and the log counts", func(t *testing.T) {
		t.Parallel()
		since := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
		store := &doubtStore{Store: bankhttp.NewMemory()}
		store.leave(bankhttp.Unfinished{User: "rosa", Session: "S1", Since: since},
			bankhttp.Unfinished{User: "rosa", Session: "S2"})
		var log bytes.Buffer
		a := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) {
			c.Store, c.Logger = store, slog.New(slog.NewTextHandler(&log, nil))
		})
		w := a.send(t, "rosa", "DELETE", "/user", "")
		got := object[response](t, w, 200)
		require.Len(t, got.Unfinished, 2)
		assert.Equal(t, 1, strings.Count(w.Body.String(), "since"), "a time that is not known is absent")
		assert.Equal(t, "S1", got.Unfinished[0].Session)
		assert.Equal(t, since, got.Unfinished[0].Since)
		assert.NotContains(t, w.Body.String(), "rosa")
		assert.Contains(t, log.String(), "a deleted user has exchanges without an outcome")
		assert.NotContains(t, log.String(), "rosa")
		store.leave()
		assert.Equal(t, 204, a.send(t, "rosa", "DELETE", "/user", "").Code)
	})
	t.Run("an exchange whose access this process has ended is not named", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			away := &awayStore{Store: bankhttp.NewMemory()}
			store := &doubtStore{Store: away}
			a := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) { c.Store = store })
			session := a.harborStart(t, "rosa")
			away.away.Store(true)
			problem(t, a.send(t, "rosa", "POST", "/sessions/"+session, codeOf(session, "")), 503)
			store.leave(bankhttp.Unfinished{User: "rosa", Session: session})
			assert.Equal(t, 204, a.send(t, "rosa", "DELETE", "/user", "").Code)
			assert.Empty(t, store.left())
		})
	})
	unknown := bankmux.Failure{Err: &bankmux.Error{Kind: bankmux.ErrOutcomeUnknown}}
	for name, c := range map[string]struct {
		failed []bankmux.Failure
		others int // whose tokens were spent
		left   int
	}{
		"is forgotten": {nil, 0, 0},
		"stays if another bank's outcome is unknown": {[]bankmux.Failure{unknown}, 0, 1},
		"stays if another bank's token was spent":    {nil, 1, 1},
	} {
		t.Run("an exchange whose access ends after the deletion "+name, func(t *testing.T) {
			t.Parallel()
			p, store := newHarbor(), &doubtStore{Store: bankhttp.NewMemory()}
			p.lost, p.others = c.failed, c.others
			a := newHarborApp(t, p, func(c *bankhttp.Config) { c.Store = store })
			session := a.harborStart(t, "rosa")
			p.during = func(ctx context.Context, op string) error {
				if op == bankmux.OpExchangeToken {
					store.leave(bankhttp.Unfinished{User: "rosa", Session: session})
					_, err := store.DeleteUser(ctx, "rosa", nil)
					assert.NoError(t, err)
				}
				return nil
			}
			problem(t, a.send(t, "rosa", "POST", "/sessions/"+session, codeOf(session, "")), 404)
			assert.Len(t, p.ended, 1)
			assert.Len(t, store.left(), c.left)
		})
	}
}
