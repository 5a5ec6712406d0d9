package moneykit_test

import (
	"context"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestNew specifies the configuration and the transport.
func TestNew(t *testing.T) {
	t.Parallel()
	t.Run(
		"the configuration is checked and the error names the field",
		theConfigurationIsCheckedAndTheErrorNamesTheField,
	)
	t.Run("two applications work side by side", twoApplicationsWorkSideBySide)
	t.Run(
		"a transport that does not return ends neither the process nor the client",
		aTransportThatDoesNotReturnEndsNeitherTheProcessNorTheClient,
	)
}

func theConfigurationIsCheckedAndTheErrorNamesTheField(t *testing.T) {
	t.Parallel()
	good := moneykit.Config{ClientID: "id", ClientSecret: bankmux.NewSecret("planted"), Environment: bankmux.Production}
	for name, c := range map[string]struct {
		change func(*moneykit.Config)
		field  string
	}{
		"no id":                {func(c *moneykit.Config) { c.ClientID = "" }, "ClientID"},
		"no secret":            {func(c *moneykit.Config) { c.ClientSecret = bankmux.Secret{} }, "ClientSecret"},
		"no environment":       {func(c *moneykit.Config) { c.Environment = "" }, "Environment"},
		"strange auth":         {func(c *moneykit.Config) { c.Auth = "magic" }, "Auth"},
		"a negative limit":     {func(c *moneykit.Config) { c.BodyLimit = -1 }, "BodyLimit"},
		"http":                 {func(c *moneykit.Config) { c.BaseURL = "http://api.example.com" }, "BaseURL"},
		"a loopback lookalike": {func(c *moneykit.Config) { c.BaseURL = "http://localhost.example.com" }, "BaseURL"},
		"a query":              {func(c *moneykit.Config) { c.BaseURL = "https://api.example.com/?key=planted" }, "BaseURL"},
		"a user":               {func(c *moneykit.Config) { c.BaseURL = "https://planted@api.example.com" }, "BaseURL"},
		"no URL":               {func(c *moneykit.Config) { c.BaseURL = "api" }, "BaseURL"},
		"a script over http":   {func(c *moneykit.Config) { c.ScriptURL = "http://a.example/c.js" }, "ScriptURL"},
	} {
		cfg := good
		c.change(&cfg)
		_, err := moneykit.New(cfg)
		require.ErrorIs(t, err, bankmux.ErrInvalid, name)
		require.ErrorContains(t, err, "moneykit.Config."+c.field, name)
		assert.NotContains(t, err.Error(), "planted", name)
	}
	client, err := moneykit.New(good)
	require.NoError(t, err)
	assert.Equal(t, "moneykit", client.Name())
	assert.Equal(t, bankmux.Production, client.Environment())
}

func twoApplicationsWorkSideBySide(t *testing.T) {
	t.Parallel()
	a := start(t, virtualbank.Options{Seed: 1}, func(c *moneykit.Config) { c.Name = "mk-sandbox" })
	b := start(
		t,
		virtualbank.Options{Seed: 2},
		func(c *moneykit.Config) { c.Name, c.Environment = "mk-live", bankmux.Production },
	)
	registry, err := bankmux.NewRegistry([]*bankmux.Client{a.client, b.client}, []bankmux.Route{{Client: "mk-live"}})
	require.NoError(t, err)
	inSandbox, live := a.connect(request), b.connect(request)
	for conn, want := range map[*bankmux.Connection]string{&inSandbox: "mk-sandbox", &live: "mk-live"} {
		client, err := registry.For(*conn)
		require.NoError(t, err)
		assert.Equal(t, want, client.Name())
		_, err = client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: *conn})
		require.NoError(t, err)
	}
	_, err = a.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: live})
	assert.ErrorIs(t, err, bankmux.ErrInvalid)
}

func aTransportThatDoesNotReturnEndsNeitherTheProcessNorTheClient(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(){
		"panics": func() { panic("secret") }, "ends its goroutine": runtime.Goexit,
	} {
		t.Run("one that "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newIssuer(t, "a")
				l := &leaving{end: end}
				g := guard.New(guard.Options{})
				client := s.client(func(c *moneykit.Config) { c.HTTPClient, c.Guard = &http.Client{Transport: l}, g })
				for range 10 { // the token of this call is fetched for all callers that wait
					err := client.Check(t.Context())
					require.ErrorIs(t, err, bankmux.ErrApplication)
					assert.NotContains(t, err.Error(), "secret")
				}
				assert.Equal(t, "closed", g.Breakers()[0].State, "it says nothing about the provider")
				_, err := client.ReadWebhook(t.Context(), s.delivery(stateChanged, nil)) // keys are shared, too
				require.ErrorIs(t, err, bankmux.ErrApplication)
				assert.NotContains(t, err.Error(), "secret")
				l.mended = s
				client = s.client(func(c *moneykit.Config) { c.HTTPClient = &http.Client{Transport: l} })
				_, err = client.ReadWebhook(context.Background(), s.delivery(stateChanged, nil))
				require.NoError(t, err)
			})
		})
	}
}

// leaving is a transport of an application that does not return until it is repaired.
type leaving struct {
	end    func()
	mended http.RoundTripper
}

func (l *leaving) RoundTrip(r *http.Request) (*http.Response, error) {
	if l.mended == nil {
		l.end()
	}
	return l.mended.RoundTrip(r)
}
