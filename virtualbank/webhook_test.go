package virtualbank_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
	"github.com/bankmux/bankmux/virtualbank/internal/banktest"
)

func TestWebhooks(t *testing.T) {
	t.Parallel()
	t.Run("a failed delivery is retried under the same key until it is given up", retriedDelivery)
	t.Run("disorder shuffles and repeats", disorder)
	t.Run("keys rotate and retire", rotatedKeys)
	t.Run("they are signed with the bank's time or with the machine's", signedTime)
	t.Run("they change no other id of a bank", sameIDs)
	t.Run("they are sent to loopback only", loopbackOnly)
}

func unix(t *testing.T, text string) int64 {
	t.Helper()
	var n int64
	require.NoError(t, json.Unmarshal([]byte(text), &n))
	return n
}

func retriedDelivery(t *testing.T) {
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
			b := banktest.Open(t, virtualbank.Options{})
			require.NoError(
				t,
				b.Bank.Announce(
					banktest.Hook,
					virtualbank.Webhook{Provider: c.provider, Event: "x", Reference: "r", Members: object{"n": 1}},
				),
			)
			r := &banktest.Receiver{Status: c.status}
			assert.Equal(t, virtualbank.Tally{Sent: 1, Refused: 1}, b.Deliver(r))
			assert.Equal(t, virtualbank.Tally{}, b.Deliver(r), "not at once")
			first := b.Bank.Deliveries()[0].First
			for range 100 {
				d := b.Bank.Deliveries()[0]
				if d.GivenUp {
					break
				}
				b.Bank.Advance(d.Next.Sub(b.Bank.Now()))
				b.Deliver(r)
			}
			d := b.Bank.Deliveries()[0]
			assert.True(t, d.GivenUp)
			assert.Equal(t, c.attempts, d.Attempts)
			assert.LessOrEqual(t, b.Bank.Now().Sub(first), c.lasts)
			assert.Len(t, r.Got, c.attempts)
			for i := range r.Got {
				assert.Equal(t, r.Bodies[0], r.Bodies[i], "byte for byte")
				assert.Equal(t, r.Got[0].Header.Get("Svix-Id"), r.Got[i].Header.Get("Svix-Id"))
				if i > 0 {
					assert.NotEqual(
						t,
						r.Got[0].Header.Get("MoneyKit-Signature")+r.Got[0].Header.Get("Svix-Timestamp"),
						r.Got[i].Header.Get("MoneyKit-Signature")+r.Got[i].Header.Get("Svix-Timestamp"),
					)
				}
			}
		})
	}
	c := banktest.Open(t, virtualbank.Options{})
	require.NoError(t, c.Bank.Announce(banktest.Hook, virtualbank.Webhook{Provider: "dapi", Event: "x"}))
	r := &banktest.Receiver{Status: http.StatusInternalServerError}
	c.Deliver(r)
	r.Status = http.StatusNoContent
	c.Bank.Advance(time.Hour)
	assert.Equal(t, virtualbank.Tally{Sent: 1, Accepted: 1}, c.Deliver(r))
	c.Bank.Advance(time.Hour)
	assert.Equal(t, virtualbank.Tally{}, c.Deliver(r))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, c.Bank.Announce(banktest.Hook, virtualbank.Webhook{Provider: "dapi", Event: "x"}))
	assert.ErrorIs(t, c.Bank.DeliverAll(ctx, &http.Client{Transport: r}), context.Canceled)
}

func disorder(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	var told []string
	for i := range 20 {
		told = append(told, fmt.Sprint("event-", i))
		require.NoError(t, c.Bank.Announce(banktest.Hook, virtualbank.Webhook{Provider: "dapi", Event: told[i]}))
	}
	c.Bank.Disorder(virtualbank.Disorder{Shuffle: true, Repeat: 2})
	r := &banktest.Receiver{}
	assert.Equal(t, virtualbank.Tally{Sent: 60, Accepted: 20}, c.Deliver(r))
	var firsts []string
	for i, e := range r.Events(t) {
		if i%3 == 0 {
			firsts = append(firsts, e)
		}
		assert.Equal(t, r.Got[i/3*3].Header.Get("Svix-Id"), r.Got[i].Header.Get("Svix-Id"))
	}
	assert.ElementsMatch(t, told, firsts)
	assert.NotEqual(t, told, firsts)
}

