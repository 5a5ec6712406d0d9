package bankmux

// This file admits or refuses a call of [Client.SyncAll], and stores why a round failed.

import (
	"context"
	"errors"
	"time"
)

// failed changes the state of a connection to that after a round that failed with e.
func (s *SyncState) failed(connection string, e *Error) {
	kept := *e
	kept.Challenge, kept.Err = nil, nil
	s.Err = &kept
	if !e.ofGuard() {
		s.Attempts++
	}
	s.NotBefore = time.Time{}
	again := e.Kind.Again()
	switch {
	case again.Turn != TurnLater:
		return
	case e.ofGuard(): // its time is exact, and package schedule spreads the jobs
		s.NotBefore = Moment(time.Now()).Add(again.alone(e.RetryAfter, s.Attempts))
	default:
		s.NotBefore = Moment(time.Now()).Add(again.Wait(connection, e.RetryAfter, s.Attempts))
	}
}

// ofGuard reports whether the application's own budget or circuit breaker refused a call. It judges
// each call by itself, so such a refusal holds no call of a user who is present.
func (e *Error) ofGuard() bool {
	return e.Code == CodeBudget || e.Kind == ErrCircuitOpen || e.Kind == ErrInstitution && e.NotSent
}

// admit returns the error of a call that must not run a round now, and nil for one that may.
func (r *syncRun) admit(ctx context.Context) error {
	s := &r.state
	if s.Challenge != nil && !time.Now().Before(s.Challenge.ExpiresAt) && r.req.Answers == nil {
		s.Challenge = nil // the bank has closed it
	}
	present, _ := PresenceOf(ctx)
	turn := s.Turn(time.Now(), present.Absent)
	switch {
	case r.req.Answers != nil:
		return r.claim(ctx)
	case turn == "":
		return nil
	case turn == TurnAnswer:
		return r.held()
	case present.Absent && !s.AskedAt.IsZero():
		return r.refuse(&Error{
			Kind: ErrUserAction, Scope: ScopeConnection, Code: CodeUserAbsent,
			Detail: "the bank asked the user before, and the user is absent",
		})
	case r.req.Force:
		return nil
	}
	return r.held()
}

// held returns the stored error again, with the open challenge and the rest of the wait.
func (r *syncRun) held() error {
	e := Error{Kind: ErrUserAction}
	if r.state.Err != nil {
		e = *r.state.Err
	}
	e.Challenge = r.state.Challenge
	if e.RetryAfter = 0; r.state.NotBefore.After(time.Now()) {
		e.RetryAfter = time.Until(r.state.NotBefore).Round(time.Second)
	}
	return r.refuse(&e)
}

// refuse returns e as the error of a call that sends nothing.
func (r *syncRun) refuse(e *Error) error {
	e.NotSent, e.Op, e.Client = true, "", ""
	return r.client.describe(&r.op, e)
}

// claim takes the open challenge out of the ledger, so that its answers are sent once, whoever else
// has them too.
func (r *syncRun) claim(ctx context.Context) error {
	open := r.state.Challenge
	if open == nil || open.ID != r.req.Answers.Challenge.ID {
		return r.refuse(&Error{Kind: ErrChallengeExpired, Detail: "the answered challenge is not open"})
	}
	answers := *r.req.Answers
	answers.Challenge = *open
	op := r.op
	expired := answers.prepare(&op)
	if expired != nil && !errors.Is(expired, ErrChallengeExpired) {
		return r.client.describe(&r.op, expired)
	}
	to := r.next()
	to.Challenge = nil
	stored, err := r.ledger.StoreSyncState(ctx, r.req.Connection, r.state, to)
	switch {
	case err != nil:
		return r.ledgerFailed(ctx, "StoreSyncState", err)
	case !stored:
		return r.refuse(&Error{Kind: ErrChallengeExpired, Detail: "the challenge was answered already"})
	case expired != nil:
		r.state = to
		return r.fail(ctx, r.client.describe(&r.op, expired))
	}
	r.state, r.answers = to, &answers
	return nil
}

// fail stores why the round broke off, and returns err. A challenge is stored with it, also if
// another sync was faster: a later question of the bank ends the earlier ones.
func (r *syncRun) fail(ctx context.Context, err error) error {
	err = r.interrupted(err, OpSync)
	e := ErrorOf(err)
	if e == nil || r.broken || ctx.Err() != nil || e.Kind.Again().Turn == TurnCaller {
		return r.client.describe(&r.op, err)
	}
	for range maxChallengeStores {
		to := r.next()
		to.failed(r.req.Connection.ID, e)
		to.Failed = withFailures(to.Failed, r.failed)
		if e.Challenge != nil {
			to.Challenge, to.AskedAt = e.Challenge, Moment(time.Now())
		}
		stored, failed := r.ledger.StoreSyncState(ctx, r.req.Connection, r.state, to)
		switch {
		case failed != nil:
			return errors.Join(err, r.ledgerFailed(ctx, "StoreSyncState", failed))
		case stored:
			r.state = to
			return err
		case e.Challenge == nil: // the other sync knows more
			return err
		}
		if failed := r.load(ctx); failed != nil {
			return errors.Join(err, failed)
		}
	}
	return err
}

// maxChallengeStores is how often the storing of a challenge is tried while other syncs are faster.
const maxChallengeStores = 10

// ledgerFailed returns the error of a method of the ledger.
func (r *syncRun) ledgerFailed(ctx context.Context, method string, err error) error {
	r.broken = true
	e := &Error{Kind: ErrApplication, Detail: "the ledger's " + method + " failed", Err: err}
	switch {
	case ctx.Err() != nil:
		e.Kind = ErrContextDone
	case KindOf(err) != ErrUnknown:
		e.Kind = KindOf(err)
	}
	return r.client.describe(&r.op, e)
}
