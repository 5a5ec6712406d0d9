package rotation_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rotation"
)

// TestLoss specifies what is lost, and what is not, when a response or a write fails.
func TestLoss(t *testing.T) {
	t.Parallel()
	t.Run("no renewed token is lost while the process lives", noRenewedTokenIsLostWhileTheProcessLives)
	t.Run("too many unsaved credentials stop renewals", tooManyUnsavedCredentialsStopRenewals)
	t.Run("a lost response is ErrOutcomeUnknown", aLostResponseIsErrOutcomeUnknown)
	t.Run("a keeper that fails sends nothing", aKeeperThatFailsSendsNothing)
}

// TestMain fails if a goroutine outlives the tests. It collects garbage less often, since the
// conformance suite allocates much and keeps little.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	goleak.VerifyTestMain(m)
}

var errDisk = errors.New("the disk is full")

// fragile is a keeper whose writes fail.
type fragile struct {
	bankmux.Keeper
	mu     sync.Mutex
	writes int // that fail yet
	after  int // that are committed, and say that they failed
	twice  bool
	closed bool // it cannot be read
}

func (k *fragile) Update(ctx context.Context, conn bankmux.Connection, change bankmux.ConnectionChange) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return errDisk
	}
	err := k.Keeper.Update(ctx, conn, func(ctx context.Context, stored bankmux.Connection) (bankmux.Connection, error) {
		next, err := change(ctx, stored)
		if k.twice && err == nil {
			next, err = change(ctx, stored)
		}
		if err == nil && k.writes > 0 {
			k.writes--
			return bankmux.Connection{}, errDisk
		}
		return next, err
	})
	if err == nil && k.after > 0 {
		k.after--
		return errDisk
	}
	return err
}

// withKeeper puts a keeper around that of the scene.
func withKeeper(k *fragile) func(*rotation.Config) {
	return func(cfg *rotation.Config) { k.Keeper, cfg.Keeper = cfg.Keeper, k }
}

func noRenewedTokenIsLostWhileTheProcessLives(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(t *testing.T){
		"a write that fails is tried again within the call": func(t *testing.T) {
			k := &fragile{writes: 2}
			s := newScene(t, &issuer{}, withKeeper(k))
			s.expire()
			got, err := s.do(s.tokens, s.conn)
			require.NoError(t, err)
			assert.Equal(t, s.stored().Credential(), got.Credential())
			assert.Equal(t, 1, s.renewals)
		},
		"a write that keeps failing fails the call, and the next call writes without a renewal": func(t *testing.T) {
			k := &fragile{writes: 5}
			s := newScene(t, &issuer{}, withKeeper(k))
			s.expire()
			calls, conn := 0, s.conn
			read := func(ctx context.Context, access bankmux.Secret) error {
				calls++
				return s.read(ctx, access)
			}
			err := s.tokens.Do(t.Context(), &conn, read)
			require.ErrorIs(t, err, bankmux.ErrApplication)
			require.ErrorIs(t, err, errDisk)
			assert.Equal(t, 1, calls, "nothing is sent with a token that is not stored")
			assert.Equal(t, s.conn.Credential(), s.stored().Credential())
			require.NoError(t, s.tokens.Do(t.Context(), &conn, read), "the write succeeds at the third try")
			assert.Equal(t, 2, calls, "it is written before anything is sent")
			assert.Equal(t, s.stored().Credential(), conn.Credential())
			assert.NotEqual(t, s.conn.Credential(), conn.Credential())
			assert.Equal(t, 1, s.renewals)
		},
		"a commit whose response is lost is found": func(t *testing.T) {
			k := &fragile{after: 1}
			s := newScene(t, &issuer{}, withKeeper(k))
			s.expire()
			_, err := s.do(s.tokens, s.conn)
			require.NoError(t, err)
			assert.Equal(t, 1, s.renewals)
		},
		"a keeper that calls twice renews once": func(t *testing.T) {
			s := newScene(t, &issuer{}, withKeeper(&fragile{twice: true}))
			s.expire()
			_, err := s.do(s.tokens, s.conn)
			require.NoError(t, err)
			assert.Equal(t, 1, s.renewals)
		},
		"an older copy that was stored over the newest is replaced by it": func(t *testing.T) {
			s := newScene(t, &issuer{})
			s.expire()
			_, err := s.do(s.tokens, s.conn)
			require.NoError(t, err)
			s.keeper.Put(s.conn) // an application that saves what it read before
			s.expire()
			_, err = s.do(s.tokens, s.conn)
			require.NoError(t, err)
			_, err = s.do(s.replica(), s.stored())
			require.NoError(t, err)
			assert.Equal(t, 2, s.renewals)
		},
		"a new login wins over a renewal that waits to be written": func(t *testing.T) {
			k := &fragile{writes: 3}
			s := newScene(t, &issuer{}, withKeeper(k))
			s.expire()
			_, err := s.do(s.tokens, s.conn)
			require.ErrorIs(t, err, bankmux.ErrApplication)
			again := s.link()
			s.keeper.Put(again)
			got, err := s.do(s.tokens, s.conn)
			require.NoError(t, err)
			assert.Equal(t, again.Credential(), got.Credential())
			assert.Equal(t, again.Credential(), s.stored().Credential())
		},
		"what the application stored beside the credential stays": func(t *testing.T) {
			s := newScene(t, &issuer{})
			changed := s.conn
			changed.Status.Code = "stored since"
			s.keeper.Put(changed)
			s.expire()
			_, err := s.do(s.tokens, s.conn)
			require.NoError(t, err)
			assert.Equal(t, "stored since", s.stored().Status.Code)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, test)
		})
	}
}

