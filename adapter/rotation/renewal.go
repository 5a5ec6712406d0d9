package rotation

// This file renews the token of a connection.

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/isolate"
)

// renewal is one renewal of a token. The keeper may call change several times, and even after
// Update has returned.
type renewal struct {
	tokens *Tokens
	conn   bankmux.Connection
	ref    bankmux.Ref
	old    generation // the one that was refused or is due
	start  time.Time

	mu     sync.Mutex
	sent   bool    // the provider has renewed the token
	out    *result // the last result of change
	failed error   // the last error of change
}

// A renewed credential is written up to maxWrites times, with a growing pause.
const (
	maxWrites  = 3
	writePause = 100 * time.Millisecond
)

// renewStored renews a token while the keeper has locked the row.
func (t *Tokens) renewStored(ctx context.Context, conn bankmux.Connection, old generation) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*t.cfg.Budget)
	defer cancel()
	j := &renewal{tokens: t, conn: conn, ref: conn.Ref(), old: old, start: time.Now()}
	t.adopt(conn, old)
	for try := 1; ; try++ {
		_, err := isolate.Of("the keeper", func() (struct{}, error) {
			return struct{}{}, t.cfg.Keeper.Update(ctx, conn, j.change)
		})
		got, fault := j.outcome(err)
		if fault == nil {
			t.remember(j.ref, got.latest)
			return got, nil
		}
		if errors.Is(fault, bankmux.ErrGone) {
			t.forget(j.ref)
			return result{}, fault
		}
		if _, loses := t.unsavedFor(j.ref); !loses {
			return result{}, fault
		}
		if try == maxWrites || !sleep(ctx, time.Duration(try)*writePause) {
			return result{}, keeperFailed(
				"the keeper did not store the renewed credential, which this process holds",
				err,
			)
		}
	}
}

// outcome returns the result of one Update.
func (j *renewal) outcome(err error) (result, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.failed != nil:
		return result{}, j.failed // whatever the keeper returned
	case err != nil && errors.Is(err, bankmux.ErrGone):
		return result{}, gone("the keeper has no such connection", err)
	case err != nil:
		return result{}, keeperFailed("the keeper failed", err)
	case j.out == nil:
		return result{}, keeperFailed("the keeper did not ask for the change", nil)
	}
	return *j.out, nil
}

// gone returns the error for a connection that no longer exists.
func gone(detail string, err error) error {
	return &bankmux.Error{Kind: bankmux.ErrGone, Detail: detail, NotSent: true, Err: err}
}

// keeperFailed returns the error for a keeper that failed.
func keeperFailed(detail string, err error) error {
	return &bankmux.Error{Kind: bankmux.ErrApplication, Detail: detail, NotSent: true, Err: err}
}

// change renews the stored connection. The keeper calls it while it has locked the row.
func (j *renewal) change(ctx context.Context, stored bankmux.Connection) (bankmux.Connection, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var next bankmux.Connection
	next, j.failed = j.decide(ctx, stored)
	return next, j.failed
}

// decide returns the connection to store: the stored one, one with an unsaved credential, or one
// with a renewed credential.
func (j *renewal) decide(ctx context.Context, stored bankmux.Connection) (bankmux.Connection, error) {
	if stored.Ref() != j.ref || stored.Client != j.conn.Client {
		return bankmux.Connection{}, keeperFailed("the keeper has another connection in this row", nil)
	}
	current, err := read(stored)
	if err != nil {
		return bankmux.Connection{}, err
	}
	if stored.Status.State == bankmux.StateGone {
		return bankmux.Connection{}, gone("the connection was disconnected in the meantime", nil)
	}
	if renewed, ok := j.tokens.unsavedFor(j.ref); ok {
		if current.before(renewed) {
			return j.write(stored, renewed), nil
		}
		return j.keep(stored, current), nil // the write has succeeded, or a new login replaced the credential
	}
	if current.before(j.old) {
		current = j.old // an older copy has overwritten it
	}
	if !current.same(j.old) && !current.due(j.tokens.cfg.Now()) {
		return j.keep(stored, current), nil // another process has renewed it
	}
	renewed, err := j.send(ctx, stored, current)
	if err != nil {
		return bankmux.Connection{}, err
	}
	j.sent = true
	j.tokens.keepUnsaved(j.ref, renewed)
	return j.write(stored, renewed), nil
}

// keep leaves the row as it is.
func (j *renewal) keep(stored bankmux.Connection, g generation) bankmux.Connection {
	j.out = &result{latest{g, stored.Credential()}, j.sent}
	return stored
}

