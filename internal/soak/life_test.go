package soak_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/virtualbank"
)

// life is the year of one connection. It has what the user does, how the application reacts, and
// what the application keeps.
type life struct {
	world *world
	n     int
	tag   string // of its requests, see [proxy]
	plan  plan
	dice  *rand.Rand // of the current step
	calm  bool       // nothing is injected any more, so nothing may fail

	row     []byte // the connection, sealed
	ref     bankmux.Ref
	tables  *tables
	refuses time.Time // until when the bank refuses days that it promises
	doubt   int       // rounds that start without a cursor, after pages repeated

	injected bool              // whether the certain fault of the exchange was injected
	end      string            // how the connection ended; "" while it is or may still be linked
	posts    map[string]int    // exchanges that were posted, by token
	former   map[string]string // ids that the connection had at the provider, and why it lost them
	// Links that may exist at the bank although the application has none of them, with the
	// reason. The key is the id at Dapi and Plaid, and the tag of the session at MoneyKit.
	lost map[string]string
}

const correctPassword = "correct horse"

func newLife(w *world, n int, trouble []trouble) *life {
	plan := planOf(w.cfg.seed, n, trouble)
	plan.cross(w.cfg.moves, diceOf(w.cfg.seed, n, -1))
	return &life{
		world: w, n: n, tag: userName(n), plan: plan, tables: newTables(&w.cfg.mistake),
		posts: map[string]int{}, former: map[string]string{}, lost: map[string]string{},
	}
}

// live follows the plan. At its end the rows of the application are compared with the bank's.
func (l *life) live() {
	for i, step := range l.plan.steps {
		l.world.until(step.at)
		l.dice, l.calm = diceOf(l.world.cfg.seed, l.n, i), step.at > quietFrom*oneDay
		l.narrate("%s %v", step.do, step.staged)
		err := l.take(step)
		switch {
		case err != nil && (l.calm || !passes(err)):
			l.complain("%s on day %d: %v", step.do, int(step.at/oneDay), err)
		case err != nil:
			l.world.count("steps given up", step.do+": "+string(bankmux.KindOf(err)), 1)
		}
		if l.end != "" {
			break
		}
	}
	switch {
	case l.end != "":
	case l.row == nil:
		l.end = "could not be linked"
		l.complain("%s: %v", l.end, l.lost)
	default:
		l.agree()
		l.filled()
		l.end = "linked"
	}
	l.tables = nil
}

func (l *life) complain(format string, args ...any) {
	l.world.complain("connection %d, %s at %s: %s", l.n, l.plan.provider, l.plan.place.id, fmt.Sprintf(format, args...))
}

// narrate prints what a connection does, for -soak.story.
func (l *life) narrate(format string, args ...any) {
	if *flagStory == l.n {
		fmt.Printf("%s  %s\n", time.Now().UTC().Format("2006-01-02 15:04:05"), fmt.Sprintf(format, args...))
	}
}

// take carries out a step.
func (l *life) take(step step) error {
	if l.row == nil {
		if step.do == doDisconnect || step.do == doRevoke {
			l.end = "left before it was linked"
			return nil
		}
		if err := l.connect(nil); err != nil || l.end != "" || step.do == doLink {
			return err
		}
	}
	switch step.do {
	case doSync:
		if l.world.cfg.staged != nil && !l.calm {
			step.staged = l.world.cfg.staged
		}
		l.stage(step.staged)
		return l.sync()
	case doFresh:
		l.tables.cursor = "" // the rows that are known are not added again
		return l.sync()
	case doLapse:
		l.world.count("situations", "consent lapses", 1)
		return l.world.present().Lapse(l.conn().Reference())
	case doMove:
		return l.move()
	case doCross:
		return l.cross()
	case doDisconnect:
		return l.leave()
	case doRevoke:
		return l.revoke()
	}
	return nil
}

// stage makes the bank do what banks do sooner or later.
func (l *life) stage(situations []string) {
	bank, id := l.world.present(), l.conn().Reference()
	can := l.plan.situations()
	for _, s := range situations {
		if !slices.Contains(can, s) {
			continue // the plan was made for another provider
		}
		if (s == virtualbank.EmptyResponse || s == virtualbank.ShortResponse) &&
			len(l.tables.since) < max(1, len(l.tables.seen)) {
			continue // the bank may no longer serve rows that the first response omits
		}
		err := bank.Stage(id, s)
		if refused, ok := errors.AsType[*virtualbank.Refusal](err); ok && refused.Status == http.StatusConflict {
			continue // the account has no row for it
		}
		l.world.must(err)
		l.world.count("situations", s, 1)
		if s == virtualbank.DaysRefused {
			l.refuses = bank.Now().Add(time.Hour)
		}
		if s == virtualbank.CursorCircles {
			l.doubt = 3 // where pages stop repeating, MoneyKit may have skipped rows
		}
	}
	if l.plan.provider != "dapi" || l.calm {
		return
	}
	path := oneOf(l.dice, []string{"", "/data/transactions/get"})
	switch {
	case chance(l.dice, 12):
		kinds := sortedNames(rightAnswers)
		rounds := [][]string{{oneOf(l.dice, kinds)}}
		if chance(l.dice, 30) {
			rounds = append(rounds, []string{oneOf(l.dice, kinds), oneOf(l.dice, kinds)})
		}
		l.world.must(bank.RequireInput(id, path, rounds...))
		l.world.count("situations", "the bank asks the user", 1)
	case chance(l.dice, 10):
		l.world.must(bank.Defer(id, path, l.dice.IntN(5)))
		l.world.count("situations", "the bank takes its time", 1)
	}
}

