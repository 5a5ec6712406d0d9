package virtualbank_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
)

// receiver is an application that gets webhooks.
type receiver struct {
	got    []*http.Request
	bodies []string
	status int // 0 is 200, -1 no answer
}

func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(req.Body)
	r.got, r.bodies = append(r.got, req), append(r.bodies, string(body))
	if r.status < 0 {
		return nil, errors.New("refused")
	}
	status := r.status
	if status == 0 {
		status = http.StatusOK
	}
	res := &http.Response{
		StatusCode: status,
		Header:     http.Header{},
		Body:       io.NopCloser(strings.NewReader("ok")),
		Request:    req,
	}
	if status == http.StatusFound {
		res.Header.Set("Location", "https://elsewhere.example.com")
	}
	return res, nil
}

// events are the names of what came, in order.
func (r *receiver) events(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, b := range r.bodies {
		m := object{}
		require.NoError(t, json.Unmarshal([]byte(b), &m))
		name, _ := m["webhook_event"].(string)
		if name == "" {
			name, _ = m["event"].(string)
		}
		for _, more := range []string{"product", "state"} {
			if text, ok := m[more].(string); ok {
				name += " " + text
			}
		}
		names = append(names, name)
	}
	return names
}

func (c caller) deliver(r *receiver) virtualbank.Tally {
	c.t.Helper()
	tally, err := c.bank.Deliver(c.t.Context(), &http.Client{Transport: r})
	require.NoError(c.t, err)
	return tally
}

const hook = "http://127.0.0.1:9/hooks"

// linkWithHook links through MoneyKit, with an address for webhooks.
func (c caller) linkWithHook() (token, id string) {
	c.t.Helper()
	token = c.token()
	in := session("user-1")
	in["webhook"] = hook
	in["settings"] = object{"products": object{"transactions": object{"prefetch": true}}}
	a := c.mk("POST", "/link-session", token, in)
	require.Equal(c.t, http.StatusCreated, a.Status, a.Body)
	raw, err := c.bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: a.Body["link_session_token"].(string)})
	require.NoError(c.t, err)
	var out struct {
		Token string `json:"exchangeable_token"`
	}
	require.NoError(c.t, json.Unmarshal(raw, &out))
	a = c.exchange(token, out.Token)
	require.Equal(c.t, http.StatusCreated, a.Status)
	return token, a.Body["link"].(object)["link_id"].(string)
}

func TestMoneyKitAnnouncesWhatHappensToALink(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{})
	token, id := c.linkWithHook()
	r := &receiver{}
	step := func(want ...string) {
		t.Helper()
		r.bodies = nil
		c.deliver(r)
		assert.Equal(t, want, r.events(t))
	}
	step(
		"link.state_changed connected",
		"link.product_refresh accounts completed",
		"link.product_refresh transactions completed",
		"transactions.updates_available",
	)
	assert.Equal(t, hook, r.got[0].URL.String())
	assert.Equal(t, "1", r.got[0].Header.Get("MoneyKit-Delivery-Attempt"))
	step()

	a := c.mk("POST", "/links/"+id+"/products", token, object{"products": []string{"transactions"}})
	require.Equal(t, http.StatusAccepted, a.Status)
	step()
	c.bank.Advance(10 * time.Second)
	step("link.product_refresh transactions completed", "transactions.updates_available")

	require.NoError(t, c.bank.Lapse(id))
	step("link.state_changed error")
	assert.Contains(t, r.bodies[0], `"error":"auth_expired"`)
	assert.Contains(t, r.bodies[0], `"link_id":"`+id+`"`)

	a = c.mk(
		"POST",
		"/webhooks/test/link/"+id,
		token,
		object{"webhook_event": "product.state_changed", "webhook_idempotency_key": "my-key"},
	)
	require.Equal(t, http.StatusOK, a.Status, a.Body)
	step("product.state_changed transactions completed")
	assert.Contains(t, r.bodies[0], `"webhook_idempotency_key":"my-key"`)

	require.Equal(t, http.StatusNoContent, c.mk("DELETE", "/links/"+id, token, nil).Status)
	step("link.state_changed deleted")
}

