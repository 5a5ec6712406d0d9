// Package schedule says when the next background run of a connection is due. It only computes: it
// reads no clock, keeps nothing and sends nothing. So every process comes to the same plan.
//
// [After] turns the outcome of a run into a [Plan]. A connection is due at a time, or parked while
// a question of the bank is open, or blocked until the user acts, or dead. A [Timetable] says when
// a connection that is well is due again. [Night] gives each connection its own slot of a window,
// so that millions of connections do not start at the same time.
//
// The rules are those of [bankmux.Client.SyncAll]. A plan that is due is never before
// [bankmux.SyncState.NotBefore]. SyncAll refuses no run at the time of a plan.
//
// All functions are safe for concurrent use, and the same arguments give the same result.
package schedule

import (
	"context"
	"errors"
	"time"

	"github.com/bankmux/bankmux"
)

// State says what holds for a connection.
type State string

// The states. Only a connection that is [Due] ever runs because time passes.
const (
	Due     State = "due"     // runs at Plan.At
	Parked  State = "parked"  // the bank waits for the user's answer until Plan.At
	Blocked State = "blocked" // the user must act, as Plan.Turn says
	Dead    State = "dead"    // nothing runs any more; the user may link the bank again
)

// Reason says why a plan is as it is. It is a fixed word, fit for a metric's label.
type Reason string

// The reasons.
const (
	ReasonSlot        Reason = "slot"        // the last run was good, and the next one has its turn
	ReasonLinked      Reason = "linked"      // the user linked or reconnected, and no run followed yet
	ReasonAsked       Reason = "asked"       // the provider said how long to wait
	ReasonBackoff     Reason = "backoff"     // a failure that ends by itself or that somebody corrects
	ReasonPartial     Reason = "partial"     // a part of the data could not be read
	ReasonInterrupted Reason = "interrupted" // the caller or its code ended the run
	ReasonChallenge   Reason = "challenge"   // the bank's question is open
	ReasonUserAbsent  Reason = "user_absent" // the bank asks the user, and no user is present
	ReasonLogin       Reason = "login"       // the user must log in again, or agree to a product
	ReasonConsentEnd  Reason = "consent_end" // the user's consent ends before the next run
	ReasonGone        Reason = "gone"        // the provider no longer has the connection
	ReasonUnsupported Reason = "unsupported" // the provider cannot do this
)

// Plan says what happens next to a connection.
type Plan struct {
	State State `json:"state"`
	// At is when a connection that is [Due] runs, at the earliest. Of a [Parked] one it is when the
	// bank's question expires; the connection is blocked from then on. Otherwise it is zero.
	At time.Time `json:"at,omitzero"`
	// Turn says what the user must do if the connection is not due.
	Turn   bankmux.Turn `json:"turn,omitempty"`
	Reason Reason       `json:"reason"`
	Kind   bankmux.Kind `json:"kind,omitempty"` // of the error that led to the plan, "" for none
}

// IsDue reports whether the connection runs at now.
func (p Plan) IsDue(now time.Time) bool { return p.State == Due && !now.Before(p.At) }

// Late returns how long a connection has been due, and 0 if it is not.
func (p Plan) Late(now time.Time) time.Duration {
	if !p.IsDue(now) {
		return 0
	}
	return now.Sub(p.At)
}

// Outcome is how a run ended. The zero Outcome is that of a connection that has never run.
type Outcome struct {
	// State is what SyncAll stored: [bankmux.SyncAllResult.State]. It is zero for a run that is not
	// one of SyncAll.
	State bankmux.SyncState
	// Err is what the run returned, nil after success.
	Err error
	// Attempts counts the runs that failed in a row, with this one. It counts only where State says
	// nothing about the failure.
	Attempts int
	// End is when the run ended. It is zero for a connection that has never run.
	End time.Time
}

// The waits that no Kind decides.
var interrupted = bankmux.Again{First: time.Minute, Longest: time.Hour}

const partialWait = time.Hour

// After returns the plan for a connection after a run. timetable says when it is due after success;
// nil means once in 24 hours.
//
// A wait of [bankmux.SyncState] counts as it is. If the application's own guard refused the run, up
// to a tenth of the wait is added, because its budgets end for many at once. Without a wait, the
// wait is that of the error's Kind ([bankmux.Again.Wait]). A [*bankmux.PartialError] waits for an
// hour, or less if its turn comes before, and only if time can help. A context that ended, and an
// error of the application's own code, wait from a minute to an hour. If the consent ends before
// the next run, the connection is blocked.
//
// A plan holds until the user acts or a webhook delivery arrives. After either, run the connection
// at once.
func After(conn bankmux.Connection, o Outcome, timetable Timetable) Plan {
	if timetable == nil {
		timetable = Every(0)
	}
	p := o.plan(&conn, timetable)
	if end := conn.Consent.Due(); p.State == Due && !end.IsZero() && !p.At.Before(end) {
		return Plan{State: Blocked, Turn: bankmux.TurnLogin, Reason: ReasonConsentEnd, Kind: p.Kind}
	}
	return p
}

