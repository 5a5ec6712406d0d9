package providertest

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

// Mistake is one that an adapter can make, and how the suite finds it.
type Mistake struct {
	Name string // what the adapter does wrong
	// Needs names what an adapter or its harness must have to make the mistake; "" where every one
	// can.
	Needs string
	Test  string // the subtest of [Run] that fails
	Says  string // what it says then, in part
}

// plantedIn is the variable of the environment that names the mistake to make.
const plantedIn = "PROVIDERTEST_MISTAKE"

// Planted returns the name of the mistake that the adapter shall make in this process, "" for none.
// It is set while [FindMistakes] runs. A harness gives it to its adapter, or to a wrapper of it.
func Planted() string { return os.Getenv(plantedIn) }

// FindMistakes proves that the suite finds mistakes in an adapter by way of its harness. suite is
// the test that calls [Run], and its harness plants what [Planted] names. For each mistake
// the subtest that should find it is run in a process of its own, and must fail with its sentence.
// names are those of [Mistakes] that the harness can plant; an unknown one fails.
//
//	func TestTheSuiteFindsMistakes(t *testing.T) {
//		providertest.FindMistakes(t, "TestConformance", "removed rows are ignored", …)
//	}
//
// A mistake that is not found is one that the harness hides, mostly since its backend cannot do
// what would show it.
func FindMistakes(t *testing.T, suite string, names ...string) {
	t.Helper()
	if Planted() != "" {
		return // this is the process of a mistake
	}
	all := Mistakes()
	for _, name := range names {
		i := slices.IndexFunc(all, func(m Mistake) bool { return m.Name == name })
		require.GreaterOrEqual(t, i, 0, "%q is not in the list of mistakes", name)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := plant(t.Context(), suite, all[i])
			require.Error(t, err, "the suite did not find the mistake in %q:\n%s", all[i].Test, out)
			assert.Contains(t, out, all[i].Says, "the sentence with which it is found")
			failed := "--- FAIL: " + strings.ReplaceAll(suite, " ", "_")
			assert.Contains(t, out, failed, "it fails as a test does, and not as a process that died")
		})
	}
}

// plant runs one subtest with a mistake.
func plant(ctx context.Context, suite string, m Mistake) (string, error) {
	var pattern []string
	for part := range strings.SplitSeq(suite+"/"+m.Test, "/") {
		pattern = append(pattern, "^"+regexp.QuoteMeta(strings.ReplaceAll(part, " ", "_"))+"$")
	}
	deadline := "60s"
	if m.Name == lockHeld {
		deadline = "8s" // it is found when that is over
	}
	args := []string{"-test.run=" + strings.Join(pattern, "/"), "-test.count=1", "-test.timeout=" + deadline}
	cmd := exec.CommandContext(ctx, os.Args[0], args...) //nolint:gosec // the test binary itself
	cmd.Env = append(os.Environ(), plantedIn+"="+m.Name)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// lockHeld is found by the deadline of the test binary.
const lockHeld = "a call waits for a lock that is held"

// Mistakes returns the list. Each was made in an adapter that passed, or is made easily.
func Mistakes() []Mistake {
	return slices.Concat(hostedMistakes, linkMistakes, dataMistakes, webhookMistakes, crashMistakes)
}
