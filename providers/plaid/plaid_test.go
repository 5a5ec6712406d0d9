package plaid_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestNew specifies the configuration.
func TestNew(t *testing.T) {
	t.Parallel()
	t.Run("a mistake is named by its field", aMistakeIsNamedByItsField)
	t.Run("the environment decides the address", theEnvironmentDecidesTheAddress)
	t.Run("credentials are checked", credentialsAreChecked)
	t.Run("the provider has its name", theProviderHasItsName)
}

func config() plaid.Config {
	return plaid.Config{ClientID: "id", Secret: bankmux.NewSecret("planted-secret"), Environment: bankmux.Sandbox}
}

func aMistakeIsNamedByItsField(t *testing.T) {
	t.Parallel()
	_, err := plaid.New(config())
	require.NoError(t, err)
	for field, change := range map[string]func(*plaid.Config){
		"ClientID":    func(c *plaid.Config) { c.ClientID = "" },
		"ClientID ":   func(c *plaid.Config) { c.ClientID = "a\nb" },
		"Secret":      func(c *plaid.Config) { c.Secret = bankmux.Secret{} },
		"Secret ":     func(c *plaid.Config) { c.Secret = bankmux.NewSecret("planted secret") },
		"Environment": func(c *plaid.Config) { c.Environment = "development" },
		"Countries":   func(c *plaid.Config) { c.Countries = []string{"US", "AE"} },
		"Webhook.Age": func(c *plaid.Config) { c.Webhook.Age = -time.Second },
		"BodyLimit":   func(c *plaid.Config) { c.BodyLimit = -1 },
		"BaseURL":     func(c *plaid.Config) { c.BaseURL = "http://plaid.example" },
		"ScriptURL":   func(c *plaid.Config) { c.ScriptURL = "http://plaid.example/link.js" },
	} {
		cfg := config()
		change(&cfg)
		_, err := plaid.New(cfg)
		e := errorOf(t, err)
		assert.Equal(t, bankmux.ErrInvalid, e.Kind, field)
		assert.Equal(t, "plaid.Config."+strings.TrimSpace(field), e.Field)
		assert.NotContains(t, err.Error(), "planted")
	}
}

// atPlaid responds in place of Plaid and notes where requests go.
type atPlaid struct{ addresses []string }

func (p *atPlaid) RoundTrip(r *http.Request) (*http.Response, error) {
	p.addresses = append(p.addresses, r.URL.String())
	w := httptest.NewRecorder()
	write(w, http.StatusOK, `{"institutions":[],"total":0,"request_id":"r"}`)
	return w.Result(), nil
}

func theEnvironmentDecidesTheAddress(t *testing.T) {
	t.Parallel()
	for environment, want := range map[bankmux.Environment]string{
		bankmux.Production: "https://production.plaid.com/institutions/get",
		bankmux.Sandbox:    "https://sandbox.plaid.com/institutions/get",
	} {
		var asked atPlaid
		cfg := config()
		cfg.Environment, cfg.HTTPClient = environment, &http.Client{Transport: &asked}
		client, err := plaid.New(cfg)
		require.NoError(t, err)
		require.NoError(t, client.Check(t.Context()))
		assert.Equal(t, []string{want}, asked.addresses)
	}
}

func credentialsAreChecked(t *testing.T) {
	t.Parallel()
	require.NoError(t, start(t, virtualbank.Options{}, nil).client.Check(t.Context()))
	for name, change := range map[string]func(*plaid.Config){
		"another secret": func(c *plaid.Config) { c.Secret = bankmux.NewSecret("another") },
		"another id":     func(c *plaid.Config) { c.ClientID = "0123456789abcdef01234567" },
	} {
		s := start(t, virtualbank.Options{}, change)
		require.ErrorIs(t, s.client.Check(t.Context()), bankmux.ErrCredentials, name)
	}
}

func theProviderHasItsName(t *testing.T) {
	t.Parallel()
	client, err := plaid.New(config())
	require.NoError(t, err)
	assert.Equal(t, "plaid", client.Name())
	assert.Equal(t, "plaid", client.Provider())
	cfg := config()
	cfg.Name = "plaid-eu"
	client, err = plaid.New(cfg)
	require.NoError(t, err)
	assert.Equal(t, "plaid-eu", client.Name())
}
