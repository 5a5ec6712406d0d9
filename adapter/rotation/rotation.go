// Package rotation sends the requests of an adapter whose provider renews the tokens of each user,
// such as TrueLayer or Tink. It renews a token before it ends, or when the provider refuses it. One
// renewal serves all calls that wait for it. Before the new token is used, it is stored through the
// application's [bankmux.Keeper].
//
// # What can be lost
//
// Until the keeper has committed a renewed token, it exists only in the provider's response and in
// this process. It is lost in two cases:
//
//   - The provider's response is lost. The call returns [bankmux.ErrOutcomeUnknown].
//   - The process ends after the response and before the commit.
//
// The stored row then has the old token. If the provider still accepts it (see
// [Config.Repeatable]), the next call renews it and nothing is lost. If not, the next call returns
// [bankmux.ErrReauth], and a reconnect replaces the connection's credential.
//
// A failed write loses nothing while the process runs. It is tried three times, and then again with
// every further call on the connection. Until it succeeds, another process that renews the old
// token may get ErrReauth.
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
	// Keeper is the application's store. nil means a [bankmux.MemoryKeeper] if Environment is
	// [bankmux.Sandbox], and is an error otherwise.
	Keeper      bankmux.Keeper
	Environment bankmux.Environment

	// Refresh sends one request that renews a token, and never repeats it. If the provider refuses
	// the refresh token, return [bankmux.ErrReauth]. An error for which [bankmux.OutcomeKnown] is
	// false becomes [bankmux.ErrOutcomeUnknown].
	Refresh func(ctx context.Context, conn bankmux.Connection, old Grant) (Grant, error)

	// Expired reports whether an error is the provider's refusal of an access token, usually by its
	// Code. Such an error must have the kind [bankmux.ErrReauth]. The caller gets it if the
	// provider also refuses the renewed token.
	Expired func(e *bankmux.Error) bool

	// Repeatable says that the provider accepts a refresh token again if the response was lost. The
	// FAPI 2.0 Security Profile requires that of servers that rotate refresh tokens. A lost
	// response then returns the error of Refresh itself, so the guard can repeat a read.
	Repeatable bool

	// Budget limits each of the three steps of a renewal: the wait for the row, the request and the
	// write. 0 means 15 s. A renewal continues when the call that caused it ends.
	Budget time.Duration

	// Now is the clock for lifetimes. nil means time.Now.
	Now func() time.Time
}

// defaultBudget is the default of [Config.Budget].
const defaultBudget = 15 * time.Second

// Tokens sends requests with the tokens of users. One Tokens serves all connections of an adapter.
// It is safe for concurrent use.
type Tokens struct {
	cfg    Config
	own    *bankmux.MemoryKeeper // the default keeper, or nil
	flight singleflight.Group

	mu      sync.Mutex
	known   map[bankmux.Ref]latest     // the newest one that this process has seen
	unsaved map[bankmux.Ref]generation // renewed but not stored
}

// latest is the newest credential of a connection, encoded and decoded.
type latest struct {
	generation
	credential bankmux.Secret
}

// maxKnown bounds the credentials that are remembered to save reads of the keeper. maxUnsaved
// bounds what a process that dies could lose. After so many failed writes no token is renewed.
const (
	maxKnown   = 10_000
	maxUnsaved = 1_000
)

