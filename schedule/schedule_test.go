package schedule_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/schedule"
)

var (
	end  = time.Date(2026, 3, 4, 1, 30, 0, 0, time.UTC)
	conn = bankmux.Connection{ID: "conn-1", User: "rosa", LinkedAt: end.Add(-100 * time.Hour)}
)

// expected is a plan, with the shortest wait of one that is due.
type expected struct {
	state  schedule.State
	turn   bankmux.Turn
	reason schedule.Reason
	wait   time.Duration
}

var (
	inAMinute  = expected{schedule.Due, "", schedule.ReasonBackoff, time.Minute}
	inAQuarter = expected{schedule.Due, "", schedule.ReasonBackoff, 15 * time.Minute}
	byAUser    = expected{schedule.Blocked, bankmux.TurnPresent, schedule.ReasonUserAbsent, 0}
	byALogin   = expected{schedule.Blocked, bankmux.TurnLogin, schedule.ReasonLogin, 0}
	cutShort   = expected{schedule.Due, "", schedule.ReasonInterrupted, time.Minute}
)

// plans has the plan after the first failure of every Kind.
var plans = map[bankmux.Kind]expected{
	bankmux.ErrInvalid: inAQuarter, bankmux.ErrCredentials: inAQuarter, bankmux.ErrNotPermitted: inAQuarter,
	bankmux.ErrQuota: inAQuarter, bankmux.ErrNotFound: inAQuarter, bankmux.ErrMalformed: inAQuarter,
	bankmux.ErrOutcomeUnknown: inAQuarter, bankmux.ErrSeal: inAQuarter, bankmux.ErrSignature: inAQuarter,
	bankmux.ErrUnknown: inAQuarter, "a kind of a later version": inAQuarter,
	bankmux.ErrNotReady: inAMinute, bankmux.ErrRateLimited: inAMinute, bankmux.ErrInstitution: inAMinute,
	bankmux.ErrUnavailable: inAMinute, bankmux.ErrCircuitOpen: inAMinute,
	bankmux.ErrReauth: byALogin, bankmux.ErrConsent: byALogin, bankmux.ErrTokenSpent: byALogin,
	bankmux.ErrUserAction: byAUser, bankmux.ErrAnswerRejected: byAUser, bankmux.ErrChallengeExpired: byAUser,
	bankmux.ErrContextDone: cutShort, bankmux.ErrApplication: cutShort,
	bankmux.ErrGone:        {schedule.Dead, bankmux.TurnNever, schedule.ReasonGone, 0},
	bankmux.ErrUnsupported: {schedule.Dead, bankmux.TurnNever, schedule.ReasonUnsupported, 0},
}

// TestConsentEnd specifies what a consent that ends changes in a plan.
func TestConsentEnd(t *testing.T) {
	t.Parallel()
	of := conn
	of.Consent = bankmux.Consent{ExpiresAt: end.Add(time.Second)}
	t.Run("an open question stays parked", func(t *testing.T) {
		t.Parallel()
		ch := &bankmux.Challenge{ID: "question", ExpiresAt: end.Add(time.Hour)}
		got := schedule.After(of, schedule.Outcome{
			Err: &bankmux.Error{Kind: bankmux.ErrUserAction, Challenge: ch}, End: end, Attempts: 1,
		}, nil)
		assert.Equal(t, schedule.Plan{
			State: schedule.Parked, At: ch.ExpiresAt, Turn: bankmux.TurnAnswer,
			Reason: schedule.ReasonChallenge, Kind: bankmux.ErrUserAction,
		}, got)
	})
	t.Run("the plan has the kind of the failure that it would have waited for", func(t *testing.T) {
		t.Parallel()
		got := schedule.After(of, schedule.Outcome{
			Err: &bankmux.Error{Kind: bankmux.ErrUnavailable}, End: end, Attempts: 1,
		}, nil)
		assert.Equal(t, schedule.Plan{
			State: schedule.Blocked, Turn: bankmux.TurnLogin, Reason: schedule.ReasonConsentEnd,
			Kind: bankmux.ErrUnavailable,
		}, got)
	})
}