func tooManyUnsavedCredentialsStopRenewals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := &fragile{writes: 1 << 30}
		s := newScene(t, &issuer{}, withKeeper(k))
		at := func(i int) bankmux.Connection {
			conn := s.conn
			conn.ID = fmt.Sprint("connection-", i)
			return conn
		}
		s.former = s.refresh // each connection has the same token, which holds for all
		s.expire()
		for i := range 1000 {
			s.former = "planted-refresh-1"
			_, err := s.do(s.tokens, at(i))
			require.ErrorIs(t, err, bankmux.ErrApplication)
			require.Equal(t, i+1, s.renewals)
			s.expire()
		}
		_, err := s.do(s.tokens, at(1000))
		require.ErrorIs(t, err, bankmux.ErrApplication)
		assert.Equal(t, 1000, s.renewals, "one more would be lost with the process")

		k.writes = 0
		s.keeper.Delete(at(0).Ref())
		_, err = s.do(s.tokens, at(0))
		require.ErrorIs(t, err, bankmux.ErrGone)
		_, err = s.do(s.tokens, at(1000))
		require.NoError(t, err, "a deleted connection has no unsaved credential")
		assert.Equal(t, 1001, s.renewals)
	})
}

func aLostResponseIsErrOutcomeUnknown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		arrange func(*issuer)
		adapt   func(*rotation.Config)
		first   bankmux.Kind
		then    bankmux.Kind
		sent    int
	}{
		"the response is lost, and the next call learns that the tokens are": {
			func(p *issuer) { p.loses = 1 }, nil, bankmux.ErrOutcomeUnknown, bankmux.ErrReauth, 2,
		},
		"the response is lost, and the old refresh token still holds": {
			func(p *issuer) { p.loses, p.former = 1, p.refresh }, nil, bankmux.ErrOutcomeUnknown, "", 2,
		},
		"the response holds a token that cannot be sent": {
			func(p *issuer) { p.broken = "a\nb" }, nil, bankmux.ErrOutcomeUnknown, bankmux.ErrReauth, 2,
		},
		"the token endpoint is silent": {
			func(p *issuer) { p.takes = time.Minute }, nil, bankmux.ErrOutcomeUnknown, bankmux.ErrOutcomeUnknown, 2,
		},
		"the transport panics after it has sent": {
			func(p *issuer) { p.ends = func() { panic("planted-access-2") } }, nil, bankmux.ErrOutcomeUnknown,
			bankmux.ErrReauth, 2,
		},
		"the transport ends its goroutine": {
			func(p *issuer) { p.ends = runtime.Goexit }, nil, bankmux.ErrOutcomeUnknown, bankmux.ErrReauth, 2,
		},
		"a renewal that may be repeated is left to the guard": {
			func(p *issuer) { p.loses, p.former = 1, p.refresh },
			func(cfg *rotation.Config) { cfg.Repeatable = true }, bankmux.ErrUnavailable, "", 2,
		},
		"a refusal is an answer": {
			func(p *issuer) { p.refresh = "another" }, nil, bankmux.ErrReauth, bankmux.ErrReauth, 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				adapt := c.adapt
				if adapt == nil {
					adapt = func(*rotation.Config) {}
				}
				s := newScene(t, &issuer{}, adapt)
				s.expire()
				c.arrange(s.issuer)
				_, err := s.do(s.tokens, s.conn)
				require.Equal(t, c.first, bankmux.KindOf(err), "%v", err)
				assert.Equal(t, 1, s.renewals)
				assert.NotContains(t, err.Error(), "planted")
				e, ok := errors.AsType[*bankmux.Error](err)
				require.True(t, ok)
				if c.first == bankmux.ErrOutcomeUnknown {
					assert.Equal(t, bankmux.ScopeProvider, e.Affects(), "a breaker counts it")
					assert.Contains(t, err.Error(), e.FindOut)
					assert.NotEmpty(t, e.FindOut)
					assert.False(t, e.Repeatable(bankmux.Read), "no guard sends it again")
				}
				s.broken = ""
				_, err = s.do(s.tokens, s.conn)
				assert.Equal(t, c.then, bankmux.KindOf(err), "%v", err)
				assert.Equal(t, c.sent, s.renewals)
				if c.then == bankmux.ErrReauth {
					s.keeper.Put(s.link())
					_, err = s.do(s.tokens, s.stored())
					assert.NoError(t, err, "a reconnect replaces what was lost")
				}
			})
		})
	}
}

