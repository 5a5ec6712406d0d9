package bankmux

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestKind holds the class of every Kind. A new Kind belongs to a class only if it is listed here.
func TestKind(t *testing.T) {
	t.Parallel()
	t.Run("every kind has a full row", func(t *testing.T) {
		t.Parallel()
		assert.Len(t, Kinds(), 25)
		remedies, sentences := map[string]bool{}, map[string]bool{}
		for _, k := range Kinds() {
			assert.NotEmpty(t, k.Scope(), k)
			assert.NotEmpty(t, k.Remedy(), k)
			assert.NotEmpty(t, k.sentence(), k)
			assert.Contains(t, []slog.Level{slog.LevelWarn, slog.LevelError}, k.LogLevel(), k)
			remedies[k.Remedy()], sentences[k.sentence()] = true, true
		}
		assert.Len(t, remedies, 25, "each has its own remedy")
		assert.Len(t, sentences, 25, "each has its own sentence")
	})
	t.Run("an unlisted kind is treated like ErrUnknown", func(t *testing.T) {
		t.Parallel()
		later := Kind("of a later version")
		assert.Equal(t, ErrUnknown.Remedy(), later.Remedy())
		assert.Equal(t, ErrUnknown.sentence(), later.sentence())
		assert.Equal(t, ErrUnknown.Scope(), later.Scope())
	})
	for name, class := range kindClasses() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var members []Kind
			for _, k := range Kinds() {
				if class.has(k) {
					members = append(members, k)
				}
			}
			assert.ElementsMatch(t, class.members, members)
		})
	}
}

// kindClass is what a class of kinds has as members, and how the library decides it.
type kindClass struct {
	has     func(Kind) bool
	members []Kind
}

func kindClasses() map[string]kindClass {
	scope := func(s Scope) func(Kind) bool { return func(k Kind) bool { return k.Scope() == s } }
	after := func(s State) func(Kind) bool {
		return func(k Kind) bool { return Status{State: StateDegraded}.After(&Error{Kind: k}).State == s }
	}
	return map[string]kindClass{
		"of a connection":   {scope(ScopeConnection), []Kind{ErrReauth, ErrConsent, ErrGone, ErrNotReady}},
		"of an institution": {scope(ScopeInstitution), []Kind{ErrInstitution}},
		"of an application": {scope(ScopeApp), []Kind{ErrCredentials, ErrNotPermitted, ErrQuota, ErrRateLimited}},
		"of a provider":     {scope(ScopeProvider), []Kind{ErrUnavailable, ErrMalformed, ErrCircuitOpen}},
		"of one call": {scope(ScopeCall), []Kind{
			ErrInvalid, ErrTokenSpent, ErrUserAction, ErrAnswerRejected, ErrChallengeExpired, ErrNotFound, ErrUnsupported,
			ErrOutcomeUnknown, ErrSeal, ErrSignature, ErrContextDone, ErrApplication, ErrUnknown,
		}},
		"the user must act": {
			func(k Kind) bool { return (&Error{Kind: k}).UserMustAct() },
			[]Kind{ErrReauth, ErrConsent, ErrGone, ErrTokenSpent, ErrUserAction, ErrAnswerRejected, ErrChallengeExpired},
		},
		"the call may be repeated": {
			func(k Kind) bool { return (&Error{Kind: k}).Repeatable(Read) },
			[]Kind{ErrRateLimited, ErrUnavailable},
		},
		"the outcome is not known": {
			func(k Kind) bool { return !OutcomeKnown(&Error{Kind: k}) },
			[]Kind{ErrOutcomeUnknown, ErrUnavailable, ErrMalformed, ErrContextDone, ErrApplication, ErrUnknown},
		},
		"the connection needs a new login": {after(StateReauth), []Kind{ErrReauth}},
		"the connection is gone":           {after(StateGone), []Kind{ErrGone}},
		"the other accounts fail too": {
			func(k Kind) bool { return hopeless(&Error{Kind: k}) },
			[]Kind{
				ErrReauth, ErrGone, ErrCredentials, ErrRateLimited, ErrContextDone, ErrUserAction, ErrConsent, ErrUnsupported,
				ErrCircuitOpen,
			},
		},
		"the bank refused the answer": {
			func(k Kind) bool { return refusedAnswer(&Error{Kind: k}) },
			[]Kind{ErrAnswerRejected, ErrChallengeExpired},
		},
		"another provider may help": {
			func(k Kind) bool { return goesOn(&Error{Kind: k}) },
			[]Kind{ErrUnavailable, ErrMalformed, ErrCircuitOpen, ErrRateLimited, ErrUnsupported, ErrContextDone},
		},
	}
}
