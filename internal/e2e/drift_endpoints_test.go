package e2e_test

// This file has the promise about added members for each endpoint that reads, links or disconnects.
// It does not cover the tokens of the application.

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// readEndpoints are those that the reading operations request, by provider.
var readEndpoints = map[string][]string{
	dapi.Name: {
		"POST /data/accounts/get", "POST /data/balance/get", "POST /data/cards/get", "POST /data/identity/get",
		"POST /data/transactions/get", "POST /metadata/accounts/get",
	},
	moneykit.Name: {
		"GET /institutions", "GET /institutions/{id}", "GET /links/{id}", "GET /links/{id}/accounts",
		"GET /links/{id}/accounts/numbers", "GET /links/{id}/identity", "GET /links/{id}/investments/holdings",
		"GET /links/{id}/investments/transactions", "GET /links/{id}/transactions", "GET /links/{id}/transactions/sync",
		"POST /link-session",
	},
	plaid.Name: {
		"POST /accounts/get", "POST /auth/get", "POST /identity/get", "POST /institutions/get",
		"POST /institutions/get_by_id", "POST /investments/holdings/get", "POST /investments/transactions/get",
		"POST /item/get", "POST /link/token/create", "POST /transactions/get", "POST /transactions/refresh",
		"POST /transactions/sync",
	},
}

// linkEndpoints are those that link and disconnect, by provider. MoneyKit's response to a deletion
// is empty, so it can have no member.
var linkEndpoints = map[string][]string{
	dapi.Name: {"POST /auth/ExchangeToken", "POST /metadata/accounts/get", "POST /users/DelinkUser"},
	moneykit.Name: {
		"GET /users/{id}/links", "POST /link-session", "POST /link-session/exchange-token",
	},
	plaid.Name: {
		"POST /item/get", "POST /item/public_token/exchange", "POST /item/remove", "POST /link/token/create",
		"POST /link/token/get",
	},
}

// counting is a transport that counts the successful responses with a body.
type counting struct {
	http.RoundTripper
	base string // the path of the BaseURL

	mu        sync.Mutex
	responses map[string]int // by endpoint
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := c.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	if res.StatusCode/100 == 2 && len(body) > 0 {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.responses[r.Method+" "+strings.TrimPrefix(rest.Template(r.Context()), c.base)]++
	}
	return res, nil
}

// take returns the counts since the last call.
func (c *counting) take() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := c.responses
	c.responses = map[string]int{}
	return counts
}

// reported returns the endpoints of which a member was reported.
func (d *drifting) reported(member string) map[string]bool {
	endpoints := map[string]bool{}
	for one := range d.guard.Drift() {
		if one.Member == member || strings.HasSuffix(one.Member, "."+member) {
			endpoints[one.Endpoint] = true
		}
	}
	return endpoints
}

// eachEndpointReportsANewMember reads everything once, and with it the first response of each
// endpoint, which is always looked at. Only then the bank adds the member.
func eachEndpointReportsANewMember(t *testing.T, provider string) {
	d := newDrifting(t, provider)
	of := map[string][]string{} // the endpoints of an operation
	d.wire.take()
	for _, op := range reads {
		d.call(t, op.name)
		of[op.name] = slices.Collect(maps.Keys(d.wire.take()))
	}
	if provider == moneykit.Name {
		delete(of, bankmux.OpRefresh) // the bank allows one in a while
	}
	d.bank.AddMember("brand_new")
	counts := map[string]int{}
	for range 200 {
		for name, uses := range of {
			reported := d.reported("brand_new")
			if !slices.ContainsFunc(uses, func(e string) bool { return !reported[e] }) {
				continue
			}
			d.call(t, name)
			for endpoint, n := range d.wire.take() {
				counts[endpoint] += n
			}
			reported = d.reported("brand_new")
			for endpoint, n := range counts {
				require.True(t, reported[endpoint] || n < 200, "%s has had %d responses", endpoint, n)
			}
		}
	}
	assert.ElementsMatch(t, readEndpoints[provider], slices.Collect(maps.Keys(d.reported("brand_new"))))
	assert.ElementsMatch(t, readEndpoints[provider], slices.Collect(maps.Keys(counts)), "all that were requested")
}

// linkingReportsANewMember links and disconnects once. Only then the bank adds the member. At each
// second run the response to MoneyKit's exchange is empty, so that the links of the user are read.
func linkingReportsANewMember(t *testing.T, provider string) {
	d := newDrifting(t, provider)
	run := func(empty bool) {
		if empty && provider == moneykit.Name {
			require.NoError(t, d.bank.Inject(virtualbank.Fault{
				Name: "empty_200", Operation: "POST /link-session/exchange-token", Times: 1,
			}))
		}
		conn := d.link(t)
		_, err := d.client.Disconnect(t.Context(), bankmux.DisconnectRequest{Connection: conn})
		require.NoError(t, err)
	}
	run(true)
	d.bank.AddMember("brand_new")
	d.wire.take()
	counts := map[string]int{}
	for i := 0; len(d.reported("brand_new")) < len(linkEndpoints[provider]); i++ {
		run(i%2 == 1)
		for endpoint, n := range d.wire.take() {
			counts[endpoint] += n
		}
		reported := d.reported("brand_new")
		for endpoint, n := range counts {
			require.True(t, reported[endpoint] || n < 200, "%s has had %d responses", endpoint, n)
		}
	}
	assert.ElementsMatch(t, linkEndpoints[provider], slices.Collect(maps.Keys(d.reported("brand_new"))))
	assert.ElementsMatch(t, linkEndpoints[provider], slices.Collect(maps.Keys(counts)), "all that were requested")
}