// check compares a plan with what is expected. A tenth may be added to a wait.
func check(t *testing.T, want expected, got schedule.Plan) {
	t.Helper()
	assert.Equal(t, want.state, got.State)
	assert.Equal(t, want.turn, got.Turn)
	assert.Equal(t, want.reason, got.Reason)
	if want.wait == 0 {
		assert.Zero(t, got.At)
		return
	}
	assert.GreaterOrEqual(t, got.At.Sub(end), want.wait)
	assert.LessOrEqual(t, got.At.Sub(end), want.wait*11/10)
}

func TestAfter(t *testing.T) {
	t.Parallel()
	t.Run("every kind has a plan", func(t *testing.T) {
		t.Parallel()
		for _, kind := range bankmux.Kinds() {
			assert.Contains(t, plans, kind)
		}
	})
	for kind, want := range plans {
		t.Run(fmt.Sprintf("after %s a connection is %s", kind, want.state), func(t *testing.T) {
			t.Parallel()
			got := schedule.After(conn, schedule.Outcome{Err: &bankmux.Error{Kind: kind}, Attempts: 1, End: end}, nil)
			check(t, want, got)
			assert.Equal(t, kind, got.Kind)
		})
	}
	for name, c := range outcomes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.o.End = end
			of := conn
			of.Consent = c.consent
			got := schedule.After(of, c.o, c.timetable)
			check(t, c.want, got)
			if c.kind != "" {
				assert.Equal(t, c.kind, got.Kind)
			}
		})
	}
	t.Run("a connection that has never run is due at once", func(t *testing.T) {
		t.Parallel()
		p := schedule.After(conn, schedule.Outcome{}, schedule.Night{})
		assert.Equal(t, schedule.ReasonLinked, p.Reason)
		assert.True(t, p.IsDue(end))
	})
	t.Run("a reconnect makes a connection due at once, whatever held it", func(t *testing.T) {
		t.Parallel()
		for _, kind := range bankmux.Kinds() {
			s := failed(kind, end.Add(time.Hour))
			s.LinkedAt = conn.LinkedAt.Add(-time.Hour)
			assert.True(t, schedule.After(conn, schedule.Outcome{State: s, End: end}, nil).IsDue(end), kind)
		}
	})
	t.Run("a question that is open parks, and the connection stays blocked when it expires", func(t *testing.T) {
		t.Parallel()
		asked := bankmux.Challenge{ID: "c", ExpiresAt: end.Add(5 * time.Minute)}
		s := failed(bankmux.ErrUserAction, time.Time{})
		s.Challenge, s.AskedAt = &asked, end
		alone := schedule.Outcome{Err: &bankmux.Error{Kind: bankmux.ErrUserAction, Challenge: &asked}, End: end}
		for _, o := range []schedule.Outcome{{State: s, End: end}, alone} {
			p := schedule.After(conn, o, nil)
			assert.Equal(t, schedule.Plan{
				State: schedule.Parked, At: asked.ExpiresAt, Turn: bankmux.TurnAnswer,
				Reason: schedule.ReasonChallenge, Kind: bankmux.ErrUserAction,
			}, p)
			assert.False(t, p.IsDue(end.Add(1000*time.Hour)))
			o.End = asked.ExpiresAt
			assert.Equal(t, schedule.Blocked, schedule.After(conn, o, nil).State)
		}
	})
}

// failed returns the state after a round that failed.
func failed(kind bankmux.Kind, notBefore time.Time) bankmux.SyncState {
	return bankmux.SyncState{
		Version: 3, LinkedAt: conn.LinkedAt, Err: &bankmux.Error{Kind: kind}, Attempts: 1, NotBefore: notBefore,
	}
}

// incomplete returns the error for accounts that could not be read.
func incomplete(all ...*bankmux.Error) error {
	e := &bankmux.PartialError{}
	for i, err := range all {
		e.Failed = append(e.Failed, bankmux.Failure{Account: fmt.Sprint(i), Err: err})
	}
	return e
}

