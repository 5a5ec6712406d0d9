//go:build !race

package redirect

import (
	"testing"

	"github.com/bankmux/bankmux/providertest"
)

// TestMistakes makes each mistake in its own process. The first nine were in an adapter that passed
// an earlier suite.
func TestMistakes(t *testing.T) {
	t.Parallel()
	names := []string{
		"removed rows are ignored", "modified rows are ignored", "a sync has all accounts",
		"the pending flag is not read",
		"a spent token is lost when the read after it fails", "the granted products are not read",
		"the webhook URL is not sent", "the country is not sent", "a reconnect is accepted without a check",

		"a payload of another session is accepted", "an exchange with the effect Read writes",
		"the end of the consent is not read", "further connections of one run are dropped",
		"an unknown account is ignored",
	}
	for _, m := range providertest.Mistakes() {
		if m.Needs != "" {
			names = append(names, m.Name)
		}
	}
	providertest.FindMistakes(t, "TestConformance", names...)
}
