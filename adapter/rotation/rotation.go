// Package rotation runs the requests of an adapter whose provider renews a user's tokens, such as
// TrueLayer or Tink. It renews a token before it ends or when it is refused, once for all calls
// that wait for it. It stores the new one through the application's [bankmux.Keeper] before it uses
// it.
//
// # What can be lost
//
// A renewed token is in one place only from the moment at which the provider makes it until the
// keeper has committed it. It is lost in two cases:
//
//   - The provider's response is lost. The call fails with [bankmux.ErrOutcomeUnknown].
//   - The process ends after the response and before the commit.
//
// The row then holds the token before it. If the provider still accepts that one (see
// [Config.Repeatable]), the next call renews it and nothing was lost. If not, the next call fails
// with [bankmux.ErrReauth], and a reconnect replaces the connection's credential.
//
// A write that fails loses nothing while the process lives: it is tried three times, then with
// every further call on the connection. Meanwhile another process that renews the old token may get
// ErrReauth.
package rotation

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// Config configures [New]. Refresh and Expired are required.
type Config struct {
	// Keeper is the application's. nil means a [bankmux.MemoryKeeper] where Environment is
	// [bankmux.Sandbox], and is refused elsewhere.
	Keeper      bankmux.Keeper
	Environment bankmux.Environment

	// Refresh sends one request that renews a token. It must not repeat the request, and its errors
	// are those of any call: [bankmux.ErrReauth] where the provider refuses the refresh token. An
	// error for which [bankmux.OutcomeKnown] is false becomes [bankmux.ErrOutcomeUnknown].
	Refresh func(ctx context.Context, conn bankmux.Connection, old Grant) (Grant, error)

	// Expired reports whether an error is the provider's refusal of an access token, mostly by its
	// Code. Give that error the kind [bankmux.ErrReauth], which is what it means when a token is
	// refused that was renewed in the same call.
	Expired func(e *bankmux.Error) bool

	// Repeatable says that the provider accepts a refresh token again if the response to it was
	// lost, as the FAPI 2.0 Security Profile wants of servers that rotate them. A lost response is
	// then the error of Refresh itself, so that the guard repeats a read.
	Repeatable bool

	// Budget bounds three steps of a renewal each: the wait for the row, the request, the write.
	// 0 means 15 s. A renewal goes on when the call that caused it is given up.
	Budget time.Duration

	// Now is the clock by which lifetimes count. nil means time.Now.
	Now func() time.Time
}

// defaultBudget is [Config.Budget] where none is given.
const defaultBudget = 15 * time.Second

// Tokens runs requests with users' tokens. One serves all connections of an adapter. It is safe for
// concurrent use.
type Tokens struct {
	cfg    Config
	own    *bankmux.MemoryKeeper // the default, nil where the application has one
	flight singleflight.Group

	mu      sync.Mutex
	known   map[bankmux.Ref]latest     // the newest that this process has seen
	unsaved map[bankmux.Ref]generation // renewed, and not stored yet
}

// latest is a connection's newest credential, as it is written and as it is read.
type latest struct {
	generation
	credential bankmux.Secret
}

// maxKnown bounds what is remembered to save reads of the keeper. maxUnsaved bounds what a process
// that dies could lose: where so many writes failed, no token is renewed any more.
const (
	maxKnown   = 10_000
	maxUnsaved = 1_000
)

