package docs_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// Who acts on an error.
const (
	user     = "the user"
	operator = "an operator"
	program  = "your program"
	later    = "your program, later"
	repeated = "the client repeats reads, then your program later"
)

// actors are the rows of the table of kinds, in its order.
var actors = []struct {
	name string
	kind bankmux.Kind
	who  string
}{
	{"ErrInvalid", bankmux.ErrInvalid, program},
	{"ErrCredentials", bankmux.ErrCredentials, operator},
	{"ErrNotPermitted", bankmux.ErrNotPermitted, operator},
	{"ErrQuota", bankmux.ErrQuota, operator},
	{"ErrReauth", bankmux.ErrReauth, user},
	{"ErrConsent", bankmux.ErrConsent, user},
	{"ErrGone", bankmux.ErrGone, user},
	{"ErrTokenSpent", bankmux.ErrTokenSpent, user},
	{"ErrUserAction", bankmux.ErrUserAction, user},
	{"ErrAnswerRejected", bankmux.ErrAnswerRejected, user},
	{"ErrChallengeExpired", bankmux.ErrChallengeExpired, user},
	{"ErrNotReady", bankmux.ErrNotReady, program},
	{"ErrNotFound", bankmux.ErrNotFound, program},
	{"ErrUnsupported", bankmux.ErrUnsupported, program},
	{"ErrRateLimited", bankmux.ErrRateLimited, repeated},
	{"ErrInstitution", bankmux.ErrInstitution, later},
	{"ErrUnavailable", bankmux.ErrUnavailable, repeated},
	{"ErrMalformed", bankmux.ErrMalformed, operator},
	{"ErrCircuitOpen", bankmux.ErrCircuitOpen, later},
	{"ErrOutcomeUnknown", bankmux.ErrOutcomeUnknown, program},
	{"ErrSeal", bankmux.ErrSeal, operator},
	{"ErrSignature", bankmux.ErrSignature, program},
	{"ErrContextDone", bankmux.ErrContextDone, program},
	{"ErrApplication", bankmux.ErrApplication, program},
	{"ErrUnknown", bankmux.ErrUnknown, operator},
}

// kindTable returns the table of errors.md.
func kindTable() string {
	var b strings.Builder
	b.WriteString("| kind | value | who acts | concerns | remedy |\n| --- | --- | --- | --- | --- |\n")
	for _, a := range actors {
		k := a.kind
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n", a.name, string(k), a.who, k.Scope(), k.Remedy())
	}
	return b.String()
}

func TestKindTable(t *testing.T) {
	t.Parallel()
	t.Run("the table of errors.md is what the code says", func(t *testing.T) {
		const start, end = "<!-- kinds: BANKMUX_WRITE=1 go test ./docs -run KindTable writes this -->\n", "<!-- end -->"
		raw, err := os.ReadFile("errors.md")
		require.NoError(t, err)
		before, rest, ok := strings.Cut(string(raw), start)
		require.True(t, ok)
		table, after, ok := strings.Cut(rest, end)
		require.True(t, ok)
		if writing {
			require.NoError(t, os.WriteFile("errors.md", []byte(before+start+kindTable()+end+after), 0o600))
			return
		}
		assert.Equal(t, kindTable(), table)
	})
	t.Run("each kind has one row", func(t *testing.T) {
		seen := make([]bankmux.Kind, 0, len(actors))
		for _, a := range actors {
			seen = append(seen, a.kind)
		}
		assert.ElementsMatch(t, bankmux.Kinds(), seen)
	})
	t.Run("the kinds that are logged as errors are those of errors.md", func(t *testing.T) {
		raw, err := os.ReadFile("errors.md")
		require.NoError(t, err)
		_, row, ok := strings.Cut(string(raw), "\n| `Error` |")
		require.True(t, ok)
		row, _, _ = strings.Cut(row, "\n")
		for _, a := range actors {
			assert.Equal(t, loggedAs(t, a.kind, slog.LevelError), strings.Contains(row, "`"+a.name+"`"), a.name)
		}
	})
	t.Run("who acts agrees with the error's methods", func(t *testing.T) {
		for _, a := range actors {
			e := &bankmux.Error{Kind: a.kind}
			assert.Equal(t, e.UserMustAct(), a.who == user, a.kind)
			assert.Equal(t, e.Repeatable(bankmux.Read), a.who == repeated, a.kind)
		}
	})
}

// loggedAs reports whether a guard logs an error of a kind at a level.
func loggedAs(t *testing.T, kind bankmux.Kind, level slog.Level) bool {
	t.Helper()
	var out strings.Builder
	trace := guard.Trace(slog.New(slog.NewTextHandler(&out, nil)))
	failed := func(context.Context) error { return &bankmux.Error{Kind: kind} }
	require.ErrorIs(t, trace(t.Context(), bankmux.Op{Name: bankmux.OpAccounts}, failed), kind)
	return strings.Contains(out.String(), "level="+level.String()+" ")
}
