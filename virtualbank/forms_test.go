package virtualbank_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
)

func TestMoneyKitCanWriteTimestampsWithoutAZone(t *testing.T) {
	t.Parallel()
	zoned := regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"`)
	bare := regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"`)
	c := open(t, virtualbank.Options{Start: began, Forms: virtualbank.Forms{ZonelessTimes: true}})
	token, id := c.linkWithHook()
	paths := []string{
		"/links/" + id,
		"/links/" + id + "/accounts",
		"/links/" + id + "/transactions/sync",
		"/links",
		"/users/user-1/accounts",
	}
	for _, path := range paths {
		raw, err := json.Marshal(c.mk("GET", path, token, nil).Body)
		require.NoError(t, err)
		assert.Regexp(t, bare, string(raw), path)
		assert.NotRegexp(t, zoned, string(raw), path)
	}
	refreshed := c.mk("GET", paths[0], token, nil).Body["products"].(object)["transactions"].(object)["refreshed_at"]
	assert.Equal(t, "2026-11-23T12:00:00", refreshed, "in UTC")
	r := &receiver{}
	c.deliver(r)
	require.NotEmpty(t, r.bodies)
	for _, body := range r.bodies {
		assert.Regexp(t, bare, body)
		assert.NotRegexp(t, zoned, body, "webhooks as well")
	}

	c.bank.SetForms(virtualbank.Forms{})
	raw, err := json.Marshal(c.mk("GET", paths[0], token, nil).Body)
	require.NoError(t, err)
	assert.Regexp(t, zoned, string(raw), "and again with one")
}

func TestMoneyKitCanSayWhereAnErrorIsDocumented(t *testing.T) {
	t.Parallel()
	const url = "https://docs.example.com/errors"
	c := open(t, virtualbank.Options{})
	token, path := c.linkMK()
	id := strings.TrimPrefix(path, "/links/")
	failures := map[string]func() answer{
		"an unknown link":      func() answer { return c.mk("GET", "/links/x", token, nil) },
		"an invalid request":   func() answer { return c.mk("POST", "/link-session", token, object{}) },
		"no credentials":       func() answer { return c.mk("GET", "/links", "", nil) },
		"an unknown path":      func() answer { return c.mk("GET", "/nothing", token, nil) },
		"another method":       func() answer { return c.mk("PUT", "/links", token, nil) },
		"a link that lapsed":   func() answer { return c.mk("GET", path+"/accounts", token, nil) },
		"a fault of the words": func() answer { return c.fails("unknown_code", token) },
		"a fault of the wire":  func() answer { return c.fails("rate_limited", token) },
	}
	require.NoError(t, c.bank.Lapse(id))
	for _, want := range []any{nil, url} {
		for name, fail := range failures {
			a := fail()
			assert.GreaterOrEqual(t, a.Status, 400, name)
			assert.Contains(t, a.Body, "documentation_url", name)
			assert.Equal(t, want, a.Body["documentation_url"], name)
		}
		c.bank.SetForms(virtualbank.Forms{DocumentationURL: url})
	}
}

// fails is a call that an injected fault spoils.
func (c caller) fails(fault, token string) answer {
	c.t.Helper()
	require.NoError(c.t, c.bank.Inject(virtualbank.Fault{Name: fault, Times: 1, Provider: "moneykit"}))
	return c.mk("GET", "/links", token, nil)
}

func TestAProductCanBeUnavailableForAReason(t *testing.T) {
	t.Parallel()
	const reason = "The institution is moving to another provider."
	c := open(t, virtualbank.Options{Start: began})
	token, path := c.linkMK()
	id := strings.TrimPrefix(path, "/links/")
	require.NoError(t, c.bank.Refresh(id))
	before := len(list(c.mk("GET", path+"/transactions", token, nil).Body, "transactions"))
	require.Positive(t, before)
	require.NoError(t, c.bank.SetUnavailable(id, "transactions", reason))
	product := func() object {
		return c.mk("GET", path, token, nil).Body["products"].(object)["transactions"].(object)
	}
	was := product()
	assert.Equal(t, reason, was["unavailable"])
	assert.Nil(t, c.mk("GET", path, token, nil).Body["products"].(object)["accounts"].(object)["unavailable"])

	c.bank.Advance(30 * time.Minute)
	require.Equal(
		t,
		http.StatusAccepted,
		c.mk("POST", path+"/products", token, object{"products": []string{"transactions"}}).Status,
	)
	c.bank.Advance(time.Minute)
	assert.Equal(t, was, product(), "nothing is fetched")
	assert.Len(
		t,
		list(c.mk("GET", path+"/transactions", token, nil).Body, "transactions"),
		before,
		"what was fetched can be read",
	)

	require.NoError(t, c.bank.SetUnavailable(id, "transactions", ""))
	assert.Nil(t, product()["unavailable"])
	require.NoError(t, c.bank.Refresh(id))
	assert.NotEqual(t, was["refreshed_at"], product()["refreshed_at"])
	require.Error(t, c.bank.SetUnavailable("mk_nothing", "transactions", reason))
	require.Error(t, c.bank.SetUnavailable(id, "horoscopes", reason))
}
