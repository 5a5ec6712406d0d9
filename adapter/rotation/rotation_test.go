package rotation_test

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rotation"
)

// issuer is a provider that ends both tokens when they are renewed.
type issuer struct {
	mu       sync.Mutex
	access   string
	refresh  string
	former   string // a refresh token that still holds, "" for none
	lifetime time.Duration
	last     int
	renewals int           // requests that arrived
	takes    time.Duration // to answer a renewal
	loses    int           // answers
	silent   bool          // a response has no refresh token
	broken   string        // an access token that cannot be sent
	fails    error         // the answer to each renewal
	ends     func()        // in place of the first answer
}

func (p *issuer) grant() rotation.Grant {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.issue()
}

func (p *issuer) issue() rotation.Grant {
	p.last++
	p.access = fmt.Sprintf("planted-access-%d", p.last)
	if !p.silent {
		p.refresh = fmt.Sprintf("planted-refresh-%d", p.last)
	}
	return rotation.Grant{
		Access: bankmux.NewSecret(p.access), Refresh: bankmux.NewSecret(p.refresh),
		Lifetime: p.lifetime, Extra: bankmux.NewSecret("planted-extra"),
	}
}

// renew is a request to the token endpoint.
func (p *issuer) renew(ctx context.Context, _ bankmux.Connection, old rotation.Grant) (rotation.Grant, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.renewals++
	if p.takes > 0 {
		p.mu.Unlock()
		select {
		case <-time.After(p.takes):
			p.mu.Lock()
		case <-ctx.Done():
			p.mu.Lock()
			return rotation.Grant{}, &bankmux.Error{Kind: bankmux.ErrContextDone, Err: ctx.Err()}
		}
	}
	if end := p.ends; end != nil {
		p.ends = nil
		p.issue()
		end()
	}
	if p.fails != nil {
		return rotation.Grant{}, p.fails
	}
	sent := old.Refresh.Reveal()
	if sent != p.refresh && (p.former == "" || sent != p.former) {
		return rotation.Grant{}, &bankmux.Error{Kind: bankmux.ErrReauth, Code: "invalid_grant", Status: 400}
	}
	g := p.issue()
	if p.loses > 0 {
		p.loses--
		return rotation.Grant{}, &bankmux.Error{Kind: bankmux.ErrUnavailable, Err: io.ErrUnexpectedEOF}
	}
	if p.broken != "" {
		g.Access = bankmux.NewSecret(p.broken)
	}
	if p.silent {
		g.Refresh, g.Extra = bankmux.Secret{}, bankmux.Secret{}
	}
	return g, nil
}

// read is a request with a user's token.
func (p *issuer) read(_ context.Context, access bankmux.Secret) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if access.Reveal() != p.access {
		return &bankmux.Error{Kind: bankmux.ErrReauth, Code: "token_expired", Status: 401}
	}
	return nil
}

// expire ends the access token.
func (p *issuer) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.access = "none"
}

func expired(e *bankmux.Error) bool { return e.Code == "token_expired" }

// scene is a linked connection, its provider and its keeper.
type scene struct {
	*issuer
	t      *testing.T
	keeper *bankmux.MemoryKeeper
	tokens *rotation.Tokens
	conn   bankmux.Connection // as the exchange made it
}

func newScene(t *testing.T, p *issuer, adapt ...func(*rotation.Config)) *scene {
	t.Helper()
	s := &scene{issuer: p, t: t, keeper: bankmux.NewMemoryKeeper()}
	s.tokens = s.replica(adapt...)
	s.conn = s.link()
	s.keeper.Put(s.conn)
	return s
}

// replica is another process over the same keeper.
func (s *scene) replica(adapt ...func(*rotation.Config)) *rotation.Tokens {
	s.t.Helper()
	cfg := rotation.Config{Keeper: s.keeper, Environment: bankmux.Production, Refresh: s.renew, Expired: expired}
	for _, f := range adapt {
		f(&cfg)
	}
	tokens, err := rotation.New(cfg)
	require.NoError(s.t, err)
	return tokens
}

// link makes a connection, on the same row each time.
func (s *scene) link() bankmux.Connection {
	s.t.Helper()
	credential, err := s.tokens.Credential(s.grant())
	require.NoError(s.t, err)
	session := bankmux.NewSession(bankmux.SessionRequest{User: "user-1"})
	session.ConnectionID = "connection-1"
	conn := bankmux.NewConnection(session, "consent-1", credential)
	conn.Provider, conn.Client, conn.Environment = "heron", "heron", bankmux.Production
	conn.Status.State = bankmux.StateActive
	return conn
}