func rotatedKeys(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	published := func() map[string]jose.JSONWebKey {
		a := c.MoneyKit("GET", "/.well-known/jwks.json", "", nil)
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
		header, _ := c.Bank.Sign(virtualbank.Webhook{Provider: "moneykit", Event: "x"})
		token, err := jose.ParseSignedCompact(header.Get("MoneyKit-Signature"), []jose.SignatureAlgorithm{jose.ES256})
		require.NoError(t, err)
		kid := token.Signatures[0].Header.KeyID
		key := published()[kid]
		_, err = token.Verify(key)
		require.NoError(t, err)
		return kid
	}
	signatures := func() int {
		header, _ := c.Bank.Sign(virtualbank.Webhook{Provider: "dapi", Event: "x"})
		return len(strings.Fields(header.Get("Svix-Signature")))
	}
	old := signs()
	secrets, _, _ := c.Bank.WebhookSecrets()
	c.Bank.RotateWebhookKeys()
	assert.NotEqual(t, old, signs())
	assert.Len(t, published(), 2)
	assert.Contains(t, published(), old)
	assert.Equal(t, 2, signatures())
	rotated, _, _ := c.Bank.WebhookSecrets()
	require.Len(t, rotated, 2)
	assert.Equal(t, secrets[0], rotated[1])
	c.Bank.RetireWebhookKeys()
	assert.NotContains(t, published(), old)
	assert.Equal(t, 1, signatures())
}

func signedTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, machine := range []bool{false, true} {
			bank := virtualbank.New(virtualbank.Options{MachineTimeWebhooks: machine})
			bank.Advance(48 * time.Hour)
			want := bank.Now()
			if machine {
				want = time.Now()
			}
			header, body := bank.Sign(virtualbank.Webhook{Provider: "dapi", Event: "connection.deleted"})
			assert.Equal(t, want.Unix(), unix(t, header.Get("Svix-Timestamp")), "machine's time: %v", machine)
			assert.Contains(
				t,
				string(body),
				bank.Now().UTC().Format("2006-01-02"),
				"what happened, happened on the bank's day",
			)
		}
	})
}

func sameIDs(t *testing.T) {
	t.Parallel()
	ids := func(hooks bool) string {
		c := banktest.Open(t, virtualbank.Options{Seed: 5})
		if hooks {
			c.Bank.AnnounceDapi(virtualbank.DapiWebhooks{URL: banktest.Hook})
			c.Bank.RotateWebhookKeys()
		}
		id, token, _ := c.LinkDapi("")
		return id + token[:20]
	}
	assert.Equal(t, ids(false), ids(true))
}

func loopbackOnly(t *testing.T) {
	t.Parallel()
	for address, reached := range map[string]bool{
		"http://127.0.0.1:9/hooks": true, "http://[::1]:9": true, "https://localhost/hooks": true,
		"https://app.example.com/hooks": false, "http://192.0.2.1": false, "://": false, "": false,
	} {
		for _, remote := range []bool{false, true} {
			c := banktest.Open(t, virtualbank.Options{RemoteWebhooks: remote})
			if c.Bank.Announce(address, virtualbank.Webhook{Provider: "dapi", Event: "x"}) != nil {
				assert.Empty(t, address)
				continue
			}
			want := 0
			if reached || (remote && address != "://") {
				want = 1
			}
			assert.Equal(t, want, c.Deliver(&banktest.Receiver{}).Sent, "%s, %v", address, remote)
		}
	}
}
