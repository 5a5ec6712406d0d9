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
	return append(hostedMistakes(), []Mistake{
		{
			Name: "removed rows are ignored",
			Test: "a sync reports a row that the bank removes",
			Says: "what the application stored after the bank removed a row is what the bank has",
		},
		{
			Name: "modified rows are ignored",
			Test: "a sync reports a row that the bank corrects",
			Says: "what the application stored after the bank corrected a row is what the bank has",
		},
		{
			Name: "a sync has all accounts",
			Test: "a sync has only the accounts that are asked for",
			Says: "a sync of one account has rows of that account alone",
		},
		{
			Name: "the pending flag is not read",
			Test: "a pending row differs from a booked one",
			Says: "while the row is pending",
		},
		{
			Name: "a spent token is lost when the read behind it fails",
			Test: "faults/behind an exchange/unavailable",
			Says: "the token is spent and the connection is lost",
		},
		{
			Name: "the granted products are not read",
			Test: "a connection has the products that were granted",
			Says: "Connection.Products are those that the user granted",
		},
		{
			Name: "the webhook URL is not sent",
			Test: "what a session is asked for reaches the provider",
			Says: "what reached the provider of SessionRequest.WebhookURL",
		},
		{
			Name: "the country is not sent",
			Test: "what a session is asked for reaches the provider",
			Says: "what reached the provider of SessionRequest.Country",
		},
		{
			Name: "a reconnect is accepted unseen",
			Test: "a reconnect that renewed nothing is not accepted",
			Says: "renewed nothing and was accepted as active",
		},
		{
			Name: "a new link has new keys",
			Test: "a sync of a new link doubles no row",
			Says: "a new link to the same accounts adds no row",
		},
		{
			Name: "base64 has unused bits",
			Test: "a signature may be written in one way",
			Says: "unused bit 0 of the last letter",
		},
		{
			Name: "base64 has no padding",
			Test: "a signature may be written in one way",
			Says: "this one has no padding",
		},
		{
			Name: "base64 has any padding",
			Test: "a signature may be written in one way",
			Says: "this one has more padding",
		},
		{
			Name: "base64 has line breaks",
			Test: "a signature may be written in one way",
			Says: "an embedded line break",
		},
		{
			Name: "base64 has either alphabet",
			Test: "a signature may be written in one way",
			Says: "the alphabet of URLs",
		},

		{
			Name: "a one-shot is sent again",
			Test: "faults/exchange/unavailable",
			Says: "a one-shot is sent once",
		},
		{
			Name: "a payload of another session is accepted",
			Test: "a payload of another session is refused where the provider can tell",
			Says: "a payload of another session was accepted",
		},
		{
			Name: "amounts go through floating point",
			Test: "amounts of transactions are exact to the digit",
			Says: "12.345 KWD became",
		},
		{
			Name: "money out has the sign of money in",
			Test: "money in is positive and money out negative, whatever the account",
			Says: "money into an account is positive and money out of it negative",
		},
		{
			Name: "equal rows are taken for one",
			Test: "equal rows are as many rows",
			Says: "equal rows are different movements",
		},
		{
			Name: "the last day is left out",
			Test: "days are those asked for, and a range that cannot be is refused",
			Says: "both days included",
		},
		{
			Name: "pages are read in advance",
			Test: "pages end, repeat nothing, and are not read in advance",
			Says: "nothing was read in advance",
		},
		{
			Name: "a row that cannot be read costs the page",
			Test: "a row that cannot be read costs itself and nothing else",
			Says: "the rows that can be read",
		},
		{
			Name: "a page loses its last row",
			Test: "a list whose rows move between its pages has each once",
			Says: "a row that is there while pages are read is listed once",
		},
		{
			Name: "an unknown account is passed over",
			Test: "an account nobody knows is not found, and the others are read",
			Says: "an error must name the account that failed",
		},
		{
			Name: "a cursor of another connection is accepted",
			Test: "a sync refuses cursors that are not its own, and sends nothing",
			Says: "a cursor must be refused that is",
		},
		{
			Name: "every connection is said to be active",
			Test: "a lapse is seen, a reconnect mends it and the connection keeps its id",
			Says: "the consent ended",
		},
		{
			Name: "a connection is not ended at the provider",
			Test: "a disconnected connection is gone, and disconnecting twice is fine",
			Says: "a connection that was disconnected still works at the provider",
		},
		{
			Name: "an old webhook is believed",
			Test: "a webhook is refused once it is old",
			Says: "a day old",
		},
		{
			Name: "a credential is in an error",
			Test: "faults/exchange/bad_gateway",
			Says: "a secret was shown",
		},

		{
			Name: "the end of the consent is not read",
			Test: "a connection says how long the permission lasts",
			Says: "Connection.Consent.ExpiresAt is",
		},
		{
			Name: "further connections of one run are lost",
			Test: "several banks that are linked in one run are several connections",
			Says: "each bank that the user linked is a connection",
		},

		{
			Name: "the payload of a finished flow is not given",
			Test: "a flow that a webhook reports as finished becomes a connection",
			Says: "an event of EventLinkFinished has the payload for ExchangeToken",
		},

		{
			Name: "a call panics",
			Test: "an exchange gives a connection that storage keeps",
			Says: "ExchangeToken panicked: an index is out of range",
		},
		{
			Name: "a call waits for what never comes",
			Test: "an exchange gives a connection that storage keeps",
			Says: "ExchangeToken never returned: it waits for what never comes",
		},
		{
			Name: "a goroutine never ends",
			Test: "an exchange gives a connection that storage keeps",
			Says: "a goroutine was left behind",
		},
		{
			Name: "a goroutine is left behind",
			Test: "an exchange gives a connection that storage keeps",
			Says: "a goroutine was left behind",
		},
		{
			Name: "an exchange that is said to be a read writes",
			Test: "an exchange gives a connection that storage keeps",
			Says: "the exchange is said to be a read, and sent POST",
		},
		{
			Name: lockHeld,
			Test: "an exchange gives a connection that storage keeps",
			Says: "ExchangeToken did not return before the deadline",
		},
	}...)
}