func TestDapiAnnouncesWhereItWasToldTo(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{Start: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)})
	r := &receiver{}
	c.linkDapi("")
	assert.Zero(t, c.deliver(r), "nobody asked for webhooks")

	c.bank.AnnounceDapi(virtualbank.DapiWebhooks{URL: hook})
	id, token, secrets := c.linkDapi("")
	require.NoError(t, c.bank.Stage(id, virtualbank.Posted))
	c.bank.Advance(24 * time.Hour)
	c.deliver(r)
	require.NoError(t, c.bank.Lapse(id))
	require.Equal(t, http.StatusOK, c.dapi("/users/DelinkUser", token, secrets).Status)
	c.deliver(r)
	// The first of all is of a new day, too: it was linked before, and is announced as the others
	// are.
	assert.Equal(t, []string{
		"connection.state_changed connected",
		"transactions.available",
		"transactions.available",
		"transactions.available",
		"connection.state_changed error",
		"connection.deleted",
	}, r.events(t))
	assert.NotEmpty(t, r.got[0].Header.Get("Svix-Id"))

	r = &receiver{}
	c.bank.AnnounceDapi(virtualbank.DapiWebhooks{URL: hook, Encrypt: true})
	c.linkDapi("")
	c.deliver(r)
	assert.Regexp(t, `^\{"data":"[A-Za-z0-9+/=]+"\}$`, r.bodies[0])

	r = &receiver{}
	c.bank.AnnounceDapi(virtualbank.DapiWebhooks{URL: hook, Legacy: true})
	c.linkDapi("")
	c.deliver(r)
	assert.NotEmpty(t, r.got[0].Header.Get("Dapi-Signature"))
	assert.Empty(t, r.got[0].Header.Get("Svix-Id"))
}

func TestWhatIsNotAcceptedComesAgainUnderTheSameKeyUntilItIsGivenUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		provider string
		status   int
		attempts int
		lasts    time.Duration
	}{
		"MoneyKit, refused":    {"moneykit", http.StatusUnauthorized, 10, 2 * time.Hour},
		"MoneyKit, no answer":  {"moneykit", -1, 10, 2 * time.Hour},
		"MoneyKit, redirected": {"moneykit", http.StatusFound, 10, 2 * time.Hour},
		"Dapi, refused":        {"dapi", http.StatusServiceUnavailable, 8, 28 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t, virtualbank.Options{})
			require.NoError(
				t,
				b.bank.Announce(
					hook,
					virtualbank.Webhook{Provider: c.provider, Event: "x", Reference: "r", Members: object{"n": 1}},
				),
			)
			r := &receiver{status: c.status}
			assert.Equal(t, virtualbank.Tally{Sent: 1, Refused: 1}, b.deliver(r))
			assert.Equal(t, virtualbank.Tally{}, b.deliver(r), "not at once")
			first := b.bank.Deliveries()[0].First
			for range 100 {
				d := b.bank.Deliveries()[0]
				if d.GivenUp {
					break
				}
				b.bank.Advance(d.Next.Sub(b.bank.Now()))
				b.deliver(r)
			}
			d := b.bank.Deliveries()[0]
			assert.True(t, d.GivenUp)
			assert.Equal(t, c.attempts, d.Attempts)
			assert.LessOrEqual(t, b.bank.Now().Sub(first), c.lasts)
			assert.Len(t, r.got, c.attempts)
			for i := range r.got {
				assert.Equal(t, r.bodies[0], r.bodies[i], "byte for byte")
				assert.Equal(t, r.got[0].Header.Get("Svix-Id"), r.got[i].Header.Get("Svix-Id"))
				if i > 0 {
					assert.NotEqual(
						t,
						r.got[0].Header.Get("MoneyKit-Signature")+r.got[0].Header.Get("Svix-Timestamp"),
						r.got[i].Header.Get("MoneyKit-Signature")+r.got[i].Header.Get("Svix-Timestamp"),
					)
				}
			}
		})
	}
	c := open(t, virtualbank.Options{})
	require.NoError(t, c.bank.Announce(hook, virtualbank.Webhook{Provider: "dapi", Event: "x"}))
	r := &receiver{status: http.StatusInternalServerError}
	c.deliver(r)
	r.status = http.StatusNoContent
	c.bank.Advance(time.Hour)
	assert.Equal(t, virtualbank.Tally{Sent: 1, Accepted: 1}, c.deliver(r))
	c.bank.Advance(time.Hour)
	assert.Equal(t, virtualbank.Tally{}, c.deliver(r))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, c.bank.Announce(hook, virtualbank.Webhook{Provider: "dapi", Event: "x"}))
	assert.ErrorIs(t, c.bank.DeliverAll(ctx, &http.Client{Transport: r}), context.Canceled)
}

func TestDisorderShufflesAndRepeats(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{})
	var told []string
	for i := range 20 {
		told = append(told, fmt.Sprint("event-", i))
		require.NoError(t, c.bank.Announce(hook, virtualbank.Webhook{Provider: "dapi", Event: told[i]}))
	}
	c.bank.Disorder(virtualbank.Disorder{Shuffle: true, Repeat: 2})
	r := &receiver{}
	assert.Equal(t, virtualbank.Tally{Sent: 60, Accepted: 20}, c.deliver(r))
	var firsts []string
	for i, e := range r.events(t) {
		if i%3 == 0 {
			firsts = append(firsts, e)
		}
		assert.Equal(t, r.got[i/3*3].Header.Get("Svix-Id"), r.got[i].Header.Get("Svix-Id"))
	}
	assert.ElementsMatch(t, told, firsts)
	assert.NotEqual(t, told, firsts)
}

