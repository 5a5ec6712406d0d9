package moneykit_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
	"github.com/bankmux/bankmux/virtualbank/internal/banktest"
)

func TestForms(t *testing.T) {
	t.Parallel()
	t.Run("timestamps have no zone", zonelessTimes)
	t.Run("every error has the address of its documentation", documentedErrors)
}

// fails makes a call that an injected fault breaks.
func fails(c banktest.Caller, fault, token string) banktest.Response {
	c.T.Helper()
	require.NoError(c.T, c.Bank.Inject(virtualbank.Fault{Name: fault, Times: 1, Provider: "moneykit"}))
	return c.MoneyKit("GET", "/links", token, nil)
}

func zonelessTimes(t *testing.T) {
	t.Parallel()
	zoned := regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"`)
	bare := regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"`)
	c := banktest.Open(t, virtualbank.Options{Start: banktest.Start, Forms: virtualbank.Forms{ZonelessTimes: true}})
	token, id := c.LinkWithHook()
	paths := []string{
		"/links/" + id,
		"/links/" + id + "/accounts",
		"/links/" + id + "/transactions/sync",
		"/links",
		"/users/user-1/accounts",
	}
	for _, path := range paths {
		raw, err := json.Marshal(c.MoneyKit("GET", path, token, nil).Body)
		require.NoError(t, err)
		assert.Regexp(t, bare, string(raw), path)
		assert.NotRegexp(t, zoned, string(raw), path)
	}
	refreshed := c.MoneyKit("GET", paths[0], token,
		nil).Body["products"].(object)["transactions"].(object)["refreshed_at"]
	assert.Equal(t, "2026-11-23T12:00:00", refreshed, "in UTC")
	r := &banktest.Receiver{}
	c.Deliver(r)
	require.NotEmpty(t, r.Bodies)
	for _, body := range r.Bodies {
		assert.Regexp(t, bare, body)
		assert.NotRegexp(t, zoned, body, "webhooks as well")
	}

	c.Bank.SetForms(virtualbank.Forms{})
	raw, err := json.Marshal(c.MoneyKit("GET", paths[0], token, nil).Body)
	require.NoError(t, err)
	assert.Regexp(t, zoned, string(raw), "and again with one")
}

func documentedErrors(t *testing.T) {
	t.Parallel()
	const url = "https://docs.example.com/errors"
	c := banktest.Open(t, virtualbank.Options{})
	token, path := c.LinkMoneyKit()
	id := strings.TrimPrefix(path, "/links/")
	failures := map[string]func() banktest.Response{
		"an unknown link":      func() banktest.Response { return c.MoneyKit("GET", "/links/x", token, nil) },
		"an invalid request":   func() banktest.Response { return c.MoneyKit("POST", "/link-session", token, object{}) },
		"no credentials":       func() banktest.Response { return c.MoneyKit("GET", "/links", "", nil) },
		"an unknown path":      func() banktest.Response { return c.MoneyKit("GET", "/nothing", token, nil) },
		"another method":       func() banktest.Response { return c.MoneyKit("PUT", "/links", token, nil) },
		"a link that lapsed":   func() banktest.Response { return c.MoneyKit("GET", path+"/accounts", token, nil) },
		"a fault of the words": func() banktest.Response { return fails(c, "unknown_code", token) },
		"a fault of the wire":  func() banktest.Response { return fails(c, "rate_limited", token) },
	}
	require.NoError(t, c.Bank.Lapse(id))
	for _, want := range []any{nil, url} {
		for name, fail := range failures {
			a := fail()
			assert.GreaterOrEqual(t, a.Status, 400, name)
			assert.Contains(t, a.Body, "documentation_url", name)
			assert.Equal(t, want, a.Body["documentation_url"], name)
		}
		c.Bank.SetForms(virtualbank.Forms{DocumentationURL: url})
	}
}
