package providertest

import (
	"time"

	"github.com/bankmux/bankmux"
)

// expectation is what must come of a cell.
type expectation struct {
	kind       bankmux.Kind // "" is success
	scope      bankmux.Scope
	attempts   int // how often the operation is sent, or tried to be
	repeatable bool
	notSent    bool
	unlisted   bool
	retryAfter time.Duration
	verdict    verdict
	bank       bool // it counts against the bank
	survives   bool // the call succeeds where the fault strikes once
	keeps      bool // the connection goes on being used
}

// circumstances are what decides beside the fault.
type circumstances struct {
	effect bankmux.Effect
	whole  []response // the right answers
	public bool       // sent without credentials
	atBank bool       // the bank itself answers
	words  Words
}

// expect concludes what must come of a fault, by what sending the call twice would do.
func expect(f matrixFault, in circumstances) expectation {
	effect, whole, words := in.effect, in.whole, in.words
	good := expectation{attempts: len(whole), verdict: verdictSuccess, keeps: !f.last}
	if effect == bankmux.Local {
		return expectation{verdict: verdictNone, keeps: true}
	}
	class := f.class
	bodiless := len(whole) > 0 && whole[0].bytes == 0
	if f.body && bodiless {
		return good
	}
	if class == classTooSlow { // a byte a second
		class = classBearable
		for _, a := range whole {
			if time.Duration(a.bytes)*time.Second > matrixDeadline {
				class = classLost
			}
		}
	}
	if class == classFailed && words.Failed == nil {
		class = classGarbled // no failure in the provider's words, and no answer either
	}
	want := expectation{attempts: 1, keeps: f.keeps}
	again := effect == bankmux.Read || effect == bankmux.Idempotent
	switch class {
	case classBearable, classReworded:
		return good
	case classUnsent: // certain not to have left, so even a one-shot may be tried again
		want.kind, want.scope, want.verdict = bankmux.ErrUnavailable, bankmux.ScopeProvider, verdictFailed
		want.notSent, again = true, true
	case classLost:
		want.kind, want.scope, want.verdict = bankmux.ErrUnavailable, bankmux.ScopeProvider, verdictFailed
		want.bank = in.atBank && f.silent && effect == bankmux.Read // it may be the bank that is not answering
	case classGarbled:
		want.kind, want.scope, want.verdict = bankmux.ErrMalformed, bankmux.ScopeProvider, verdictFailed
		again = false
	case classLimited: // says nothing about the provider's health
		want.kind, want.scope, want.verdict = bankmux.ErrRateLimited, bankmux.ScopeApp, verdictNone
		want.retryAfter = f.wait
	case classRefused, classExpired: // an answer, so the provider is there
		want.kind, want.scope, want.verdict = bankmux.ErrCredentials, bankmux.ScopeApp, verdictSuccess
		again = false
	case classStrange:
		want.kind, want.scope, want.verdict = bankmux.ErrInvalid, bankmux.ScopeCall, verdictSuccess
		want.unlisted, again = words.UnknownCode != nil, false
	case classFailed:
		want.kind, want.scope, want.verdict = bankmux.ErrUnknown, bankmux.ScopeCall, verdictSuccess
		if in.atBank { // the provider is there and cannot say more
			want.scope, want.bank = bankmux.ScopeInstitution, true
		}
		again = false
	}
	want.repeatable, want.survives = again, again
	if again {
		want.attempts = matrixAttempts
	}
	// one new token, and the call with it; the first was refused
	if class == classExpired && words.Expired != nil && !in.public {
		want.attempts, want.survives = 2, true
	}
	if effect == bankmux.OneShot && (class == classLost || class == classGarbled) {
		want.kind, want.scope = bankmux.ErrOutcomeUnknown, bankmux.ScopeCall
	}
	return want
}