func TestKeysRotateAndRetire(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{})
	published := func() map[string]jose.JSONWebKey {
		a := c.mk("GET", "/.well-known/jwks.json", "", nil)
		raw, err := json.Marshal(a.Body)
		require.NoError(t, err)
		var set jose.JSONWebKeySet
		require.NoError(t, json.Unmarshal(raw, &set))
		all := map[string]jose.JSONWebKey{}
		for _, k := range set.Keys {
			all[k.KeyID] = k
		}
		return all
	}
	signs := func() string {
		header, _ := c.bank.Sign(virtualbank.Webhook{Provider: "moneykit", Event: "x"})
		token, err := jose.ParseSignedCompact(header.Get("MoneyKit-Signature"), []jose.SignatureAlgorithm{jose.ES256})
		require.NoError(t, err)
		kid := token.Signatures[0].Header.KeyID
		key := published()[kid]
		_, err = token.Verify(key)
		require.NoError(t, err)
		return kid
	}
	signatures := func() int {
		header, _ := c.bank.Sign(virtualbank.Webhook{Provider: "dapi", Event: "x"})
		return len(strings.Fields(header.Get("Svix-Signature")))
	}
	old := signs()
	secrets, _, _ := c.bank.WebhookSecrets()
	c.bank.RotateWebhookKeys()
	assert.NotEqual(t, old, signs())
	assert.Len(t, published(), 2)
	assert.Contains(t, published(), old)
	assert.Equal(t, 2, signatures())
	rotated, _, _ := c.bank.WebhookSecrets()
	require.Len(t, rotated, 2)
	assert.Equal(t, secrets[0], rotated[1])
	c.bank.RetireWebhookKeys()
	assert.NotContains(t, published(), old)
	assert.Equal(t, 1, signatures())
}

func TestWebhooksChangeNothingElseOfABank(t *testing.T) {
	t.Parallel()
	ids := func(hooks bool) string {
		c := open(t, virtualbank.Options{Seed: 5})
		if hooks {
			c.bank.AnnounceDapi(virtualbank.DapiWebhooks{URL: hook})
			c.bank.RotateWebhookKeys()
		}
		id, token, _ := c.linkDapi("")
		return id + token[:20]
	}
	assert.Equal(t, ids(false), ids(true))
}

func TestTheControlPlaneSendsWebhooksToo(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{})
	control := func(method, path string, body any) answer {
		return c.do(c.bank.Dapi(), method, "/virtualbank/webhook"+path, "", body)
	}
	assert.Equal(
		t,
		http.StatusUnprocessableEntity,
		control("POST", "", object{"event": "x", "reference": "r"}).Status,
		"there is no address",
	)
	assert.Equal(t, http.StatusOK, control("POST", "", object{"event": "x", "reference": "r", "url": hook}).Status)
	assert.Equal(t, http.StatusOK, control("POST", "/disorder", object{"shuffle": true, "repeat": 1}).Status)
	assert.Equal(t, http.StatusOK, control("POST", "/keys", object{"action": "rotate"}).Status)
	assert.Equal(t, http.StatusBadRequest, control("POST", "/keys", object{"action": "burn"}).Status)
	assert.Equal(t, http.StatusBadRequest, control("POST", "/forge", object{"forgery": "stale"}).Status)
	assert.Equal(
		t,
		http.StatusBadRequest,
		control("POST", "/forge", object{"forgery": "algorithm_none", "url": hook}).Status,
		"that is MoneyKit's",
	)
	assert.Contains(t, control("GET", "/forge", nil).Body["forgeries"], "stale")
	assert.Equal(t, virtualbank.Tally{Sent: 2, Accepted: 1}, c.deliver(&receiver{}))
	list := control("GET", "", nil).Body["deliveries"].([]any)
	require.Len(t, list, 1)
	assert.Equal(t, true, list[0].(object)["accepted"])
	assert.Empty(t, c.do(c.bank.MoneyKit(), "GET", "/virtualbank/webhook", "", nil).Body["deliveries"])
}

func TestWebhooksGoNowhereButToLoopback(t *testing.T) {
	t.Parallel()
	for address, reached := range map[string]bool{
		"http://127.0.0.1:9/hooks": true, "http://[::1]:9": true, "https://localhost/hooks": true,
		"https://app.example.com/hooks": false, "http://192.0.2.1": false, "://": false, "": false,
	} {
		for _, remote := range []bool{false, true} {
			c := open(t, virtualbank.Options{RemoteWebhooks: remote})
			if c.bank.Announce(address, virtualbank.Webhook{Provider: "dapi", Event: "x"}) != nil {
				assert.Empty(t, address)
				continue
			}
			want := 0
			if reached || (remote && address != "://") {
				want = 1
			}
			assert.Equal(t, want, c.deliver(&receiver{}).Sent, "%s, %v", address, remote)
		}
	}
}