// New checks the configuration. The error is [bankmux.ErrInvalid] and names the field.
func New(cfg Config) (*Tokens, error) {
	wrong := func(field, detail string) (*Tokens, error) {
		return nil, normalize.Invalid(field, detail)
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

// Credential returns the credential for [bankmux.NewConnection] after an exchange. The application
// stores it with the connection, so the keeper does not store it. The error is
// [bankmux.ErrMalformed] for a token that no header can carry, and for a grant that is not UTF-8.
func (t *Tokens) Credential(g Grant) (bankmux.Secret, error) {
	if err := g.check(); err != nil {
		return bankmux.Secret{}, err
	}
	return first(g, t.cfg.Now()).credential(), nil
}

// Grant returns the grant in a connection's credential, for requests that need more than the access
// token, such as a revocation. It sends nothing. The error is [bankmux.ErrInvalid] for a credential
// of another form.
func (t *Tokens) Grant(conn bankmux.Connection) (Grant, error) {
	g, err := read(conn)
	return g.Grant, err
}

// Call is one request with a user's access token.
type Call func(ctx context.Context, access bankmux.Secret) error

// Do runs a read with the newest access token of the connection. It first renews a token that is
// due. If the renewal fails and the provider has not changed the token, Do still uses a token that
// has not ended.
//
// If the provider refuses the token, Do renews it and calls again. If another process has renewed
// it, Do tries that token first. So call runs at most three times. Do stores the last credential in
// *conn, so return *conn in results that have a connection.
//
// The error is the one of call, or one of a renewal:
//
//   - [bankmux.ErrReauth]: the provider refuses the renewal.
//   - [bankmux.ErrOutcomeUnknown]: the response to the renewal is lost.
//   - [bankmux.ErrGone]: the connection was deleted or disconnected in the meantime.
//   - [bankmux.ErrApplication]: the keeper failed.
//   - [bankmux.ErrContextDone]: ctx ended.
//
// NotSent is set in an error of a renewal if call did not run. Use [Tokens.Once] for a one-shot.
func (t *Tokens) Do(ctx context.Context, conn *bankmux.Connection, call Call) error {
	used, err := t.ready(ctx, conn)
	if err != nil {
		return normalize.Unsent(err)
	}
	for try := 1; ; try++ {
		err = call(ctx, used.Access)
		if try > 1 {
			err = sent(err)
		}
		if err == nil || used.renewed || try == maxTries || ctx.Err() != nil || !t.expired(err) {
			return err
		}
		if used, err = t.renew(ctx, conn, used.generation); err != nil {
			return sent(err)
		}
	}
}

// sent returns err as the error of an operation of which a request was sent before.
func sent(err error) error {
	e := bankmux.ErrorOf(err)
	if e == nil || !e.NotSent {
		return err
	}
	whole := *e
	whole.NotSent = false
	return &whole
}

// maxTries is how often a read runs: with the caller's token, with one that another process stored,
// and with a renewed one.
const maxTries = 3

// expired reports whether an error is the refusal of an access token.
func (t *Tokens) expired(err error) bool {
	e, ok := errors.AsType[*bankmux.Error](err)
	if !ok {
		e = &bankmux.Error{Kind: bankmux.KindOf(err), Err: err}
	}
	return t.cfg.Expired(e)
}

// CodeTokenRefused is the Code of the error for a one-shot whose access token was refused, if the
// provider gave no code.
const CodeTokenRefused = "token_refused"

// Once runs a one-shot with the newest access token, at most once. If the provider refuses the
// token, Once renews it and returns [bankmux.ErrUnavailable] of [bankmux.ScopeConnection]. The
// provider has then done nothing, so the application may make the call again. Other errors are
// those of [Tokens.Do].
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
		return sent(failed)
	}
	return refused(err, failed)
}

// refused returns the error for a one-shot whose access token the provider refused. failed is the
// error of the renewal, or nil.
func refused(err, failed error) error {
	out := bankmux.Error{Err: err}
	if e, ok := errors.AsType[*bankmux.Error](err); ok {
		out = *e
	}
	out.Kind, out.Scope = bankmux.ErrUnavailable, bankmux.ScopeConnection
	out.Detail = "the access token was refused and has been renewed; nothing was carried out"
	if failed != nil {
		out.Detail, out.Err = "the access token was refused; nothing was carried out", failed
	}
	if out.Code == "" {
		out.Code = CodeTokenRefused
	}
	return &out
}

// ready returns the newest generation of a connection that this process knows. It renews one that
// is due.
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

// harmless reports whether a renewal failed without a change, so that a token that has not ended
// may still be used.
func (t *Tokens) harmless(ref bankmux.Ref, err error) bool {
	kind := bankmux.KindOf(err)
	if kind == bankmux.ErrApplication {
		_, waits := t.unsavedFor(ref)
		return !waits
	}
	return kind.Temporary()
}

// result is the result of a renewal. renewed is false if the keeper had a newer credential.
type result struct {
	latest
	renewed bool
}

// renew returns a newer generation and stores it in conn. One renewal serves all callers with the
// same generation, and continues when one of them gives up.
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

// flightKey names a generation of a connection. Each part is prefixed with its length, so that
// different parts never make the same key.
func flightKey(ref bankmux.Ref, g generation) string {
	var b []byte
	for _, part := range []string{ref.Provider, string(ref.Environment), ref.User, ref.ID, g.family} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return string(binary.AppendVarint(b, int64(g.number)))
}
