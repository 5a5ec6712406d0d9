package rotation_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rotation"
	"github.com/bankmux/bankmux/internal/shown"
)

// TestConfig specifies which configurations are refused, and what a printed one shows.
func TestConfig(t *testing.T) {
	t.Parallel()
	t.Run("each field is checked", eachFieldIsChecked)
	t.Run("a sandbox needs no keeper", aSandboxNeedsNoKeeper)
	t.Run("a printed value shows no secret", aPrintedValueShowsNoSecret)
}

func eachFieldIsChecked(t *testing.T) {
	t.Parallel()
	good := rotation.Config{
		Keeper: bankmux.NewMemoryKeeper(), Environment: bankmux.Production,
		Refresh: func(context.Context, bankmux.Connection, rotation.Grant) (rotation.Grant, error) {
			return rotation.Grant{}, nil
		},
		Expired: expired,
	}
	_, err := rotation.New(good)
	require.NoError(t, err)
	for field, spoil := range map[string]func(*rotation.Config){
		"Keeper":  func(c *rotation.Config) { c.Keeper = nil },
		"Refresh": func(c *rotation.Config) { c.Refresh = nil },
		"Expired": func(c *rotation.Config) { c.Expired = nil },
		"Budget":  func(c *rotation.Config) { c.Budget = -1 },
	} {
		cfg := good
		spoil(&cfg)
		_, err := rotation.New(cfg)
		require.ErrorIs(t, err, bankmux.ErrInvalid, field)
		assert.Contains(t, err.Error(), field)
	}
}

func aSandboxNeedsNoKeeper(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, &issuer{}, func(cfg *rotation.Config) { cfg.Keeper, cfg.Environment = nil, bankmux.Sandbox })
		s.expire()
		_, err := s.do(s.tokens, s.conn)
		require.NoError(t, err)
		assert.Equal(t, 1, s.renewals)
		time.Sleep(time.Second)
		again := s.link() // a reconnect, which no application stores in the default keeper
		s.expire()
		got, err := s.do(s.tokens, again)
		require.NoError(t, err)
		assert.Equal(t, 2, s.renewals)
		_, err = s.do(s.tokens, got)
		require.NoError(t, err)
	})
}

func aPrintedValueShowsNoSecret(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, &issuer{lifetime: time.Hour})
		s.expire()
		got, err := s.do(s.tokens, s.conn)
		require.NoError(t, err)
		grant, err := s.tokens.Grant(got)
		require.NoError(t, err)
		require.Equal(t, "planted-access-2", grant.Access.Reveal())
		synctest.Wait() // the renewal has left the mutex, which is printed too
		forms := append(shown.Forms("planted-access-2"), shown.Forms("planted-refresh-2")...)
		for name, v := range map[string]any{
			"Tokens": s.tokens, "MemoryKeeper": s.keeper, "Grant": grant, "Connection": got,
		} {
			for how, text := range shown.All(v) {
				for _, form := range forms {
					assert.NotContains(t, text, form, "%s, %s", name, how)
				}
			}
		}
	})
}