func (s *scene) stored() bankmux.Connection {
	s.t.Helper()
	conn, ok := s.keeper.Get(s.conn.Ref())
	require.True(s.t, ok)
	return conn
}

// do reads with a copy of the connection and returns it.
func (s *scene) do(tokens *rotation.Tokens, conn bankmux.Connection) (bankmux.Connection, error) {
	err := tokens.Do(s.t.Context(), &conn, s.read)
	return conn, err
}

// TestRenewal specifies when a token is renewed, for whom, and which token a call gets.
func TestRenewal(t *testing.T) {
	t.Parallel()
	t.Run("a token is renewed before it ends", renewalBeforeTheEnd)
	t.Run("many callers share a renewal", renewalForManyCallers)
	t.Run("a renewal replaces the token once", renewedToken)
	t.Run("a token that cannot be renewed is used only while it is valid", renewalThatFails)
}

// inBubbles runs each test in its own bubble.
func inBubbles(t *testing.T, tests map[string]func(t *testing.T)) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, test)
		})
	}
}

func renewalBeforeTheEnd(t *testing.T) {
	t.Parallel()
	inBubbles(t, map[string]func(t *testing.T){
		"a token that is good is used as it is": func(t *testing.T) {
			s := newScene(t, &issuer{lifetime: time.Hour})
			got, err := s.do(s.tokens, s.conn)
			require.NoError(t, err)
			assert.Equal(t, s.conn, got)
			assert.Zero(t, s.renewals)
		},
		"a token is renewed before it ends, and not before that": func(t *testing.T) {
			s := newScene(t, &issuer{lifetime: time.Hour})
			time.Sleep(58 * time.Minute)
			_, err := s.do(s.tokens, s.conn)
			require.NoError(t, err)
			assert.Zero(t, s.renewals)
			time.Sleep(time.Minute)
			got, err := s.do(s.tokens, s.conn)
			require.NoError(t, err)
			assert.Equal(t, 1, s.renewals)
			assert.Equal(t, s.stored().Credential(), got.Credential())
			assert.NotEqual(t, s.conn.Credential(), got.Credential())
			assert.Equal(t, s.conn.Reference(), got.Reference())
		},
		"a token that ends within seconds is not renewed at each call": func(t *testing.T) {
			s := newScene(t, &issuer{lifetime: 5 * time.Second})
			for range 10 {
				_, err := s.do(s.tokens, s.conn)
				require.NoError(t, err)
				time.Sleep(time.Second)
			}
			assert.Zero(t, s.renewals)
		},
	})
}

func renewalForManyCallers(t *testing.T) {
	t.Parallel()
	inBubbles(t, map[string]func(t *testing.T){
		"sixty calls that are refused at once make one renewal": func(t *testing.T) {
			var updates atomic.Int32
			s := newScene(t, &issuer{takes: time.Second}, func(cfg *rotation.Config) {
				keeper := cfg.Keeper
				cfg.Keeper = odd(func(
					ctx context.Context, conn bankmux.Connection, change bankmux.ConnectionChange,
				) error {
					updates.Add(1)
					return keeper.Update(ctx, conn, change)
				})
			})
			s.expire()
			var all sync.WaitGroup
			for range 60 {
				all.Go(func() {
					got, err := s.do(s.tokens, s.conn)
					assert.NoError(t, err)
					assert.Equal(t, s.stored().Credential(), got.Credential())
				})
			}
			all.Wait()
			assert.Equal(t, 1, s.renewals)
			assert.EqualValues(t, 1, updates.Load())
		},
		"two processes that are refused at once make one renewal": func(t *testing.T) {
			s := newScene(t, &issuer{takes: time.Second, lifetime: time.Hour})
			other := s.replica()
			time.Sleep(time.Hour)
			s.expire()
			var all sync.WaitGroup
			for _, tokens := range []*rotation.Tokens{s.tokens, other} {
				for range 5 {
					all.Go(func() {
						_, err := s.do(tokens, s.conn)
						assert.NoError(t, err)
					})
				}
			}
			all.Wait()
			assert.Equal(t, 1, s.renewals)
		},
		"a caller with a copy from long ago goes on working": func(t *testing.T) {
			s := newScene(t, &issuer{})
			other := s.replica()
			for range 3 {
				s.expire()
				_, err := s.do(s.tokens, s.stored())
				require.NoError(t, err)
			}
			got, err := s.do(other, s.conn)
			require.NoError(t, err)
			assert.Equal(t, s.stored().Credential(), got.Credential())
			assert.Equal(t, 3, s.renewals)
		},
		"a copy from before a reconnect goes on working": func(t *testing.T) {
			s := newScene(t, &issuer{})
			s.expire()
			_, err := s.do(s.tokens, s.conn)
			require.NoError(t, err)
			s.keeper.Put(s.link())
			got, err := s.do(s.tokens, s.conn)
			require.NoError(t, err)
			assert.Equal(t, s.stored().Credential(), got.Credential())
			assert.Equal(t, 1, s.renewals)
		},
		"a renewal continues for others when the first caller gives up": func(t *testing.T) {
			s := newScene(t, &issuer{takes: 2 * time.Second})
			s.expire()
			var all sync.WaitGroup
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				conn := s.conn
				assert.ErrorIs(t, s.tokens.Do(ctx, &conn, s.read), bankmux.ErrContextDone)
			})
			synctest.Wait() // it has started the renewal
			all.Go(func() {
				_, err := s.do(s.tokens, s.conn)
				assert.NoError(t, err)
			})
			all.Wait()
			assert.Equal(t, 1, s.renewals)
		},
	})
}

