package soak_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/virtualbank"
)

// life is one connection's year: what its user does, what the application does about it, and
// what the application keeps.
type life struct {
	world *world
	n     int
	tag   string // in requests, see [proxy]
	plan  plan
	dice  *rand.Rand // of the present step
	calm  bool       // nothing goes wrong any more, and nothing may fail

	row     []byte // the connection, sealed
	ref     bankmux.Ref
	tables  *tables
	refuses time.Time // until then, the bank refuses days that it promises
	doubt   int       // rounds that begin without a cursor, after pages went round

	injected bool              // the exchange, where that is certain
	end      string            // what became of the connection, "" while it is linked or may be yet
	posts    map[string]int    // exchanges that left, by token
	former   map[string]string // the provider's ids that were the connection's, and why they are not
	// what may exist at the bank without the application's knowing which, and why: Dapi's ids, or tags of MoneyKit's sessions
	lost map[string]string
}

const correctPassword = "correct horse"

func newLife(w *world, n int, trouble []trouble) *life {
	return &life{
		world: w, n: n, tag: userName(n), plan: planOf(w.cfg.seed, n, trouble), tables: newTables(&w.cfg.mistake),
		posts: map[string]int{}, former: map[string]string{}, lost: map[string]string{},
	}
}

// live goes through the plan, and at the end compares the application's rows with the bank's.
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

// tell tells the story of a connection that is driven alone.
func (l *life) narrate(format string, args ...any) {
	if *flagStory == l.n {
		fmt.Printf("%s  %s\n", time.Now().UTC().Format("2006-01-02 15:04:05"), fmt.Sprintf(format, args...))
	}
}

// take does what a step says.
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
		l.tables.cursor = "" // with the rows that are known, nothing is doubled
		return l.sync()
	case doLapse:
		l.world.count("situations", "consent lapses", 1)
		return l.world.present().Lapse(l.conn().Reference())
	case doMove:
		return l.move()
	case doDisconnect:
		return l.leave()
	case doRevoke:
		return l.revoke()
	}
	return nil
}

// stage lets the bank do what it does sooner or later.
func (l *life) stage(situations []string) {
	bank, id := l.world.present(), l.conn().Reference()
	for _, s := range situations {
		if (s == virtualbank.EmptyAnswer || s == virtualbank.ShortAnswer) &&
			len(l.tables.since) < max(1, len(l.tables.seen)) {
			continue // what the first answer leaves out, the bank may not serve any more when it is read again
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
			l.doubt = 3 // where they stop going round, MoneyKit may have skipped something
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

// call makes one call of the library, in which something may go wrong, and which the application
// may give little time.
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

// How likely something goes wrong in a call, in percent.
const (
	oddsOfLinking  = 12
	oddsOfExchange = 45
	oddsOfReading  = 14
)

// persist repeats what may pass by itself, with waits of minutes and then hours.
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

// patience is how often something is tried again: it outlasts every outage.
const patience = 15

// passes reports whether the same may go well another time. What is not here is a mistake of the
// application's, or of the library's.
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
		// The provider's, for a reason it made up, or one whose words were lost on the way, or
		// because the bank went on with its questions and the word of it was lost.
		return e.Unlisted || e.Code == "" && e.Status != 0 || e.Code == "PARAMETER_ERROR"
	}
	return false
}

// rightAnswers are what the user answers the bank.
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

// answer is the user's, perhaps wrong, late or none, and given in another process.
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
	l.world.count("answers to the bank", how, 1)
	if how == "given up" {
		return ch.Abandon()
	}
	return ch.Answer(texts...)
}
