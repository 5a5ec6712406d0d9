package setup_test

import (
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/setup"
	"github.com/bankmux/bankmux/guard"
)

// TestComplete specifies the defaults of a configuration.
func TestComplete(t *testing.T) {
	t.Parallel()
	var name string
	var g *guard.Guard
	var now func() time.Time
	setup.Complete("heron", &name, &g, &now)
	assert.Equal(t, "heron", name)
	assert.NotNil(t, g)
	assert.WithinDuration(t, time.Now(), now(), time.Minute)

	name, now = "mine", func() time.Time { return time.Unix(1, 0) }
	own := g
	setup.Complete("heron", &name, &g, &now)
	assert.Equal(t, "mine", name)
	assert.Same(t, own, g)
	assert.Equal(t, time.Unix(1, 0), now())
}

// TestChecks specifies that the first fault of a configuration is named.
func TestChecks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		check func(*setup.Checks)
		want  string // "" if there is no fault
	}{
		"nothing is wrong": {func(c *setup.Checks) {
			c.Credential("Key", "k")
			c.Environment(bankmux.Sandbox)
			c.Environment(bankmux.Production)
			c.URL("BaseURL", "https://api.example.com")
			c.Rule(true, "Other", "is wrong")
		}, ""},
		"an empty credential":         {func(c *setup.Checks) { c.Credential("Key", "") }, "heron.Config.Key is empty"},
		"a credential with a space":   {func(c *setup.Checks) { c.Credential("Key", "a b") }, "heron.Config.Key cannot be sent in a header"},
		"an environment of no kind":   {func(c *setup.Checks) { c.Environment("test") }, "heron.Config.Environment is neither sandbox nor production"},
		"a URL without TLS":           {func(c *setup.Checks) { c.URL("BaseURL", "http://x.example") }, "heron.Config.BaseURL is not https"},
		"a rule":                      {func(c *setup.Checks) { c.Rule(false, "Age", "is negative") }, "heron.Config.Age is negative"},
		"the first of several faults": {func(c *setup.Checks) { c.Rule(false, "A", "is odd"); c.Rule(false, "B", "is odd") }, "heron.Config.A is odd"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := setup.Checks{Provider: "heron"}
			test.check(&c)
			if test.want == "" {
				require.NoError(t, c.Err())
				return
			}
			require.ErrorIs(t, c.Err(), bankmux.ErrInvalid)
			assert.Contains(t, c.Err().Error(), test.want)
			e := bankmux.ErrorOf(c.Err())
			assert.True(t, e.NotSent)
			assert.Equal(t, "heron", e.Provider)
		})
	}
}

// TestOnlyRefreshAsksBank specifies which operations the bank answers at a provider of stored data.
func TestOnlyRefreshAsksBank(t *testing.T) {
	t.Parallel()
	var o guard.Options
	setup.OnlyRefreshAsksBank(&o)
	for _, name := range []string{bankmux.OpRefresh, bankmux.OpAwaitRefresh} {
		assert.True(t, o.AtInstitution(bankmux.Op{Name: name}), name)
	}
	for _, name := range []string{bankmux.OpBalances, bankmux.OpSync} {
		assert.False(t, o.AtInstitution(bankmux.Op{Name: name}), name)
	}
	o.AtInstitution = func(bankmux.Op) bool { return true }
	setup.OnlyRefreshAsksBank(&o)
	assert.True(t, o.AtInstitution(bankmux.Op{Name: bankmux.OpSync}), "the application's own setting stays")
}

// TestReadsOnReconnect specifies which exchange may be repeated.
func TestReadsOnReconnect(t *testing.T) {
	t.Parallel()
	var decider bankmux.EffectDecider = setup.ReadsOnReconnect{}
	for name, c := range map[string]struct {
		op   bankmux.Op
		want bankmux.Effect
	}{
		"an exchange after a reconnect": {
			bankmux.Op{Name: bankmux.OpExchangeToken, Effect: bankmux.OneShot, Reconnect: true}, bankmux.Read,
		},
		"an exchange": {bankmux.Op{Name: bankmux.OpExchangeToken, Effect: bankmux.OneShot}, bankmux.OneShot},
		"a session for a reconnect": {
			bankmux.Op{Name: bankmux.OpCreateSession, Effect: bankmux.Idempotent, Reconnect: true}, bankmux.Idempotent,
		},
	} {
		assert.Equal(t, c.want, decider.Effect(c.op), name)
	}
}

// describer is a provider that does nothing.
type describer struct{ bankmux.Provider }

// TestClient specifies that a sender that cannot be used is refused.
func TestClient(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		config rest.Config
		want   string // "" if there is no fault
	}{
		"nothing is wrong": {rest.Config{BaseURL: "https://api.example.com", Resty: func(*resty.Client) {}}, ""},
		"a base URL":       {rest.Config{BaseURL: "http://x.example"}, "heron.Config.BaseURL is not https"},
		"a setting of resty's": {
			rest.Config{BaseURL: "https://api.example.com", Resty: func(c *resty.Client) { c.SetRetryCount(1) }},
			"heron.Config.Resty has retries",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := setup.Client("heron", rest.New(test.config), "mine", describer{})
			if test.want == "" {
				require.NoError(t, err)
				assert.Equal(t, "mine", c.Name())
				return
			}
			require.ErrorIs(t, err, bankmux.ErrInvalid)
			assert.Contains(t, err.Error(), test.want)
			assert.Nil(t, c)
		})
	}
}