// odd is a keeper that does what its documentation forbids.
type odd func(ctx context.Context, conn bankmux.Connection, change bankmux.ConnectionChange) error

func (k odd) Update(ctx context.Context, conn bankmux.Connection, change bankmux.ConnectionChange) error {
	return k(ctx, conn, change)
}

func aKeeperThatFailsSendsNothing(t *testing.T) {
	t.Parallel()
	type change = bankmux.ConnectionChange
	for name, c := range map[string]struct {
		keeper odd
		kind   bankmux.Kind
	}{
		"its row cannot be read": {func(context.Context, bankmux.Connection, change) error {
			return errDisk
		}, bankmux.ErrApplication},
		"it has no such row": {func(context.Context, bankmux.Connection, change) error {
			return fmt.Errorf("rows: %w", bankmux.ErrGone)
		}, bankmux.ErrGone},
		"it never asks": {func(context.Context, bankmux.Connection, change) error {
			return nil
		}, bankmux.ErrApplication},
		"it panics": {func(context.Context, bankmux.Connection, change) error {
			panic("planted-access-1")
		}, bankmux.ErrApplication},
		"it ends its goroutine": {func(context.Context, bankmux.Connection, change) error {
			runtime.Goexit()
			return nil
		}, bankmux.ErrApplication},
		"it never gets the lock": {func(ctx context.Context, _ bankmux.Connection, _ change) error {
			<-ctx.Done()
			return ctx.Err()
		}, bankmux.ErrApplication},
		"it gets the lock too late": {func(ctx context.Context, conn bankmux.Connection, change change) error {
			time.Sleep(16 * time.Second)
			_, err := change(ctx, conn)
			return err
		}, bankmux.ErrApplication},
		"it has another user's connection": {func(ctx context.Context, conn bankmux.Connection, change change) error {
			conn.User = "user-2"
			_, err := change(ctx, conn)
			return err
		}, bankmux.ErrApplication},
		"it has another client's connection": {func(ctx context.Context, conn bankmux.Connection, change change) error {
			conn.Client = "another"
			_, err := change(ctx, conn)
			return err
		}, bankmux.ErrApplication},
		"it has a credential of another adapter": {func(ctx context.Context, conn bankmux.Connection, change change) error {
			_, err := change(ctx, conn.WithCredential(bankmux.NewSecret("opaque")))
			return err
		}, bankmux.ErrInvalid},
		"the connection was disconnected, and the keeper hides the error": {func(
			ctx context.Context, conn bankmux.Connection, change change,
		) error {
			conn.Status.State = bankmux.StateGone
			_, _ = change(ctx, conn)
			return nil
		}, bankmux.ErrGone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, &issuer{lifetime: time.Hour}, func(cfg *rotation.Config) { cfg.Keeper = c.keeper })
				time.Sleep(time.Hour)
				conn := s.conn
				err := s.tokens.Do(
					t.Context(),
					&conn,
					func(context.Context, bankmux.Secret) error { t.Error("sent"); return nil },
				)
				require.Equal(t, c.kind, bankmux.KindOf(err), "%v", err)
				e, ok := errors.AsType[*bankmux.Error](err)
				require.True(t, ok)
				assert.True(t, e.NotSent)
				assert.Zero(t, s.renewals)
				assert.NotContains(t, err.Error(), "planted")
			})
		})
	}
}