func renewedToken(t *testing.T) {
	t.Parallel()
	inBubbles(t, map[string]func(t *testing.T){
		"a refresh token that the response leaves out stays": func(t *testing.T) {
			s := newScene(t, &issuer{})
			s.silent = true
			for range 3 {
				s.expire()
				_, err := s.do(s.tokens, s.conn)
				require.NoError(t, err)
			}
			g, err := s.tokens.Grant(s.stored())
			require.NoError(t, err)
			assert.Equal(t, "planted-refresh-1", g.Refresh.Reveal())
			assert.Equal(t, "planted-access-4", g.Access.Reveal())
			assert.Equal(t, "planted-extra", g.Extra.Reveal(), "so does what the adapter keeps beside it")
			assert.Equal(t, 3, s.renewals)
		},
		"a new token that is refused is not renewed again in the same call": func(t *testing.T) {
			s := newScene(t, &issuer{lifetime: time.Hour})
			time.Sleep(time.Hour)
			calls := 0
			conn := s.conn
			err := s.tokens.Do(t.Context(), &conn, func(context.Context, bankmux.Secret) error {
				calls++
				return &bankmux.Error{Kind: bankmux.ErrReauth, Code: "token_expired"}
			})
			require.ErrorIs(t, err, bankmux.ErrReauth)
			assert.Equal(t, 1, calls)
			assert.Equal(t, 1, s.renewals)
		},
	})
}

func renewalThatFails(t *testing.T) {
	t.Parallel()
	inBubbles(t, map[string]func(t *testing.T){
		"a token that is due and has not ended is used where it cannot be renewed": func(t *testing.T) {
			for _, fails := range []error{
				&bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: true},
				&bankmux.Error{Kind: bankmux.ErrRateLimited, Status: 429},
				nil, // the keeper
			} {
				keeper := &fragile{}
				s := newScene(t, &issuer{lifetime: time.Hour, fails: fails}, withKeeper(keeper))
				keeper.closed = fails == nil
				time.Sleep(59*time.Minute + 30*time.Second)
				_, err := s.do(s.tokens, s.conn)
				require.NoError(t, err, "%v", fails)
				time.Sleep(30 * time.Second)
				_, err = s.do(s.tokens, s.conn)
				require.Error(t, err, "%v", fails)
			}
		},
		"a token that is due is not used where the renewal may have ended it": func(t *testing.T) {
			for _, want := range []bankmux.Kind{bankmux.ErrOutcomeUnknown, bankmux.ErrApplication} {
				keeper := &fragile{}
				s := newScene(t, &issuer{lifetime: time.Hour}, withKeeper(keeper))
				if want == bankmux.ErrApplication {
					keeper.writes = 3
				} else {
					s.loses = 1
				}
				time.Sleep(59*time.Minute + 30*time.Second)
				conn := s.conn
				err := s.tokens.Do(t.Context(), &conn, func(context.Context, bankmux.Secret) error {
					t.Error("sent")
					return nil
				})
				require.ErrorIs(t, err, want)
			}
		},
		"a token without a refresh token is used until it is refused": func(t *testing.T) {
			s := newScene(t, &issuer{silent: true, lifetime: time.Hour})
			time.Sleep(2 * time.Hour)
			_, err := s.do(s.tokens, s.conn)
			require.NoError(t, err)
			s.expire()
			_, err = s.do(s.tokens, s.conn)
			require.ErrorIs(t, err, bankmux.ErrReauth)
			assert.Zero(t, s.renewals)
		},
	})
}