// outcomes are runs that no Kind alone decides.
var outcomes = map[string]struct {
	o         schedule.Outcome
	kind      bankmux.Kind // "" is not checked
	consent   bankmux.Consent
	timetable schedule.Timetable
	want      expected
}{
	"a connection that is gone is dead, also if its bank asked before": {
		o: schedule.Outcome{State: bankmux.SyncState{
			Version: 1, LinkedAt: conn.LinkedAt, AskedAt: end, Err: &bankmux.Error{Kind: bankmux.ErrGone},
		}},
		want: expected{schedule.Dead, bankmux.TurnNever, schedule.ReasonGone, 0},
	},
	"after success a connection waits for a day": {
		want: expected{schedule.Due, "", schedule.ReasonSlot, 24 * time.Hour},
	},
	"after success the timetable counts": {
		timetable: schedule.Every(6 * time.Hour),
		want:      expected{schedule.Due, "", schedule.ReasonSlot, 6 * time.Hour},
	},
	"the provider's wait counts": {
		o: schedule.Outcome{
			Err: &bankmux.Error{Kind: bankmux.ErrRateLimited, RetryAfter: 3 * time.Hour}, Attempts: 5,
		},
		want: expected{schedule.Due, "", schedule.ReasonAsked, 3 * time.Hour},
	},
	"a wait of the provider is at most a day": {
		o:    schedule.Outcome{Err: &bankmux.Error{Kind: bankmux.ErrUnavailable, RetryAfter: 1000 * time.Hour}},
		want: expected{schedule.Due, "", schedule.ReasonAsked, 24 * time.Hour},
	},
	"a wait doubles": {
		o:    schedule.Outcome{Err: bankmux.ErrNotReady, Attempts: 4},
		want: expected{schedule.Due, "", schedule.ReasonBackoff, 8 * time.Minute},
	},
	"a wait that doubles has a bound": {
		o:    schedule.Outcome{Err: bankmux.ErrInstitution, Attempts: 400},
		want: expected{schedule.Due, "", schedule.ReasonBackoff, time.Hour},
	},
	"a stored wait counts more than the error": {
		o: schedule.Outcome{
			State: failed(bankmux.ErrUnavailable, end.Add(40*time.Minute)), Err: bankmux.ErrUnavailable,
		},
		want: expected{schedule.Due, "", schedule.ReasonBackoff, 40 * time.Minute},
	},
	"after a wait that is over, a run that was cut short waits for a minute": {
		o:    schedule.Outcome{State: failed(bankmux.ErrUnavailable, end.Add(-time.Hour)), Err: context.Canceled},
		want: cutShort,
	},
	"a login that was missing before is still missing after a run that was cut short": {
		o:    schedule.Outcome{State: failed(bankmux.ErrReauth, time.Time{}), Err: bankmux.ErrContextDone},
		want: byALogin,
	},
	"an error of the application's database waits for a minute": {
		o:    schedule.Outcome{Err: errors.New("the database is away")},
		want: cutShort,
	},
	"a bank that asks blocks after success too": {
		o:    schedule.Outcome{State: bankmux.SyncState{Version: 1, LinkedAt: conn.LinkedAt, AskedAt: end}},
		want: byAUser,
	},
	"accounts that a bank may serve later wait for an hour": {
		o: schedule.Outcome{Err: incomplete(
			&bankmux.Error{Kind: bankmux.ErrConsent}, &bankmux.Error{Kind: bankmux.ErrInstitution},
		)},
		want: expected{schedule.Due, "", schedule.ReasonPartial, time.Hour},
	},
	"accounts wait as long as the provider says": {
		o: schedule.Outcome{
			Err: incomplete(&bankmux.Error{Kind: bankmux.ErrRateLimited, RetryAfter: 5 * time.Hour}),
		},
		want: expected{schedule.Due, "", schedule.ReasonPartial, 5 * time.Hour},
	},
	"the account that waits longest is the reason": {
		o: schedule.Outcome{Err: incomplete(
			&bankmux.Error{Kind: bankmux.ErrRateLimited, RetryAfter: 5 * time.Hour},
			&bankmux.Error{Kind: bankmux.ErrInstitution, RetryAfter: time.Minute},
		)},
		kind: bankmux.ErrRateLimited,
		want: expected{schedule.Due, "", schedule.ReasonPartial, 5 * time.Hour},
	},
	"a turn that comes before the hour is over counts": {
		o:         schedule.Outcome{Err: incomplete(&bankmux.Error{Kind: bankmux.ErrInstitution})},
		timetable: schedule.Every(time.Minute),
		want:      expected{schedule.Due, "", schedule.ReasonSlot, time.Minute},
	},
	"a turn that comes before the provider's wait is over does not count": {
		o: schedule.Outcome{
			Err: incomplete(&bankmux.Error{Kind: bankmux.ErrRateLimited, RetryAfter: 2 * time.Hour}),
		},
		timetable: schedule.Every(time.Minute),
		want:      expected{schedule.Due, "", schedule.ReasonPartial, 2 * time.Hour},
	},
	"accounts that only the user can restore do not change the turn": {
		o:    schedule.Outcome{Err: incomplete(&bankmux.Error{Kind: bankmux.ErrConsent})},
		want: expected{schedule.Due, "", schedule.ReasonSlot, 24 * time.Hour},
	},
	"a single row that cannot be read does not change the turn": {
		o: schedule.Outcome{Err: &bankmux.PartialError{Failed: []bankmux.Failure{
			{Account: "a", Transaction: "t", Err: &bankmux.Error{Kind: bankmux.ErrMalformed}},
		}}},
		want: expected{schedule.Due, "", schedule.ReasonSlot, 24 * time.Hour},
	},
	"a consent that ends after the next run changes nothing": {
		consent: bankmux.Consent{ExpiresAt: end.Add(24*time.Hour + 1)},
		want:    expected{schedule.Due, "", schedule.ReasonSlot, 24 * time.Hour},
	},
	"a consent that ends before the next run blocks": {
		consent: bankmux.Consent{ExpiresAt: end.Add(24 * time.Hour)},
		want:    expected{schedule.Blocked, bankmux.TurnLogin, schedule.ReasonConsentEnd, 0},
	},
	"a consent that must be confirmed before the next run blocks": {
		consent: bankmux.Consent{ExpiresAt: end.Add(1000 * time.Hour), ReconfirmBy: end.Add(time.Hour)},
		want:    expected{schedule.Blocked, bankmux.TurnLogin, schedule.ReasonConsentEnd, 0},
	},
	"a consent that ends within a wait blocks": {
		o:       schedule.Outcome{Err: bankmux.ErrUnavailable},
		consent: bankmux.Consent{ExpiresAt: end.Add(time.Second)},
		want:    expected{schedule.Blocked, bankmux.TurnLogin, schedule.ReasonConsentEnd, 0},
	},
}

