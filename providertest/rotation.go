package providertest

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/wirefault"
)

// rotating lists the promises about an adapter that renews the tokens of users. Without
// Harness.Rotation they are not checked, and the adapter must not use Env.Keeper.
var rotating = []promise{
	{"an expired token is renewed once, however many calls wait", nil, ifRotating(rotatesOnce)},
	{"two clients with one keeper renew a token once", nil, ifRotating(rotatesForTwo)},
	{"a renewed token is stored before it is used", nil, ifRotating(rotatesInOrder)},
	{
		"a renewal whose response is lost is sent once, and the next call reveals its outcome",
		nil,
		ifRotating(rotationLost),
	},
	{"a renewed token that cannot be stored is held, and the call fails", nil, ifRotating(rotationUnstored)},
	{"a renewal continues when the call that started it is cancelled", nil, ifRotating(rotationGivenUp)},
	{"a deleted connection is gone, and nothing is renewed", nil, ifRotating(rotationDeleted)},
	{"a refused refresh token returns ErrReauth", nil, ifRotating(rotationRefused)},
	{"a status has the renewed credential", []bankmux.Capability{bankmux.CapStatus}, ifRotating(rotationStatus)},
}

// ifRotating returns the test of a promise, which runs if the harness has a Rotation.
func ifRotating(test func(*testing.T, *bench)) func(*testing.T, *bench) {
	return func(t *testing.T, b *bench) {
		if !b.lacks("Harness.Rotation", b.Rotation == nil, "tokens of users that expire") {
			test(t, b)
		}
	}
}

var errNotStored = errors.New("the suite's keeper stores nothing")

// keeper is the application's keeper. It counts its calls.
type keeper struct {
	*bankmux.MemoryKeeper
	mu      sync.Mutex
	updates int
	failing bool // Update stores nothing
}

func (k *keeper) Update(ctx context.Context, conn bankmux.Connection, change bankmux.ConnectionChange) error {
	k.mu.Lock()
	k.updates++
	failing := k.failing
	k.mu.Unlock()
	return k.MemoryKeeper.Update(
		ctx,
		conn,
		func(ctx context.Context, stored bankmux.Connection) (bankmux.Connection, error) {
			next, err := change(ctx, stored)
			if err == nil && failing {
				return bankmux.Connection{}, errNotStored
			}
			return next, err
		},
	)
}

func (k *keeper) fail(failing bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.failing = failing
}

// checkKeeper fails the test of an adapter that uses Env.Keeper without Harness.Rotation.
func (b *bench) checkKeeper() {
	b.keeper.mu.Lock()
	defer b.keeper.mu.Unlock()
	if b.Rotation == nil {
		assert.Zero(b.t, b.keeper.updates, "the adapter uses Env.Keeper, and Harness.Rotation is nil")
	}
}

// withExpiredToken links a user, expires the access token, and returns the connection from before.
func (b *bench) withExpiredToken() bankmux.Connection {
	b.t.Helper()
	conn := b.connect(b.t.Context())
	require.NoError(b.t, b.userRead(b.t.Context(), b.client.Client, conn), "a call with the first token")
	require.NoError(b.t, b.Rotation.Expire(conn))
	return conn
}

// userRead makes a call that sends the user's token.
func (b *bench) userRead(ctx context.Context, c *bankmux.Client, conn bankmux.Connection) error {
	var err error
	switch {
	case b.Rotation.Read != nil:
		err = b.Rotation.Read(ctx, c, conn)
	case c.Has(bankmux.CapAccounts):
		_, err = c.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
	default:
		var got bankmux.StatusResult
		if got, err = c.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: conn}); err == nil {
			if got.Connection.Status.State == bankmux.StateReauth { // a status reports a lapse in its result
				err = bankmux.ErrReauth
			}
			if got.Connection.Status.State == bankmux.StateGone {
				err = bankmux.ErrGone
			}
		}
	}
	b.show(err)
	return err
}

// renewals returns the number of requests that renewed a token.
func (b *bench) renewals() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.requests {
		if b.Rotation.IsRefresh(r.request) {
			n++
		}
	}
	return n
}

// storedAs returns the stored connection.
func (b *bench) storedAs(conn bankmux.Connection) bankmux.Connection {
	b.t.Helper()
	stored, ok := b.keeper.Get(conn.Ref())
	assert.True(b.t, ok, "the keeper has no such connection")
	b.concealCredential(stored)
	return stored
}

// renewed checks that the stored connection has another credential, and the same identifiers.
func (b *bench) renewed(conn bankmux.Connection) {
	b.t.Helper()
	stored := b.storedAs(conn)
	assert.False(b.t, conn.Credential().Equal(stored.Credential()), "the keeper still has the first credential")
	assert.Equal(b.t, conn.Ref(), stored.Ref())
	assert.Equal(b.t, conn.ReferenceKey, stored.ReferenceKey, "a webhook would not find the connection")
	assert.Equal(b.t, conn.Reference(), stored.Reference())
}

func rotatesOnce(t *testing.T, b *bench) {
	conn := b.withExpiredToken()
	b.together(20, func(int) { assert.NoError(t, b.userRead(t.Context(), b.client.Client, conn)) })
	assert.Equal(t, 1, b.renewals(), "requests that renew the token")
	b.renewed(conn)
	require.NoError(t, b.userRead(t.Context(), b.client.Client, conn), "the caller's copy still has the first token")
	assert.Equal(t, 1, b.renewals(), "requests that renew the token, after a call with the caller's copy")
}

