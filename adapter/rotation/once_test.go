package rotation_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rotation"
)

// TestOnce specifies that a one-shot runs once, whatever happens to its token.
func TestOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(t *testing.T){
		"it runs once where its token is good, and after a renewal where that is due": func(t *testing.T) {
			s := newScene(t, &issuer{lifetime: time.Hour})
			for want := range 2 {
				conn, calls := s.conn, 0
				require.NoError(t,
					s.tokens.Once(t.Context(), &conn, func(ctx context.Context, access bankmux.Secret) error {
						calls++
						return s.read(ctx, access)
					}))
				assert.Equal(t, 1, calls)
				assert.Equal(t, want, s.renewals)
				time.Sleep(time.Hour)
			}
		},
		"a refusal renews the token for the next call and says that nothing was done": func(t *testing.T) {
			s := newScene(t, &issuer{})
			s.expire()
			conn, calls := s.conn, 0
			once := func(ctx context.Context, access bankmux.Secret) error {
				calls++
				return s.read(ctx, access)
			}
			err := s.tokens.Once(t.Context(), &conn, once)
			require.ErrorIs(t, err, bankmux.ErrUnavailable)
			assert.True(t, bankmux.OutcomeKnown(err))
			e, ok := errors.AsType[*bankmux.Error](err)
			require.True(t, ok)
			assert.Equal(t, bankmux.ScopeConnection, e.Affects())
			assert.False(t, e.Repeatable(bankmux.OneShot))
			assert.Equal(t, 1, calls)
			require.NoError(t, s.tokens.Once(t.Context(), &conn, once))
			assert.Equal(t, 2, calls)
			assert.Equal(t, 1, s.renewals)
		},
		"a refusal without a code gets one, so that its outcome is known": func(t *testing.T) {
			s := newScene(t, &issuer{}, func(cfg *rotation.Config) {
				cfg.Expired = func(e *bankmux.Error) bool { return e.Kind == bankmux.ErrReauth }
			})
			conn := s.conn
			err := s.tokens.Once(t.Context(), &conn, func(context.Context, bankmux.Secret) error {
				return bankmux.ErrReauth
			})
			require.ErrorIs(t, err, bankmux.ErrUnavailable)
			assert.True(t, bankmux.OutcomeKnown(err))
			assert.Contains(t, err.Error(), rotation.CodeTokenRefused)
		},
		"a refusal after which the keeper fails says both": func(t *testing.T) {
			s := newScene(t, &issuer{}, withKeeper(&fragile{writes: 9}))
			s.expire()
			conn := s.conn
			err := s.tokens.Once(t.Context(), &conn, s.read)
			require.Equal(t, bankmux.ErrUnavailable, bankmux.KindOf(err))
			require.ErrorIs(t, err, errDisk)
			assert.True(t, bankmux.OutcomeKnown(err))
		},
		"a call whose token was refused was sent, whatever the renewal says": func(t *testing.T) {
			s := newScene(t, &issuer{}, func(cfg *rotation.Config) {
				cfg.Refresh = func(context.Context, bankmux.Connection, rotation.Grant) (rotation.Grant, error) {
					return rotation.Grant{}, &bankmux.Error{Kind: bankmux.ErrReauth, NotSent: true}
				}
			})
			s.expire()
			for _, run := range []func(context.Context, *bankmux.Connection, rotation.Call) error{
				s.tokens.Do, s.tokens.Once,
			} {
				conn := s.conn
				err := run(t.Context(), &conn, s.read)
				require.ErrorIs(t, err, bankmux.ErrReauth)
				assert.False(t, bankmux.ErrorOf(err).NotSent)
			}
		},
		"a repeated call was sent before": func(t *testing.T) {
			s := newScene(t, &issuer{})
			s.expire()
			conn, calls := s.conn, 0
			err := s.tokens.Do(t.Context(), &conn, func(ctx context.Context, access bankmux.Secret) error {
				if calls++; calls == 1 {
					return s.read(ctx, access)
				}
				return &bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: true}
			})
			require.ErrorIs(t, err, bankmux.ErrUnavailable)
			assert.Equal(t, 2, calls)
			assert.False(t, bankmux.ErrorOf(err).NotSent)
		},
		"a refusal after which the renewal is lost names the renewal": func(t *testing.T) {
			s := newScene(t, &issuer{loses: 1})
			s.expire()
			conn := s.conn
			err := s.tokens.Once(t.Context(), &conn, s.read)
			require.Equal(t, bankmux.ErrOutcomeUnknown, bankmux.KindOf(err))
			assert.ErrorContains(t, err, "the access token was being renewed")
		},
		"a renewal that fails before it leaves it unsent": func(t *testing.T) {
			s := newScene(t, &issuer{lifetime: time.Hour})
			time.Sleep(time.Hour)
			s.loses = 1
			conn := s.conn
			err := s.tokens.Once(t.Context(), &conn, func(context.Context, bankmux.Secret) error {
				t.Error("sent")
				return nil
			})
			require.ErrorIs(t, err, bankmux.ErrOutcomeUnknown)
			e, ok := errors.AsType[*bankmux.Error](err)
			require.True(t, ok)
			assert.True(t, e.NotSent)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, test)
		})
	}
}