// call makes one call of the library. A fault may be injected, and the deadline may be short.
func (l *life) call(odds int, f func(context.Context) error) error {
	ctx, limit := context.WithValue(context.Background(), tagKey{}, l.tag), time.Hour
	if !l.calm {
		if certain := l.world.cfg.exchange; certain != "" && odds == oddsOfExchange {
			if !l.injected {
				l.world.arm(l.tag, &injection{fault: certain, times: 1})
			}
			l.injected = true
		} else if chance(l.dice, odds) {
			l.world.arm(
				l.tag,
				&injection{
					fault: oneOf(l.dice, faultsOf(l.plan.provider)),
					skip:  l.dice.IntN(4) * l.dice.IntN(2),
					times: 1 + l.dice.IntN(2)*l.dice.IntN(5),
				},
			)
		}
		if chance(l.dice, 8) {
			limit = time.Second + time.Duration(l.dice.IntN(40_000))*time.Millisecond
		}
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := f(ctx)
	l.world.arm(l.tag, nil)
	if err != nil {
		l.narrate("  %v", err)
	}
	return err
}

// The probability of a fault in a call, in percent.
const (
	oddsOfLinking  = 12
	oddsOfExchange = 45
	oddsOfReading  = 14
)

// persist repeats f while its error may pass, with waits of minutes and then hours.
func (l *life) persist(tries int, f func() error) error {
	for try := 1; ; try++ {
		err := f()
		if err == nil || try == tries || l.calm || l.end != "" || !passes(err) {
			return err
		}
		wait := min(time.Minute<<try, 2*time.Hour)
		if e, ok := errors.AsType[*bankmux.Error](err); ok {
			wait = max(wait, e.RetryAfter)
		}
		time.Sleep(wait + time.Duration(l.dice.IntN(60))*time.Second)
	}
}

// patience is how many tries persist makes. They outlast every outage.
const patience = 15

// passes reports whether another try may succeed. Any other error is a mistake of the application
// or of the library.
func passes(err error) bool {
	e, ok := errors.AsType[*bankmux.Error](err)
	if !ok {
		return false
	}
	switch e.Kind {
	case bankmux.ErrUnavailable,
		bankmux.ErrMalformed,
		bankmux.ErrCircuitOpen,
		bankmux.ErrRateLimited,
		bankmux.ErrInstitution,
		bankmux.ErrContextDone,
		bankmux.ErrNotReady,
		bankmux.ErrUnknown,
		bankmux.ErrCredentials,
		bankmux.ErrOutcomeUnknown,
		bankmux.ErrTokenSpent,
		bankmux.ErrUserAction,
		bankmux.ErrReauth:
		return true
	case bankmux.ErrInvalid:
		// The provider refused for an unlisted reason, or its reason was lost on the way. Or the
		// bank has moved on to its next question and that response was lost.
		return e.Unlisted || e.Code == "" && e.Status != 0 || e.Code == "PARAMETER_ERROR"
	}
	return false
}

// rightAnswers are the answers that the bank accepts, by kind of input.
var rightAnswers = map[string]string{
	"otp":             "123456",
	"token":           "123456",
	"pin":             "1234",
	"captcha":         "BANK7",
	"secret_question": "blue",
	"confirmation":    "true",
	"multiple_choice": "0",
}

// ask makes a call in which the bank may ask the user.
func (l *life) ask(f func(context.Context, *bankmux.Answers) error) error {
	var answers *bankmux.Answers
	for range 20 {
		err := l.call(oddsOfReading, func(ctx context.Context) error { return f(ctx, answers) })
		answers = nil
		e, ok := errors.AsType[*bankmux.Error](err)
		switch {
		case ok && e.Challenge != nil:
			answers = l.answer(e.Challenge)
		case errors.Is(err, bankmux.ErrAnswerRejected),
			errors.Is(err, bankmux.ErrChallengeExpired),
			errors.Is(err, bankmux.ErrUserAction):
		default:
			return err
		}
	}
	return bankmux.ErrUserAction
}

// answer returns the user's answer, which may be wrong, late or none. The challenge travels as
// JSON, as between two processes.
func (l *life) answer(open *bankmux.Challenge) *bankmux.Answers {
	raw, err := json.Marshal(open)
	l.world.must(err)
	var ch bankmux.Challenge
	l.world.must(json.Unmarshal(raw, &ch))
	texts := make([]string, len(ch.Inputs))
	for i, in := range ch.Inputs {
		texts[i] = rightAnswers[string(in.Kind)]
	}
	how := "right"
	if !l.calm {
		switch p := l.dice.IntN(100); {
		case p < 8:
			how, texts[0] = "wrong", "nonsense"
		case p < 12:
			how = "given up"
		case p < 15:
			how = "late"
			time.Sleep(6 * time.Minute)
		}
	}
	l.world.count("answers to challenges", how, 1)
	if how == "given up" {
		return ch.Abandon()
	}
	return ch.Answer(texts...)
}
