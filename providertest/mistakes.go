package providertest

// This file plants mistakes in an adapter, which the suite must find.

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Mistake is a mistake of an adapter, and how the suite finds it.
type Mistake struct {
	Name string // what the adapter does wrong
	// Needs names what an adapter or its harness must have for this mistake. It is empty if every
	// adapter can make it.
	Needs string
	Test  string // the subtest of Run that fails
	Says  string // a part of its message
}

// plantedIn is the environment variable that names the mistake to make.
const plantedIn = "PROVIDERTEST_MISTAKE"

// Planted returns the name of the mistake that the adapter must make in this process, or "". It is
// set only while [FindMistakes] runs. A harness passes it to its adapter, or to a wrapper of the
// adapter.
func Planted() string { return os.Getenv(plantedIn) }

// FindMistakes proves that a harness lets the suite find mistakes of its adapter. For each name it
// runs the subtest that finds the mistake, in its own process. The subtest must fail with the
// message of the mistake.
//
// suite is the name of the test that calls [Run]. Its harness makes the mistake that [Planted]
// returns. names are names of [Mistakes] that the harness can make; an unknown name fails.
//
//	func TestMistakes(t *testing.T) {
//		providertest.FindMistakes(t, "TestConformance", "removed rows are ignored", …)
//	}
//
// If a mistake is not found, the harness hides it. Usually its backend lacks what would reveal the
// mistake.
func FindMistakes(t *testing.T, suite string, names ...string) {
	t.Helper()
	if Planted() != "" {
		return // in the process of a mistake
	}
	all := Mistakes()
	for _, name := range names {
		i := slices.IndexFunc(all, func(m Mistake) bool { return m.Name == name })
		require.GreaterOrEqual(t, i, 0, "%q is not in the list of mistakes", name)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := plant(t.Context(), suite, all[i])
			require.Error(t, err, "the suite did not find the mistake in %q:\n%s", all[i].Test, out)
			assert.Contains(t, out, all[i].Says, "the message that reveals the mistake")
			failed := "--- FAIL: " + strings.ReplaceAll(suite, " ", "_")
			assert.Contains(t, out, failed, "a failed test, and not a crashed process")
		})
	}
}

// plant runs one subtest in a process whose adapter makes the mistake.
func plant(ctx context.Context, suite string, m Mistake) (string, error) {
	var pattern []string
	for part := range strings.SplitSeq(suite+"/"+m.Test, "/") {
		pattern = append(pattern, "^"+regexp.QuoteMeta(strings.ReplaceAll(part, " ", "_"))+"$")
	}
	deadline := "60s"
	if m.Name == lockHeld {
		deadline = "8s" // the mistake is found at the deadline
	}
	args := []string{"-test.run=" + strings.Join(pattern, "/"), "-test.count=1", "-test.timeout=" + deadline}
	cmd := exec.CommandContext(ctx, os.Args[0], args...) //nolint:gosec // the test binary itself
	cmd.Env = append(os.Environ(), plantedIn+"="+m.Name)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// lockHeld is found at the deadline of the test binary.
const lockHeld = "a call waits for a lock that is held"

// Mistakes returns the list. Each mistake was made in an adapter that passed an earlier suite, or
// is easy to make.
func Mistakes() []Mistake {
	return slices.Concat(hostedMistakes, linkMistakes, dataMistakes, webhookMistakes, crashMistakes)
}