// write returns the row with another credential and nothing else changed.
func (j *renewal) write(stored bankmux.Connection, g generation) bankmux.Connection {
	next := stored.WithCredential(g.credential())
	next.UpdatedAt = bankmux.Moment(time.Now())
	j.out = &result{latest{g, next.Credential()}, j.sent}
	return next
}

// send asks the provider to renew a grant. It is a one-shot: a lost response may have been the only
// place of the new tokens.
func (j *renewal) send(ctx context.Context, stored bankmux.Connection, old generation) (generation, error) {
	t := j.tokens
	switch {
	case old.Refresh.IsZero():
		return generation{}, &bankmux.Error{
			Kind: bankmux.ErrReauth, Detail: "the access token has ended and cannot be renewed", NotSent: true,
		}
	case time.Since(j.start) > t.cfg.Budget:
		return generation{}, keeperFailed("the keeper took too long to lock the row", nil)
	case t.tooManyUnsaved():
		return generation{}, keeperFailed("the keeper failed to store too many renewed credentials", nil)
	}
	ctx, cancel := context.WithTimeout(ctx, t.cfg.Budget)
	defer cancel()
	returned := false
	grant, err := isolate.Of("the renewal or its transport", func() (Grant, error) {
		grant, err := t.cfg.Refresh(ctx, stored, old.Grant)
		returned = true
		return grant, err
	})
	if !returned {
		return generation{}, lost(err) // after a panic it is unknown what was sent
	}
	if err == nil {
		if fault := grant.check(); fault != nil {
			err = fault
		}
	}
	if err == nil {
		return old.next(grant, t.cfg.Now()), nil
	}
	if e, ok := errors.AsType[*bankmux.Error](err); ok && ctx.Err() != nil && e.Kind == bankmux.ErrContextDone {
		err = &bankmux.Error{ // the renewal's time ended, not the caller's
			Kind: bankmux.ErrUnavailable, Detail: "the token endpoint did not respond in time",
			NotSent: e.NotSent, Err: context.DeadlineExceeded,
		}
	}
	if bankmux.OutcomeKnown(err) || t.cfg.Repeatable {
		return generation{}, err
	}
	return generation{}, lost(err)
}

// findOut is how the application finds out whether a lost renewal has ended the old tokens.
const findOut = "make a read on the connection, where reauth_required means that the renewed token is lost"

// lost returns the error for a renewal whose response did not arrive. It counts against the
// provider.
func lost(err error) error {
	e := bankmux.Error{Err: err}
	if cause, ok := errors.AsType[*bankmux.Error](err); ok {
		e.Code, e.Status, e.RequestID = cause.Code, cause.Status, cause.RequestID
	}
	e.Kind, e.Scope, e.FindOut = bankmux.ErrOutcomeUnknown, bankmux.ScopeProvider, findOut
	e.Detail = "the access token was being renewed and no readable response arrived"
	return &e
}

// keepUnsaved keeps a renewed credential until it is stored.
func (t *Tokens) keepUnsaved(ref bankmux.Ref, g generation) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unsaved[ref] = g
}

// unsavedFor returns the credential of a connection that is renewed but not stored.
func (t *Tokens) unsavedFor(ref bankmux.Ref) (generation, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g, ok := t.unsaved[ref]
	return g, ok
}

// tooManyUnsaved reports whether so many credentials are unsaved that no more are renewed.
func (t *Tokens) tooManyUnsaved() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.unsaved) >= maxUnsaved
}

// forget drops everything about a connection that is gone.
func (t *Tokens) forget(ref bankmux.Ref) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.unsaved, ref)
	delete(t.known, ref)
}

// remember notes the stored credential.
func (t *Tokens) remember(ref bankmux.Ref, l latest) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if waits, ok := t.unsaved[ref]; ok && !l.before(waits) {
		delete(t.unsaved, ref)
	}
	if old, ok := t.known[ref]; ok && l.before(old.generation) {
		return
	}
	if _, ok := t.known[ref]; !ok && len(t.known) >= maxKnown {
		for some := range t.known {
			delete(t.known, some)
			break
		}
	}
	t.known[ref] = l
}

// adopt stores a newly linked or reconnected connection in the default keeper, because no
// application does that.
func (t *Tokens) adopt(conn bankmux.Connection, g generation) {
	if t.own == nil {
		return
	}
	stored, ok := t.own.Get(conn.Ref())
	if !ok {
		return
	}
	if current, err := read(
		stored,
	); err == nil && current.family != g.family &&
		conn.UpdatedAt.After(stored.UpdatedAt) {
		t.own.Put(conn)
	}
}

// sleep waits for d and reports whether ctx has not ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
