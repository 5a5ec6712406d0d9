package bankmux

import (
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// kindsWant has the classes of every Kind. A new Kind is a line here.
var kindsWant = map[Kind][]string{
	ErrInvalid:          {"call"},
	ErrCredentials:      {"app", "others fail too", "logged as error"},
	ErrNotPermitted:     {"app", "logged as error"},
	ErrQuota:            {"app", "logged as error"},
	ErrReauth:           {"connection", "new login", "user must act", "others fail too", "bank responded"},
	ErrConsent:          {"connection", "user must act", "others fail too"},
	ErrGone:             {"connection", "gone", "user must act", "others fail too"},
	ErrTokenSpent:       {"call", "user must act"},
	ErrUserAction:       {"call", "user must act", "others fail too", "bank responded"},
	ErrAnswerRejected:   {"call", "user must act", "answer refused", "bank responded"},
	ErrChallengeExpired: {"call", "user must act", "answer refused"},
	ErrNotReady:         {"connection"},
	ErrNotFound:         {"call"},
	ErrUnsupported:      {"call", "others fail too", "another may help"},
	ErrRateLimited:      {"app", "repeatable", "others fail too", "another may help", "uncounted"},
	ErrInstitution:      {"institution"},
	ErrUnavailable:      {"provider", "repeatable", "outcome unknown", "another may help"},
	ErrMalformed:        {"provider", "outcome unknown", "another may help", "logged as error"},
	ErrCircuitOpen:      {"provider", "others fail too", "another may help", "uncounted"},
	ErrOutcomeUnknown:   {"call", "outcome unknown"},
	ErrSeal:             {"call"},
	ErrSignature:        {"call"},
	ErrContextDone:      {"call", "outcome unknown", "others fail too", "another may help"},
	ErrApplication:      {"call", "outcome unknown", "uncounted", "logged as error"},
	ErrUnknown:          {"call", "outcome unknown", "logged as error"},
}

// kindClasses says how the library decides each class but the scope.
var kindClasses = map[string]func(Kind) bool{
	"user must act":    func(k Kind) bool { return (&Error{Kind: k}).UserMustAct() },
	"repeatable":       func(k Kind) bool { return (&Error{Kind: k}).Repeatable(Read) },
	"outcome unknown":  func(k Kind) bool { return !OutcomeKnown(&Error{Kind: k}) },
	"new login":        func(k Kind) bool { return stateAfter(k) == StateReauth },
	"gone":             func(k Kind) bool { return stateAfter(k) == StateGone },
	"others fail too":  func(k Kind) bool { return hopeless(&Error{Kind: k}) },
	"answer refused":   func(k Kind) bool { return refusedAnswer(&Error{Kind: k}) },
	"another may help": func(k Kind) bool { return goesOn(&Error{Kind: k}) },
	"bank responded":   Kind.BankResponded,
	"uncounted":        func(k Kind) bool { return !k.Counted() },
	"logged as error":  func(k Kind) bool { return k.LogLevel() == slog.LevelError },
}

// stateAfter returns the state of a degraded connection after an error of the kind.
func stateAfter(k Kind) State { return Status{State: StateDegraded}.After(&Error{Kind: k}).State }

// declaredKinds returns how many constants of type Kind the file kind.go declares.
func declaredKinds(t *testing.T) int {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "kind.go", nil, 0)
	require.NoError(t, err)
	n := 0
	ast.Inspect(file, func(node ast.Node) bool {
		if spec, ok := node.(*ast.ValueSpec); ok {
			if typ, ok := spec.Type.(*ast.Ident); ok && typ.Name == "Kind" {
				n += len(spec.Names)
			}
		}
		return true
	})
	return n
}

func TestKind(t *testing.T) {
	t.Parallel()
	t.Run("every constant has a full row of its own", func(t *testing.T) {
		t.Parallel()
		require.Len(t, Kinds(), declaredKinds(t))
		remedies, sentences := map[string]bool{}, map[string]bool{}
		for _, k := range Kinds() {
			assert.NotEmpty(t, k.Scope(), k)
			assert.NotEmpty(t, k.Remedy(), k)
			assert.NotEmpty(t, k.sentence(), k)
			assert.Contains(t, []slog.Level{slog.LevelWarn, slog.LevelError}, k.LogLevel(), k)
			remedies[k.Remedy()], sentences[k.sentence()] = true, true
		}
		assert.Len(t, remedies, len(Kinds()), "each has its own remedy")
		assert.Len(t, sentences, len(Kinds()), "each has its own sentence")
	})
	t.Run("an unlisted kind is treated like ErrUnknown", func(t *testing.T) {
		t.Parallel()
		later := Kind("of a later version")
		assert.Equal(t, ErrUnknown.Remedy(), later.Remedy())
		assert.Equal(t, ErrUnknown.sentence(), later.sentence())
		assert.Equal(t, ErrUnknown.Scope(), later.Scope())
	})
	t.Run("every kind has exactly the classes that are listed", func(t *testing.T) {
		t.Parallel()
		assert.Len(t, kindsWant, len(Kinds()))
		for _, k := range Kinds() {
			got := []string{string(k.Scope())}
			for name, has := range kindClasses {
				if has(k) {
					got = append(got, name)
				}
			}
			assert.ElementsMatch(t, kindsWant[k], got, k)
		}
	})
}
