package dapi_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestNew specifies the configuration and the guard's defaults.
func TestNew(t *testing.T) {
	t.Parallel()
	t.Run(
		"the configuration is checked and the error names the field",
		theConfigurationIsCheckedAndTheErrorNamesTheField,
	)
	t.Run("calls on one connection never overlap", callsOnOneConnectionNeverOverlap)
	t.Run("the deadlines are as long as Dapi works", theDeadlinesAreAsLongAsDapiWorks)
	t.Run("a webhook configuration that proves nothing is refused", aWebhookConfigurationThatProvesNothingIsRefused)
}

func theConfigurationIsCheckedAndTheErrorNamesTheField(t *testing.T) {
	t.Parallel()
	good := dapi.Config{AppKey: "key", AppSecret: bankmux.NewSecret("planted"), Environment: bankmux.Production}
	for field, change := range map[string]func(*dapi.Config){
		"AppKey":      func(c *dapi.Config) { c.AppKey = "" },
		"AppSecret":   func(c *dapi.Config) { c.AppSecret = bankmux.Secret{} },
		"Environment": func(c *dapi.Config) { c.Environment = "live" },
		"BaseURL":     func(c *dapi.Config) { c.BaseURL = "http://api.example.com/v2" },
		"ScriptURL":   func(c *dapi.Config) { c.ScriptURL = "http://cdn.example.com/x.js" },
		"BodyLimit":   func(c *dapi.Config) { c.BodyLimit = -1 },
	} {
		cfg := good
		change(&cfg)
		_, err := dapi.New(cfg)
		require.ErrorIs(t, err, bankmux.ErrInvalid, field)
		require.ErrorContains(t, err, "dapi.Config."+field)
	}
	_, err := dapi.New(good)
	assert.NoError(t, err)
}

func callsOnOneConnectionNeverOverlap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bank := virtualbank.New(virtualbank.Options{})
		var mu sync.Mutex
		var maxCalls, answered int
		now := map[string]int{} // calls under way, by access token
		slow := roundTripper(func(r *http.Request) (*http.Response, error) {
			token := r.Header.Get("Authorization")
			mu.Lock()
			now[token]++
			if token != "" {
				maxCalls, answered = max(maxCalls, now[token]), answered+1
			}
			mu.Unlock()
			time.Sleep(time.Second)
			w := httptest.NewRecorder()
			bank.Dapi().ServeHTTP(w, r)
			mu.Lock()
			defer mu.Unlock()
			now[token]--
			return w.Result(), nil
		})
		creds := bank.Credentials().Dapi
		client, err := dapi.New(dapi.Config{
			AppKey: creds.AppKey, AppSecret: bankmux.NewSecret(creds.AppSecret), Environment: bankmux.Sandbox,
			BaseURL: "http://127.0.0.1/v2", HTTPClient: &http.Client{Transport: slow},
		})
		require.NoError(t, err)
		s := &setup{t: t, bank: bank, client: client}
		one, other := s.connect(), s.connect()
		started := time.Now()
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				_, err := client.ConnectionStatus(
					t.Context(),
					bankmux.StatusRequest{Connection: []bankmux.Connection{one, other}[i%2]},
				)
				assert.NoError(t, err)
			})
		}
		all.Wait()
		assert.Equal(t, 1, maxCalls, "calls with one access token at a time")
		assert.Equal(t, 2+16, answered)
		assert.Equal(t, 8*time.Second, time.Since(started), "the two connections do not wait for each other")
	})
}

func theDeadlinesAreAsLongAsDapiWorks(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	deadline := time.Duration(0)
	watch := func(http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			at, ok := r.Context().Deadline()
			if ok && strings.HasSuffix(r.URL.Path, "/auth/ExchangeToken") {
				deadline = time.Until(at)
			}
			return http.DefaultTransport.RoundTrip(r)
		})
	}
	client := s.another(func(c *dapi.Config) { c.HTTPClient = &http.Client{Transport: watch(nil)} })
	_, err := client.ExchangeToken(t.Context(), s.post(client, request, virtualbank.DapiLink{}))
	require.NoError(t, err)
	assert.Greater(t, deadline, 120*time.Second)
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

func aWebhookConfigurationThatProvesNothingIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		hooks dapi.WebhookConfig
		field string
	}{
		"an empty secret":                {dapi.WebhookConfig{Secrets: []bankmux.Secret{{}}}, "Secrets"},
		"nothing after whsec_":           {dapi.WebhookConfig{Secrets: []bankmux.Secret{bankmux.NewSecret("whsec_")}}, "Secrets"},
		"a short secret":                 {dapi.WebhookConfig{Secrets: []bankmux.Secret{whsec(hookSecret[:15])}}, "Secrets"},
		"an empty one beside a good one": {dapi.WebhookConfig{Secrets: []bankmux.Secret{whsec(hookSecret), {}}}, "Secrets"},
		"no base64":                      {dapi.WebhookConfig{Secrets: []bankmux.Secret{bankmux.NewSecret("whsec_an umlaut: ä, and more")}}, "Secrets"},
		"a short plain secret":           {dapi.WebhookConfig{Scheme: dapi.SchemeLegacy, Secrets: []bankmux.Secret{bankmux.NewSecret("short")}}, "Secrets"},
		"an unknown scheme":              {dapi.WebhookConfig{Scheme: "both"}, "Scheme"},
		"a negative tolerance":           {dapi.WebhookConfig{Tolerance: -1}, "Tolerance"},
		"a text that is not a key":       {dapi.WebhookConfig{Key: bankmux.NewSecret("???")}, "Key"},
		"a key of 8 bytes":               {dapi.WebhookConfig{Key: bankmux.NewSecret("AAAAAAAAAAA=")}, "Key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newHookClient(c.hooks)
			require.ErrorIs(t, err, bankmux.ErrInvalid)
			assert.ErrorContains(t, err, "dapi.Config.Webhook."+c.field)
		})
	}
	_, err := hookClient(t, dapi.WebhookConfig{}).ReadWebhook(t.Context(), genuine(hookBody))
	require.ErrorIs(t, err, bankmux.ErrUnsupported, "without secrets no delivery is accepted")
	_, err = hookClient(
		t,
		dapi.WebhookConfig{Secrets: []bankmux.Secret{bankmux.NewSecret(base64.StdEncoding.EncodeToString(hookSecret))}},
	).ReadWebhook(t.Context(), genuine(hookBody))
	require.NoError(t, err, "whsec_ is optional")
}
