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
)

// TestReplica specifies how processes share the tokens of a connection.
func TestReplica(t *testing.T) {
	t.Parallel()
	t.Run("a token that another process stored", aTokenThatAnotherProcessStored)
	t.Run("a grant that cannot be stored is refused", aGrantThatCannotBeStoredIsRefused)
}

func aTokenThatAnotherProcessStored(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(t *testing.T){
		"it is renewed where it has ended as well": func(t *testing.T) {
			s := newScene(t, &issuer{})
			other := s.replica()
			s.expire()
			_, err := s.do(s.tokens, s.conn)
			require.NoError(t, err)
			s.expire()
			got, err := s.do(other, s.conn)
			require.NoError(t, err)
			assert.Equal(t, s.stored().Credential(), got.Credential())
			assert.Equal(t, 2, s.renewals)
		},
		"it is renewed where this process's clock is late": func(t *testing.T) {
			s := newScene(t, &issuer{lifetime: time.Hour})
			late := s.replica(func(cfg *rotation.Config) {
				cfg.Now = func() time.Time { return time.Now().Add(-2 * time.Hour) }
			})
			time.Sleep(time.Hour)
			_, err := s.do(s.tokens, s.conn)
			require.NoError(t, err)
			time.Sleep(time.Hour)
			s.expire()
			_, err = s.do(late, s.conn)
			require.NoError(t, err)
			assert.Equal(t, 2, s.renewals)
		},
		"a provider that refuses every token is asked three times and renews one": func(t *testing.T) {
			s := newScene(t, &issuer{})
			other := s.replica()
			s.expire()
			_, err := s.do(s.tokens, s.conn)
			require.NoError(t, err)
			conn, calls := s.conn, 0
			err = other.Do(t.Context(), &conn, func(context.Context, bankmux.Secret) error {
				calls++
				return &bankmux.Error{Kind: bankmux.ErrReauth, Code: "token_expired"}
			})
			require.ErrorIs(t, err, bankmux.ErrReauth)
			assert.Equal(t, 3, calls)
			assert.Equal(t, 2, s.renewals)
		},
		"a keeper that never keeps what it is given does not make a read go on": func(t *testing.T) {
			s := newScene(t, &issuer{})
			forgetful := odd(func(ctx context.Context, _ bankmux.Connection, change bankmux.ConnectionChange) error {
				_, err := change(ctx, s.link()) // a login of another family each time
				return err
			})
			tokens := s.replica(func(cfg *rotation.Config) { cfg.Keeper = forgetful })
			conn, calls := s.conn, 0
			err := tokens.Do(t.Context(), &conn, func(context.Context, bankmux.Secret) error {
				calls++
				return &bankmux.Error{Kind: bankmux.ErrReauth, Code: "token_expired"}
			})
			require.ErrorIs(t, err, bankmux.ErrReauth)
			assert.Equal(t, 3, calls)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, test)
		})
	}
}

func aGrantThatCannotBeStoredIsRefused(t *testing.T) {
	t.Parallel()
	s := newScene(t, &issuer{})
	good := rotation.Grant{
		Access:  bankmux.NewSecret("a"),
		Refresh: bankmux.NewSecret("r"),
		Extra:   bankmux.NewSecret("e"),
	}
	_, err := s.tokens.Credential(good)
	require.NoError(t, err)
	for name, change := range map[string]func(*rotation.Grant){
		"no access token":                   func(g *rotation.Grant) { g.Access = bankmux.Secret{} },
		"an access token with a line break": func(g *rotation.Grant) { g.Access = bankmux.NewSecret("a\nb") },
		"a refresh token that is not UTF-8": func(g *rotation.Grant) { g.Refresh = bankmux.NewSecret("\xff") },
		"more that is not UTF-8":            func(g *rotation.Grant) { g.Extra = bankmux.NewSecret("\xff") },
	} {
		t.Run(name, func(t *testing.T) {
			g := good
			change(&g)
			_, err := s.tokens.Credential(g)
			require.ErrorIs(t, err, bankmux.ErrMalformed)
		})
	}
}