// plan decides without the consent.
func (o *Outcome) plan(conn *bankmux.Connection, timetable Timetable) Plan {
	s := &o.State
	if o.End.IsZero() || (s.Version > 0 && !s.LinkedAt.Equal(conn.LinkedAt)) {
		return Plan{State: Due, At: o.End, Reason: ReasonLinked}
	}
	switch turn := s.Turn(o.End, true); turn {
	case "":
		return o.unheld(conn, timetable)
	case bankmux.TurnAnswer:
		return Plan{
			State: Parked, At: s.Challenge.ExpiresAt, Turn: turn, Reason: ReasonChallenge, Kind: bankmux.ErrUserAction,
		}
	case bankmux.TurnLater:
		at := s.NotBefore
		if s.Turn(o.End, false) == "" { // the guard's refusals end at the same time for many connections
			wait := at.Sub(o.End)
			at = at.Add(max(bankmux.Again{}.Wait(conn.ID, wait, 1)-wait, 0))
		}
		return later(s.Err, at)
	default:
		kind := bankmux.ErrUserAction
		if s.Err != nil {
			kind = s.Err.Kind
		}
		return waiting(turn, kind)
	}
}

// unheld decides where the stored state holds nothing back.
func (o *Outcome) unheld(conn *bankmux.Connection, timetable Timetable) Plan {
	if o.Err == nil {
		return Plan{State: Due, At: timetable.Next(conn.ID, o.End), Reason: ReasonSlot}
	}
	if partial, ok := errors.AsType[*bankmux.PartialError](o.Err); ok {
		return o.partial(conn, partial, timetable)
	}
	e := bankmux.ErrorOf(o.Err)
	if e == nil {
		e = &bankmux.Error{Kind: kindOf(o.Err)}
	}
	if ch := e.Challenge; ch != nil && o.End.Before(ch.ExpiresAt) {
		return Plan{State: Parked, At: ch.ExpiresAt, Turn: bankmux.TurnAnswer, Reason: ReasonChallenge, Kind: e.Kind}
	}
	switch again := e.Kind.Again(); again.Turn {
	case bankmux.TurnCaller:
		at := o.End.Add(interrupted.Wait(conn.ID, 0, o.Attempts))
		return Plan{State: Due, At: at, Reason: ReasonInterrupted, Kind: e.Kind}
	case bankmux.TurnLater:
		return later(e, o.End.Add(again.Wait(conn.ID, e.RetryAfter, o.Attempts)))
	default:
		return waiting(again.Turn, e.Kind)
	}
}

// kindOf returns the kind of an error without an *Error. One of other code is the application's,
// unless it is that of a context that ended.
func kindOf(err error) bankmux.Kind {
	switch kind := bankmux.KindOf(err); {
	case kind != bankmux.ErrUnknown:
		return kind
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return bankmux.ErrContextDone
	}
	return bankmux.ErrApplication
}

// later returns the plan for a failure that time can end.
func later(e *bankmux.Error, at time.Time) Plan {
	p := Plan{State: Due, At: at, Reason: ReasonBackoff, Kind: e.Kind}
	if e.RetryAfter > 0 {
		p.Reason = ReasonAsked
	}
	return p
}

// waiting returns the plan for a failure that only the user can end.
func waiting(turn bankmux.Turn, kind bankmux.Kind) Plan {
	p := Plan{State: Blocked, Turn: turn, Reason: ReasonUserAbsent, Kind: kind}
	switch {
	case turn == bankmux.TurnLogin:
		p.Reason = ReasonLogin
	case turn == bankmux.TurnNever && kind == bankmux.ErrGone:
		p.State, p.Reason = Dead, ReasonGone
	case turn == bankmux.TurnNever:
		p.State, p.Reason = Dead, ReasonUnsupported
	}
	return p
}

// partial returns the plan after a run that read a part of the data.
func (o *Outcome) partial(conn *bankmux.Connection, partial *bankmux.PartialError, timetable Timetable) Plan {
	slot := Plan{State: Due, At: timetable.Next(conn.ID, o.End), Reason: ReasonSlot}
	var asked time.Duration
	var cause *bankmux.Error // that time can end, the one with the longest wait
	for _, f := range partial.Failed {
		// A row that cannot be read stays as it is, and has no turn of its own.
		if f.Err == nil || f.Transaction != "" || f.Err.Kind.Again().Turn != bankmux.TurnLater {
			continue
		}
		if cause == nil || f.Err.RetryAfter > asked {
			cause = f.Err
		}
		asked = max(asked, f.Err.RetryAfter)
	}
	if cause == nil {
		return slot
	}
	at := o.End.Add(bankmux.Again{}.Wait(conn.ID, max(asked, partialWait), 1))
	if slot.At.Before(at) && !slot.At.Before(o.End.Add(asked)) {
		return slot
	}
	return Plan{State: Due, At: at, Reason: ReasonPartial, Kind: cause.Kind}
}
