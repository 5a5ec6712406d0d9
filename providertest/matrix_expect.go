package providertest

// This file has the expected result of a cell.

import (
	"time"

	"github.com/bankmux/bankmux"
)

// expectation is the expected result of a cell.
type expectation struct {
	kind       bankmux.Kind // "" is success
	scope      bankmux.Scope
	attempts   int // how often the operation is sent, or tries to connect
	repeatable bool
	notSent    bool
	unlisted   bool
	retryAfter time.Duration
	verdict    verdict
	bank       bool // it counts against the bank
	survives   bool // the call succeeds if one request gets the fault
	keeps      bool // the connection is used again
}

// circumstances decide the result together with the fault.
type circumstances struct {
	effect bankmux.Effect
	whole  []response // the responses without a fault
	public bool       // sent without credentials
	atBank bool       // the bank itself serves the call
	words  Words
}

// slowClass returns the class of responses that arrive at one byte per second.
func slowClass(whole []response) class {
	for _, a := range whole {
		if time.Duration(a.bytes)*time.Second > matrixDeadline {
			return classLost
		}
	}
	return classBearable
}

// expect derives the expected result from the fault and from what sending the call twice would do.
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
	if class == classTooSlow {
		class = slowClass(whole)
	}
	if class == classFailed && words.Failed == nil {
		class = classGarbled // neither a failure in the provider's format nor a readable response
	}
	want := expectation{attempts: 1, keeps: f.keeps}
	again := effect == bankmux.Read || effect == bankmux.Idempotent
	switch class {
	case classBearable, classReworded:
		return good
	case classUnsent: // certainly not sent, so even a one-shot is retried
		want.kind, want.scope, want.verdict = bankmux.ErrUnavailable, bankmux.ScopeProvider, verdictFailed
		want.notSent, again = true, true
	case classLost:
		want.kind, want.scope, want.verdict = bankmux.ErrUnavailable, bankmux.ScopeProvider, verdictFailed
		want.bank = in.atBank && f.silent && effect == bankmux.Read // perhaps the bank does not respond
	case classGarbled:
		want.kind, want.scope, want.verdict = bankmux.ErrMalformed, bankmux.ScopeProvider, verdictFailed
		again = false
	case classLimited: // says nothing about the provider's health
		want.kind, want.scope, want.verdict = bankmux.ErrRateLimited, bankmux.ScopeApp, verdictNone
		want.retryAfter = f.wait
	case classRefused, classExpired: // a response, so the provider is available
		want.kind, want.scope, want.verdict = bankmux.ErrCredentials, bankmux.ScopeApp, verdictSuccess
		again = false
	case classStrange:
		want.kind, want.scope, want.verdict = bankmux.ErrInvalid, bankmux.ScopeCall, verdictSuccess
		want.unlisted, again = words.UnknownCode != nil, false
	case classFailed:
		want.kind, want.scope, want.verdict = bankmux.ErrUnknown, bankmux.ScopeCall, verdictSuccess
		if in.atBank { // the provider is available, and knows no reason
			want.scope, want.bank = bankmux.ScopeInstitution, true
		}
		again = false
	}
	want.repeatable, want.survives = again, again
	if again {
		want.attempts = matrixAttempts
	}
	// The first request is refused. It is sent again with one new token.
	if class == classExpired && words.Expired != nil && !in.public {
		want.attempts, want.survives = 2, true
	}
	if effect == bankmux.OneShot && (class == classLost || class == classGarbled) {
		want.kind, want.scope = bankmux.ErrOutcomeUnknown, bankmux.ScopeCall
	}
	return want
}