// New returns tokens. The error is [bankmux.ErrInvalid] and names the field.
func New(cfg Config) (*Tokens, error) {
	wrong := func(field, detail string) (*Tokens, error) {
		return nil, &bankmux.Error{Kind: bankmux.ErrInvalid, Field: field, Detail: detail, NotSent: true}
	}
	t := &Tokens{known: map[bankmux.Ref]latest{}, unsaved: map[bankmux.Ref]generation{}}
	switch {
	case cfg.Refresh == nil:
		return wrong("Config.Refresh", "is nil")
	case cfg.Expired == nil:
		return wrong("Config.Expired", "is nil")
	case cfg.Budget < 0:
		return wrong("Config.Budget", "is negative")
	case cfg.Keeper == nil && cfg.Environment != bankmux.Sandbox:
		return wrong("Config.Keeper", "is nil: renewed tokens must be stored")
	case cfg.Keeper == nil:
		t.own = bankmux.NewMemoryKeeper()
		cfg.Keeper = t.own
	}
	if cfg.Budget == 0 {
		cfg.Budget = defaultBudget
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	t.cfg = cfg
	return t, nil
}

// Credential returns the credential of a connection that an exchange made, for
// [bankmux.NewConnection]. The application stores it with the connection, so nothing of it passes
// the keeper. The error is [bankmux.ErrMalformed] for a token that no header can carry, and for a
// grant that is not UTF-8.
func (t *Tokens) Credential(g Grant) (bankmux.Secret, error) {
	if err := g.check(); err != nil {
		return bankmux.Secret{}, err
	}
	return first(g, t.cfg.Now()).credential(), nil
}

// Grant returns what a connection's credential holds, for requests that carry more than the access
// token, such as one that revokes it. The error is [bankmux.ErrInvalid] for a credential of another
// form. It sends nothing.
func (t *Tokens) Grant(conn bankmux.Connection) (Grant, error) {
	g, err := read(conn)
	return g.Grant, err
}

// Call is one request with a user's access token.
type Call func(ctx context.Context, access bankmux.Secret) error

// Do runs a read with the newest access token of the connection. It renews a token that is due
// first. Where that fails without having changed anything, a token that has not ended is used all
// the same. If the provider refuses the token, Do renews it and calls again. Where another process
// has renewed it, its token is tried first, so call runs three times at most. *conn gets the
// credential that was used last, so return it in results that hold a connection.
//
// Errors are those of call, or of a renewal: [bankmux.ErrReauth] where the provider refuses it,
// [bankmux.ErrOutcomeUnknown] where its response is lost, [bankmux.ErrGone] for a connection that
// was deleted or disconnected meanwhile, [bankmux.ErrApplication] where the keeper fails, and
// [bankmux.ErrContextDone]. NotSent is set in an error of a renewal if call was not run.
//
// Use [Tokens.Once] for a one-shot.
func (t *Tokens) Do(ctx context.Context, conn *bankmux.Connection, call Call) error {
	used, err := t.ready(ctx, conn)
	if err != nil {
		return normalize.Unsent(err)
	}
	for try := 1; ; try++ {
		err = call(ctx, used.Access)
		if err == nil || used.renewed || try == maxTries || ctx.Err() != nil || !t.expired(err) {
			return err
		}
		if used, err = t.renew(ctx, conn, used.generation); err != nil {
			return err
		}
	}
}

// maxTries is how often a read is made: with the caller's token, with one that another process
// stored, and with one that was renewed because that had ended too.
const maxTries = 3

// expired reports whether an error is the refusal of an access token.
func (t *Tokens) expired(err error) bool {
	e, ok := errors.AsType[*bankmux.Error](err)
	if !ok {
		e = &bankmux.Error{Kind: bankmux.KindOf(err), Err: err}
	}
	return t.cfg.Expired(e)
}

// CodeTokenRefused is the Code of the error for a one-shot whose access token was refused, where
// the provider gave no code.
const CodeTokenRefused = "token_refused"

// Once is Do for a one-shot: call runs at most once. If the provider refuses the token, Once renews
// it and returns [bankmux.ErrUnavailable] of scope connection. The provider carried nothing out
// then, so the application makes the call again.
func (t *Tokens) Once(ctx context.Context, conn *bankmux.Connection, call Call) error {
	used, err := t.ready(ctx, conn)
	if err != nil {
		return normalize.Unsent(err)
	}
	err = call(ctx, used.Access)
	if err == nil || used.renewed || ctx.Err() != nil || !t.expired(err) {
		return err
	}
	_, failed := t.renew(ctx, conn, used.generation)
	if kind := bankmux.KindOf(failed); kind.State() != "" || kind == bankmux.ErrOutcomeUnknown {
		return failed
	}
	return refused(err, failed)
}

// refused is the error for a one-shot whose access token the provider refused. failed is why the
// token could not be renewed, nil where it was.
func refused(err, failed error) error {
	out := bankmux.Error{Err: err}
	if e, ok := errors.AsType[*bankmux.Error](err); ok {
		out = *e
	}
	out.Kind, out.Scope = bankmux.ErrUnavailable, bankmux.ScopeConnection
	out.Detail = "the access token was refused and is renewed now: nothing was carried out"
	if failed != nil {
		out.Detail, out.Err = "the access token was refused: nothing was carried out", failed
	}
	if out.Code == "" {
		out.Code = CodeTokenRefused
	}
	return &out
}

// ready returns the newest generation of a connection that this process knows, renewed if it is
// due.
func (t *Tokens) ready(ctx context.Context, conn *bankmux.Connection) (result, error) {
	g, err := read(*conn)
	if err != nil {
		return result{}, err
	}
	ref := conn.Ref()
	t.mu.Lock()
	newest, ok := t.known[ref]
	_, waits := t.unsaved[ref]
	t.mu.Unlock()
	if ok && g.before(newest.generation) {
		g = newest.generation
		*conn = conn.WithCredential(newest.credential)
	}
	if waits || g.due(t.cfg.Now()) {
		renewed, err := t.renew(ctx, conn, g)
		if err == nil || !t.cfg.Now().Before(g.end()) || !t.harmless(ref, err) {
			return renewed, err
		}
	}
	return result{latest: latest{generation: g}}, nil
}

// harmless reports whether a renewal failed without having changed anything, so that a token that
// has not ended is used as it is.
func (t *Tokens) harmless(ref bankmux.Ref, err error) bool {
	kind := bankmux.KindOf(err)
	if kind == bankmux.ErrApplication {
		_, waits := t.unsavedFor(ref)
		return !waits
	}
	return kind.Temporary()
}

// result is what a renewal ends in. It is fresh if the provider was asked, and not if the keeper
// had a newer credential.
type result struct {
	latest
	renewed bool
}

// renew returns a generation that the given one is not, and gives it to conn. One renewal serves
// all that wait with the same generation, and goes on when one of them gives up.
func (t *Tokens) renew(ctx context.Context, conn *bankmux.Connection, old generation) (result, error) {
	copied := *conn
	done := t.flight.DoChan(flightKey(conn.Ref(), old), func() (any, error) {
		return t.renewStored(context.WithoutCancel(ctx), copied, old)
	})
	select {
	case r := <-done:
		if r.Err != nil {
			return result{}, r.Err
		}
		got := r.Val.(result)
		*conn = conn.WithCredential(got.credential)
		return got, nil
	case <-ctx.Done():
		return result{}, &bankmux.Error{
			Kind: bankmux.ErrContextDone, Detail: "the access token was not renewed in time", Err: ctx.Err(),
		}
	}
}

// flightKey names a generation of a connection. Parts are prefixed with their length, so that no
// two meet.
func flightKey(ref bankmux.Ref, g generation) string {
	var b []byte
	for _, part := range []string{ref.Provider, string(ref.Environment), ref.User, ref.ID, g.family} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return string(binary.AppendVarint(b, int64(g.number)))
}