func rotatesForTwo(t *testing.T, b *bench) {
	conn := b.withExpiredToken()
	other, err := b.New(Env{
		BaseURL:    baseURL,
		HTTPClient: &http.Client{Transport: b.transport},
		Guard:      guard.New(guard.Options{}),
		Keeper:     b.keeper,
	})
	require.NoError(t, err)
	b.together(20, func(i int) {
		client := b.client.Client
		if i%2 == 0 {
			client = other
		}
		assert.NoError(t, b.userRead(t.Context(), client, conn))
	})
	assert.Equal(t, 1, b.renewals(), "requests that renew the token")
	b.renewed(conn)
}

func rotatesInOrder(t *testing.T, b *bench) {
	conn := b.withExpiredToken()
	backend := b.Backend
	b.Backend = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !b.Rotation.IsRefresh(r) && b.renewals() > 0 {
			b.renewed(conn)
		}
		backend.ServeHTTP(w, r)
	})
	require.NoError(t, b.userRead(t.Context(), b.client.Client, conn))
	assert.Equal(t, 1, b.renewals(), "requests that renew the token")
	b.renewed(conn)
}

// losing are faults that lose the response to a processed request.
var losing = []string{"reset_after", "hang_after", "cut_body", "truncated", "no_content", "gateway_timeout"}

func rotationLost(t *testing.T, b *bench) {
	for _, name := range losing {
		lost, ok := wirefault.Lookup(name)
		require.True(t, ok, name)
		b.newClient(guard.Options{}, overPlain) // with fresh circuit breakers
		conn := b.withExpiredToken()
		before := b.renewals()
		b.inject(lost, 1, b.Rotation.IsRefresh)
		err := b.userRead(t.Context(), b.client.Client, conn)
		b.heal()
		sent := b.renewals() - before
		then := b.userRead(t.Context(), b.client.Client, conn)
		if b.Rotation.Repeatable {
			assert.NoError(t, then, "%s: the old refresh token remains valid", name)
			b.renewed(conn)
			continue
		}
		require.ErrorIs(t, err, bankmux.ErrOutcomeUnknown, "%s: nothing says whether the token was renewed", name)
		assert.Equal(t, 1, sent, "%s: requests that renew the token", name)
		e, ok := errors.AsType[*bankmux.Error](err)
		require.True(t, ok, name)
		assert.NotEmpty(t, e.FindOut, "%s: Error.FindOut", name)
		assert.Equal(t, 2, b.renewals()-before, "%s: the next call sends the old refresh token", name)
		if then != nil {
			require.ErrorIs(t, then, bankmux.ErrReauth, "%s: the error of the next call", name)
			b.relogin(conn)
		}
	}
}

// relogin renews a connection that needs a new login.
func (b *bench) relogin(conn bankmux.Connection) {
	b.t.Helper()
	req := b.Request
	req.Reconnect = &conn
	s, err := b.client.CreateSession(b.t.Context(), req)
	require.NoError(b.t, err)
	made, err := b.client.ExchangeToken(b.t.Context(), b.linked(s))
	require.NoError(b.t, err)
	again := made.Connection
	assert.Equal(b.t, conn.ID, again.ID)
	require.NoError(b.t, b.userRead(b.t.Context(), b.client.Client, again), "a call after the new login")
	require.NoError(
		b.t,
		b.userRead(b.t.Context(), b.client.Client, conn),
		"a call with a copy from before the new login",
	)
}

func rotationUnstored(t *testing.T, b *bench) {
	conn := b.withExpiredToken()
	b.keeper.fail(true)
	err := b.userRead(t.Context(), b.client.Client, conn)
	require.ErrorIs(t, err, bankmux.ErrApplication, "a renewed token that is not stored")
	require.ErrorIs(t, err, errNotStored, "the error wraps the keeper's error")
	assert.True(t, conn.Credential().Equal(b.storedAs(conn).Credential()))
	b.keeper.fail(false)
	require.NoError(t, b.userRead(t.Context(), b.client.Client, conn), "the next call stores the token that was held")
	assert.Equal(t, 1, b.renewals(), "requests that renew the token")
	b.renewed(conn)
}

func rotationGivenUp(t *testing.T, b *bench) {
	conn := b.withExpiredToken()
	backend := b.Backend
	b.Backend = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		backend.ServeHTTP(w, r)
		if b.Rotation.IsRefresh(r) {
			time.Sleep(2 * time.Second) // the response is buffered until the handler returns
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	require.ErrorIs(t, b.userRead(ctx, b.client.Client, conn), bankmux.ErrContextDone)
	require.NoError(t, b.userRead(t.Context(), b.client.Client, conn))
	assert.Equal(t, 1, b.renewals(), "requests that renew the token")
	b.renewed(conn)
}

func rotationDeleted(t *testing.T, b *bench) {
	conn := b.withExpiredToken()
	b.keeper.Delete(conn.Ref())
	require.ErrorIs(t, b.userRead(t.Context(), b.client.Client, conn), bankmux.ErrGone)
	assert.Zero(t, b.renewals(), "requests that renew the token")
}

func rotationRefused(t *testing.T, b *bench) {
	if b.lacks("Harness.Lapse", b.Lapse == nil, "a refused refresh token") {
		return
	}
	conn := b.withExpiredToken()
	require.NoError(t, b.Lapse(conn))
	require.ErrorIs(t, b.userRead(t.Context(), b.client.Client, conn), bankmux.ErrReauth)
	assert.LessOrEqual(t, b.renewals(), 1, "requests that renew the token")
	b.relogin(conn)
}

func rotationStatus(t *testing.T, b *bench) {
	conn := b.withExpiredToken()
	got, err := b.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
	require.NoError(t, err)
	assert.Equal(t, bankmux.StateActive, got.Connection.Status.State, "a token that can be renewed is not a lapse")
	stored := b.storedAs(conn)
	assert.True(
		t,
		stored.Credential().Equal(got.Connection.Credential()),
		"an application that stores the status would lose the renewed token",
	)
}
