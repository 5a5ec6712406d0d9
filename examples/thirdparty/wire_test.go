package pelican

// This file compares what is sent with the documentation of Pelican.

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
)

func TestConfig(t *testing.T) {
	t.Parallel()
	good := Config{Key: bankmux.NewSecret("key"), Environment: bankmux.Sandbox}
	_, err := New(good)
	require.NoError(t, err)
	for field, change := range map[string]func(*Config){
		"Key":            func(c *Config) { c.Key = bankmux.Secret{} },
		"Environment":    func(c *Config) { c.Environment = "" },
		"BaseURL":        func(c *Config) { c.BaseURL = "http://api.example.com" },
		"WebhookSecrets": func(c *Config) { c.WebhookSecrets = []bankmux.Secret{bankmux.NewSecret("short")} },
	} {
		t.Run(field+" is refused", func(t *testing.T) {
			t.Parallel()
			cfg := good
			change(&cfg)
			_, err := New(cfg)
			require.ErrorIs(t, err, bankmux.ErrInvalid)
			assert.ErrorContains(t, err, Name+".Config."+field)
		})
	}
}

// TestRequests compares requests with the provider's documentation, field by field.
func TestRequests(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		req  bankmux.SessionRequest
		want string
	}{
		"a session with only a user": {
			bankmux.SessionRequest{User: "user-1"}, `{"user":"user-1"}`,
		},
		"a session with all fields that Pelican accepts": {
			bankmux.SessionRequest{
				User: "user-1", Country: "GB", Language: "en", AccessDays: 90,
				RedirectURI: "https://app.example.com/back",
				WebhookURL:  "https://app.example.com/hooks/{client}",
				Products:    []bankmux.ProductRequest{{Product: bankmux.ProductTransactions}},
			},
			`{"user":"user-1","country":"GB","language":"en","days":90,"redirect":"https://app.example.com/back",
			"webhook":"https://app.example.com/hooks/pelican","products":["transactions"]}`,
		},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var line, auth string
			var body map[string]any
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				line, auth = r.Method+" "+r.URL.Path, r.Header.Get("Authorization")
				raw, _ := io.ReadAll(r.Body)
				_ = json.Unmarshal(raw, &body)
				answers(w, flowResponse{"flow-1"})
			}))
			defer server.Close()
			client, err := New(Config{Key: bankmux.NewSecret("key"), Environment: bankmux.Sandbox, BaseURL: server.URL})
			require.NoError(t, err)
			s, err := client.CreateSession(t.Context(), c.req)
			require.NoError(t, err)
			assert.Equal(t, "POST /flows", line)
			assert.Equal(t, "Bearer key", auth)
			assert.Equal(t, s.ID, body["state"])
			delete(body, "state")
			sent, err := json.Marshal(body)
			require.NoError(t, err)
			assert.JSONEq(t, c.want, string(sent))
		})
	}
}

// TestRequired names the members that a response must have.
func TestRequired(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		out    any
		body   string
		member string // "" if nothing is missing
	}{
		"a flow":                         {&flowResponse{}, `{}`, "flow"},
		"a credential for a header":      {&redeemResponse{}, `{"grant":"not a token","id":"1"}`, "grant"},
		"the id of a grant":              {&redeemResponse{}, `{"grant":"token"}`, "id"},
		"the state of a grant":           {&grantResponse{}, `{"bank":{"id":"nest"}}`, "status"},
		"the bank of a grant":            {&grantResponse{}, `{"status":"live","bank":{}}`, "bank.id"},
		"a list that is null":            {&accountsResponse{}, `{"accounts":null}`, "accounts"},
		"a list that is left out":        {&rowsResponse{}, `{}`, "rows"},
		"a list that is empty is enough": {&rowsResponse{}, `{"rows":[]}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, wire.Decode([]byte(c.body), c.out))
			if c.member == "" {
				assert.Empty(t, wire.Lacks(c.out))
				return
			}
			assert.Contains(t, wire.Lacks(c.out), c.member)
		})
	}
}
