package inbox_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/inbox"
)

// addressed remembers where deliveries were sent.
type addressed struct {
	sender
	method, url *string
}

func (a addressed) ReadWebhook(ctx context.Context, req bankmux.WebhookRequest) (bankmux.WebhookResult, error) {
	*a.method, *a.url = req.Method(), req.URL()
	return a.sender.ReadWebhook(ctx, req)
}

// TestWithURL specifies that a signed URL is the configured one and never the sender's.
func TestWithURL(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ template, client, target, method, url string }{
		"as configured": {
			"https://app.example.com/hooks/{client}", "acme", "/acme", "POST", "https://app.example.com/hooks/acme",
		},
		"with the query as it came": {
			"https://app.example.com/hooks/{client}", "acme", "/acme?b=2&a=%31", "POST",
			"https://app.example.com/hooks/acme?b=2&a=%31",
		},
		"with an empty query": {
			"https://app.example.com/hooks/{client}", "acme", "/acme?", "POST", "https://app.example.com/hooks/acme?",
		},
		"not with the template's": {
			"https://app.example.com/hooks/{client}?c={client}", "acme", "/acme?c=x", "POST",
			"https://app.example.com/hooks/acme?c=x",
		},
		"with the name escaped": {
			"https://app.example.com/hooks/{client}", "other app/2", "/other%20app%2F2", "POST",
			"https://app.example.com/hooks/other%20app%2F2",
		},
		"without a name": {
			"https://app.example.com/bank", "acme", "/acme", "POST", "https://app.example.com/bank",
		},
		"without configuration": {"", "acme", "/acme", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			method, url := "unset", "unset"
			registry, err := bankmux.NewRegistry(
				[]*bankmux.Client{bankmux.NewClient(c.client, addressed{method: &method, url: &url})},
				[]bankmux.Route{{Client: c.client}},
			)
			require.NoError(t, err)
			var options []inbox.Option
			if c.template != "" {
				options = append(options, inbox.WithURL(c.template))
			}
			r := delivery("k1")
			r.URL, err = r.URL.Parse("http://10.0.0.7:8080/internal" + c.target)
			require.NoError(t, err)
			r.Host = "attacker.example"
			r.Header.Set("X-Forwarded-Host", "attacker.example")
			assert.Equal(t, http.StatusOK, answer(inbox.New(registry, ignore, options...), r).Code)
			assert.Equal(t, c.method, method)
			assert.Equal(t, c.url, url)
		})
	}
	for _, bad := range []string{"", "/hooks/{client}", "app.example.com/hooks", "https://", "https:///hooks", "://x"} {
		assert.Panics(t, func() { inbox.WithURL(bad) }, bad)
	}
}
