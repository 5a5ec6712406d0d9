package providertest

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// hosted lists the promises about flows on pages of the provider or the bank, and about presence
// headers.
var hosted = []promise{
	{"the browser gets no secret of a session", nil, browserGetsNoSecret},
	{"presence headers are sent in full or not at all", nil, presenceIsSent},
}

// verifier matches a PKCE verifier (RFC 7636, section 4.1). Ids are mostly shorter, and may be in
// the address of a page.
var verifier = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

// browserGetsNoSecret checks that Launch, which the browser gets, has no text of Session.State.
func browserGetsNoSecret(t *testing.T, b *bench) {
	s := b.session(t.Context())
	if s.State.IsZero() {
		return // the adapter keeps nothing
	}
	launch, err := json.Marshal(s.Launch)
	require.NoError(t, err)
	kept := s.State.Reveal()
	// NotContains would print the secret.
	inLaunch := strings.Contains(string(launch), kept)
	assert.False(t, inLaunch, "Session.State is in Launch, which the browser gets")
	var parts any
	if json.Unmarshal([]byte(kept), &parts) != nil {
		return
	}
	for _, text := range texts(parts) {
		if verifier.MatchString(text) {
			inLaunch := strings.Contains(string(launch), text)
			assert.False(t, inLaunch,
				"Launch, which the browser gets, has a text of Session.State that is as long as a PKCE verifier")
		}
	}
}

// texts returns all texts in a JSON value.
func texts(v any) (all []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, inner := range v {
			all = append(all, texts(inner)...)
		}
	case map[string]any:
		for _, inner := range v {
			all = append(all, texts(inner)...)
		}
	}
	return all
}

// presenceIsSent makes calls with and without a present user, and checks the presence headers.
func presenceIsSent(t *testing.T, b *bench) {
	if b.lacks("Harness.PSU", len(b.PSU) == 0, "whether presence headers reach the bank") {
		return
	}
	user := bankmux.Presence{IP: netip.MustParseAddr("203.0.113.77"), UserAgent: "planted-agent/1.0", Since: time.Now()}
	b.conceal(user.IP.String(), user.UserAgent)
	absent, noAddress, noAgent := user, user, user
	absent.Absent, noAddress.IP, noAgent.UserAgent = true, netip.Addr{}, ""
	ways := map[string]*bankmux.Presence{
		"a present user": &user, "a background call": &absent, "a user without address": &noAddress,
		"a user without user agent": &noAgent, "a context without presence": nil,
	}
	for _, op := range operations(b) {
		switch op.needs {
		case bankmux.CapAccounts, bankmux.CapBalances, bankmux.CapTransactions, bankmux.CapSync:
		default:
			continue
		}
		if !b.client.Has(op.needs) {
			continue
		}
		op.setUp(b)
		for way, who := range ways {
			ctx := t.Context()
			if who != nil {
				ctx = bankmux.WithPresence(ctx, *who)
			}
			mark := b.reached()
			err := op.call(ctx, b)
			b.checkPresence(mark, op.name+" for "+way, user, who == &user)
			require.NoError(t, err, "%s for %s", op.name, way)
		}
	}
}

// checkPresence checks the requests since a mark: each has all presence headers or none. Only a
// call of a present user has them.
func (b *bench) checkPresence(mark int, name string, user bankmux.Presence, there bool) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	told := false
	for _, r := range b.requests[mark:] {
		var values []string
		for _, field := range b.PSU {
			values = append(values, r.request.Header[http.CanonicalHeaderKey(field)]...)
		}
		if len(values) == 0 {
			continue
		}
		told = true
		said := strings.Join(values, "\n")
		assert.Len(b.t, values, len(b.PSU), "%s: a bank refuses a request with only some of Harness.PSU", name)
		assert.True(
			b.t, strings.Contains(said, user.IP.String()) && strings.Contains(said, user.UserAgent),
			"%s: the headers have the user's address and user agent", name,
		)
	}
	assert.Equal(b.t, there, told, "%s: whether a request has the presence headers", name)
}