// anyState draws a stored state.
func anyState(t *rapid.T) bankmux.SyncState {
	times := rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "none") {
			return time.Time{}
		}
		return end.Add(time.Duration(rapid.Int64Range(-int64(time.Hour), int64(time.Hour)).Draw(t, "time")))
	})
	s := bankmux.SyncState{
		Version: rapid.Int64Range(0, 3).Draw(t, "version"), LinkedAt: conn.LinkedAt,
		AskedAt: times.Draw(t, "asked"), NotBefore: times.Draw(t, "not before"),
		Attempts: rapid.IntRange(0, 9).Draw(t, "attempts"),
	}
	if rapid.Bool().Draw(t, "error") {
		s.Err = &bankmux.Error{Kind: rapid.SampledFrom(bankmux.Kinds()).Draw(t, "kind")}
	}
	if rapid.Bool().Draw(t, "challenge") {
		s.Challenge = &bankmux.Challenge{ExpiresAt: times.Draw(t, "expires")}
	}
	return s
}

// anyOutcome draws how a run ended.
func anyOutcome(t *rapid.T) schedule.Outcome {
	attempts := rapid.IntRange(0, 40)
	o := schedule.Outcome{State: anyState(t), Attempts: attempts.Draw(t, "attempts of the caller"), End: end}
	if rapid.Bool().Draw(t, "fails") {
		o.Err = &bankmux.Error{
			Kind:       rapid.SampledFrom(bankmux.Kinds()).Draw(t, "kind of the error"),
			RetryAfter: time.Duration(rapid.Int64Range(0, int64(30*time.Hour)).Draw(t, "retry after")),
		}
	}
	return o
}

