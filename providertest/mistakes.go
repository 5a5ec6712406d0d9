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
	Test string // the subtest of [Run] that fails
	Says string // what it says then, in part
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
			assert.Contains(t, out, "--- FAIL: "+strings.ReplaceAll(suite, " ", "_"), "it fails as a test does, and not as a process that died")
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
		deadline = "6s" // it is found when that is over
	}
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run="+strings.Join(pattern, "/"), "-test.count=1", "-test.timeout="+deadline) //nolint:gosec // the test binary itself
	cmd.Env = append(os.Environ(), plantedIn+"="+m.Name)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// lockHeld is found by the deadline of the test binary.
const lockHeld = "a call waits for a lock that is held"

// Mistakes returns the list. Each was made in an adapter that passed, or is made easily.
func Mistakes() []Mistake {
	return []Mistake{
		{"removed rows are ignored", "a sync reports a row that the bank removes", "what the application stored after the bank removed a row is what the bank has"},
		{"modified rows are ignored", "a sync reports a row that the bank corrects", "what the application stored after the bank corrected a row is what the bank has"},
		{"a sync has all accounts", "a sync has only the accounts that are asked for", "a sync of one account has rows of that account alone"},
		{"the pending flag is not read", "a pending row differs from a booked one", "while the row is pending"},
		{"a spent token is lost when the read behind it fails", "faults/behind an exchange/unavailable", "the token is spent and the connection is lost"},
		{"the granted products are not read", "a connection has the products that were granted", "Connection.Products are those that the user granted"},
		{"the webhook URL is not sent", "what a session is asked for reaches the provider", "what reached the provider of SessionRequest.WebhookURL"},
		{"the country is not sent", "what a session is asked for reaches the provider", "what reached the provider of SessionRequest.Country"},
		{"a reconnect is accepted unseen", "a reconnect that renewed nothing is not accepted", "renewed nothing and was accepted as active"},
		{"a new link has new keys", "a sync of a new link doubles no row", "a new link to the same accounts adds no row"},
		{"base64 has unused bits", "a signature may be written in one way", "unused bit 0 of the last letter"},
		{"base64 has no padding", "a signature may be written in one way", "this one has no padding"},
		{"base64 has any padding", "a signature may be written in one way", "this one has more padding"},
		{"base64 has line breaks", "a signature may be written in one way", "an embedded line break"},
		{"base64 has either alphabet", "a signature may be written in one way", "the alphabet of URLs"},

		{"a one-shot is sent again", "faults/exchange/unavailable", "a one-shot is sent once"},
		{"a payload of another session is accepted", "a payload of another session is refused where the provider can tell", "a payload of another session was accepted"},
		{"amounts go through floating point", "amounts of transactions are exact to the digit", "12.345 KWD became"},
		{"money out has the sign of money in", "money in is positive and money out negative, whatever the account", "money into an account is positive and money out of it negative"},
		{"equal rows are taken for one", "equal rows are as many rows", "equal rows are different movements"},
		{"the last day is left out", "days are those asked for, and a range that cannot be is refused", "both days included"},
		{"pages are read in advance", "pages end, repeat nothing, and are not read in advance", "nothing was read in advance"},
		{"a row that cannot be read costs the page", "a row that cannot be read costs itself and nothing else", "the rows that can be read"},
		{"an unknown account is passed over", "an account nobody knows is not found, and the others are read", "an error must name the account that failed"},
		{"a cursor of another connection is accepted", "a sync refuses cursors that are not its own, and sends nothing", "a cursor must be refused that is"},
		{"every connection is said to be active", "a lapse is seen, a reconnect mends it and the connection keeps its id", "the consent ended"},
		{"a connection is not ended at the provider", "a disconnected connection is gone, and disconnecting twice is fine", "a connection that was disconnected still works at the provider"},
		{"an old webhook is believed", "a webhook is refused once it is old", "a day old"},
		{"a credential is in an error", "faults/exchange/bad_gateway", "a secret was shown"},

		{"the end of the consent is not read", "a connection says how long the permission lasts", "Connection.Consent.ExpiresAt is"},
		{"further connections of one run are lost", "several banks that are linked in one run are several connections", "each bank that the user linked is a connection"},

		{"a call panics", "an exchange gives a connection that storage keeps", "ExchangeToken panicked: an index is out of range"},
		{"a call waits for what never comes", "an exchange gives a connection that storage keeps", "ExchangeToken never returned: it waits for what never comes"},
		{"a goroutine never ends", "an exchange gives a connection that storage keeps", "a goroutine was left behind"},
		{"a goroutine is left behind", "an exchange gives a connection that storage keeps", "a goroutine was left behind"},
		{"an exchange that is said to be a read writes", "an exchange gives a connection that storage keeps", "the exchange is said to be a read, and sent POST"},
		{lockHeld, "an exchange gives a connection that storage keeps", "ExchangeToken did not return before the deadline"},
	}
}