func TestAfterContext(t *testing.T) {
	for name, err := range map[string]error{
		"a canceled context is not an error of the application": context.Canceled,
		"nor is a deadline": fmt.Errorf("sync: %w", context.DeadlineExceeded),
	} {
		t.Run(name, func(t *testing.T) {
			plan := schedule.After(conn, schedule.Outcome{Err: err, Attempts: 1, End: end}, nil)
			assert.Equal(t, bankmux.ErrContextDone, plan.Kind)
			assert.Equal(t, schedule.ReasonInterrupted, plan.Reason)
			assert.False(t, plan.At.Before(end.Add(time.Minute)), "a program that always cancels does not spin")
		})
	}
}

func TestAfterAnything(t *testing.T) {
	t.Parallel()
	t.Run("a plan that is due is never before the stored wait, and SyncAll runs it", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			o := anyOutcome(t)
			p := schedule.After(conn, o, schedule.Night{})
			if p.State != schedule.Due {
				return
			}
			require.False(t, p.At.Before(end))
			require.Empty(t, o.State.Turn(p.At, true))
			if o.State.Err != nil && o.State.Err.Kind.Again().Turn == bankmux.TurnLater {
				require.False(t, p.At.Before(o.State.NotBefore))
			}
		})
	})
	t.Run("what is not due never becomes due by time alone", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			o := anyOutcome(t)
			p := schedule.After(conn, o, schedule.Night{})
			later := end.Add(time.Duration(rapid.Int64Range(0, int64(10000*time.Hour)).Draw(t, "later")))
			if p.State == schedule.Due {
				require.Equal(t, !later.Before(p.At), p.IsDue(later))
				return
			}
			require.False(t, p.IsDue(later))
			require.Zero(t, p.Late(later))
			require.NotEmpty(t, p.Turn)
		})
	})
	t.Run("after an outage of any length a run that failed is due within 66 minutes", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			one := conn
			one.ID = rapid.String().Draw(t, "id")
			err := &bankmux.Error{Kind: rapid.SampledFrom([]bankmux.Kind{
				bankmux.ErrUnavailable, bankmux.ErrInstitution, bankmux.ErrCircuitOpen, bankmux.ErrRateLimited,
				bankmux.ErrContextDone,
			}).Draw(t, "kind")}
			o := schedule.Outcome{Err: err, Attempts: rapid.Int().Draw(t, "attempts"), End: end}
			p := schedule.After(one, o, schedule.Night{})
			require.Equal(t, schedule.Due, p.State)
			require.LessOrEqual(t, p.At.Sub(end), 66*time.Minute)
		})
	})
	t.Run("no wait of a provider makes a run early, or later than a day and a tenth", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			asked := time.Duration(rapid.Int64().Draw(t, "retry after"))
			err := error(&bankmux.Error{Kind: bankmux.ErrRateLimited, RetryAfter: asked})
			shortest := time.Minute
			if rapid.Bool().Draw(t, "partial") {
				err, shortest = incomplete(bankmux.ErrorOf(err)), time.Hour
			}
			p := schedule.After(conn, schedule.Outcome{Err: err, Attempts: 1, End: end}, schedule.Every(1000*time.Hour))
			require.Equal(t, schedule.Due, p.State)
			require.LessOrEqual(t, p.At.Sub(end), 24*time.Hour*11/10)
			if asked > 0 {
				shortest = max(min(asked, 24*time.Hour), shortest-time.Minute)
			}
			require.GreaterOrEqual(t, p.At.Sub(end), shortest)
		})
	})
	t.Run("one more failure and a longer wait of the provider never make a run earlier", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			kind := rapid.SampledFrom(bankmux.Kinds()).Draw(t, "kind")
			one := conn
			one.ID = rapid.String().Draw(t, "id")
			at := func(attempts int, asked time.Duration) time.Time {
				err := &bankmux.Error{Kind: kind, RetryAfter: asked}
				return schedule.After(one, schedule.Outcome{Err: err, Attempts: attempts, End: end}, nil).At
			}
			n := rapid.IntRange(0, 50).Draw(t, "attempts")
			asked := time.Duration(rapid.Int64Range(1, int64(40*time.Hour)).Draw(t, "asked"))
			require.False(t, at(n+1, 0).Before(at(n, 0)))
			require.False(t, at(n, asked+time.Minute).Before(at(n, asked)))
		})
	})
}
