package plaid_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
	"github.com/bankmux/bankmux/virtualbank/internal/banktest"
)

func TestWebhooks(t *testing.T) {
	t.Parallel()
	t.Run("SYNC_UPDATES_AVAILABLE is sent once a sync was called", syncUpdates)
	t.Run("the end of a consent is announced seven days ahead", consentEnds)
	t.Run("a delivery is signed by a key that is published by its id", signedDeliveries)
	t.Run("a delivery that does not get 200 is repeated for 24 hours", retries)
	t.Run("the address is changed by its own call", address)
	t.Run("the sandbox fires the webhooks of the Item's products", firedWebhooks)
	t.Run("every webhook has a body", everyWebhook)
	t.Run("a daily look at investments and liabilities is announced", dailyLooks)
}

func bodyOf(t *testing.T, raw string) object {
	t.Helper()
	body := object{}
	require.NoError(t, json.Unmarshal([]byte(raw), &body))
	return body
}

// events are the webhooks that came, in order.
func events(t *testing.T, r *banktest.Receiver) []string {
	t.Helper()
	var names []string
	for _, raw := range r.Bodies {
		body := bodyOf(t, raw)
		names = append(names, body["webhook_type"].(string)+":"+body["webhook_code"].(string))
	}
	return names
}

func syncUpdates(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{Start: banktest.Start})
	access, id := c.LinkPlaid("ins_900101", object{"webhook": banktest.Hook})
	other, _ := c.LinkPlaid("ins_900101", object{"webhook": banktest.Hook})
	c.PlaidOK("/transactions/sync", object{"access_token": other})
	c.Bank.Advance(6 * time.Second)
	r := &banktest.Receiver{}
	c.Deliver(r)
	seen := map[any][]any{}
	for _, raw := range r.Bodies {
		body := bodyOf(t, raw)
		seen[body["item_id"]] = append(seen[body["item_id"]], body["webhook_code"])
	}
	assert.Equal(t, []any{"INITIAL_UPDATE", "HISTORICAL_UPDATE"}, seen[id], "its sync was not called")
	delete(seen, id)
	for _, codes := range seen {
		assert.Equal(t, []any{
			"INITIAL_UPDATE", "SYNC_UPDATES_AVAILABLE", "HISTORICAL_UPDATE", "SYNC_UPDATES_AVAILABLE",
		}, codes)
	}

	c.PlaidOK("/transactions/sync", object{"access_token": access})
	r.Bodies = nil
	require.NoError(t, c.Bank.Stage(id, virtualbank.Withdrawn))
	c.PlaidOK("/transactions/refresh", object{"access_token": access})
	c.Deliver(r)
	assert.Equal(t, []string{"TRANSACTIONS:TRANSACTIONS_REMOVED", "TRANSACTIONS:SYNC_UPDATES_AVAILABLE"}, events(t, r))
	r.Bodies = nil
	c.PlaidOK("/transactions/refresh", object{"access_token": access})
	c.Deliver(r)
	assert.Empty(t, r.Bodies, "nothing changed")
	status := c.PlaidOK("/item/get", object{"access_token": access})["status"].(object)
	assert.Equal(t, "SYNC_UPDATES_AVAILABLE", status["last_webhook"].(object)["code_sent"])
}

func consentEnds(t *testing.T) {
	t.Parallel()
	for institution, want := range map[string]struct {
		after   time.Duration
		warning string
	}{
		"ins_900301": {180 * 24 * time.Hour, "ITEM:PENDING_EXPIRATION"},
		"ins_900201": {180 * 24 * time.Hour, "ITEM:PENDING_EXPIRATION"},
		"ins_127287": {365 * 24 * time.Hour, "ITEM:PENDING_DISCONNECT"},
		"ins_900101": {},
	} {
		c := banktest.Open(t, virtualbank.Options{Start: banktest.Start})
		access, _ := c.LinkPlaid(institution, object{"products": []string{"identity"}, "webhook": banktest.Hook})
		item := c.PlaidOK("/item/get", object{"access_token": access})["item"].(object)
		r := &banktest.Receiver{}
		if want.after == 0 {
			assert.Nil(t, item["consent_expiration_time"])
			continue
		}
		end, err := time.Parse(time.RFC3339, item["consent_expiration_time"].(string))
		require.NoError(t, err)
		assert.WithinDuration(t, banktest.Start.Add(want.after), end, time.Minute)
		c.Bank.Advance(want.after - 8*24*time.Hour)
		c.Deliver(r)
		assert.Empty(t, r.Bodies)
		c.Bank.Advance(25 * time.Hour)
		c.Deliver(r)
		assert.Equal(t, []string{want.warning}, events(t, r))
		c.Bank.Advance(8 * 24 * time.Hour)
		c.Deliver(r)
		assert.Equal(t, []string{want.warning, "ITEM:ERROR"}, events(t, r))
		_, code := c.PlaidRefused("/accounts/get", object{"access_token": access})
		assert.Equal(t, "ITEM_LOGIN_REQUIRED", code)
	}
}

// verified checks a delivery as a receiver does and returns the id of its key.
func verified(t *testing.T, c banktest.Caller, header http.Header, body []byte) (kid string, key object) {
	t.Helper()
	signed, err := jose.ParseSignedCompact(header.Get("Plaid-Verification"), []jose.SignatureAlgorithm{jose.ES256})
	require.NoError(t, err)
	kid = signed.Signatures[0].Header.KeyID
	key = c.PlaidOK("/webhook_verification_key/get", object{"key_id": kid})["key"].(object)
	point := []byte{4}
	for _, name := range []string{"x", "y"} {
		raw, err := base64.RawURLEncoding.DecodeString(key[name].(string))
		require.NoError(t, err)
		point = append(point, raw...)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	require.NoError(t, err)
	payload, err := signed.Verify(public)
	require.NoError(t, err)
	claims := bodyOf(t, string(payload))
	digest := sha256.Sum256(body)
	assert.Equal(t, hex.EncodeToString(digest[:]), claims["request_body_sha256"])
	assert.InDelta(t, c.Bank.Now().Unix(), claims["iat"], 5)
	return kid, key
}

func signedDeliveries(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	w := virtualbank.Webhook{Provider: "plaid", Event: "ITEM:ERROR", Reference: "it"}
	header, body := c.Bank.Sign(w)
	assert.Contains(t, string(body), "{\n  \"", "indented by two spaces")
	old, key := verified(t, c, header, body)
	assert.Nil(t, key["expired_at"])
	assert.Regexp(t, `^[0-9a-f-]{36}$`, old)
	c.Bank.RotateWebhookKeys()
	header, body = c.Bank.Sign(w)
	fresh, _ := verified(t, c, header, body)
	assert.NotEqual(t, old, fresh)
	c.Bank.RetireWebhookKeys()
	key = c.PlaidOK("/webhook_verification_key/get", object{"key_id": old})["key"].(object)
	assert.NotNil(t, key["expired_at"])
	for _, name := range virtualbank.Forgeries("plaid") {
		_, err := c.Bank.Forge(name, "/hook", w)
		require.NoError(t, err, name)
	}
}

func retries(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{Start: banktest.Start})
	_, id := c.LinkPlaid("ins_900101", object{"products": []string{"identity"}, "webhook": banktest.Hook})
	require.NoError(t, c.Bank.Lapse(id))
	r := &banktest.Receiver{Status: http.StatusAccepted}
	for _, pause := range []time.Duration{0, 30 * time.Second, 2 * time.Minute, 8 * time.Minute, 32 * time.Minute} {
		before := len(r.Bodies)
		c.Bank.Advance(pause)
		c.Deliver(r)
		assert.Len(t, r.Bodies, before+1, pause)
	}
	r.Status = http.StatusOK
	c.Bank.Advance(24 * time.Hour)
	c.Deliver(r)
	c.Bank.Advance(24 * time.Hour)
	before := len(r.Bodies)
	c.Deliver(r)
	assert.Len(t, r.Bodies, before, "it was accepted")
	for _, got := range r.Bodies {
		assert.Equal(t, r.Bodies[0], got)
	}
}

func address(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	access, _ := c.LinkPlaid("ins_900101", object{"products": []string{"identity"}})
	body := c.PlaidOK("/item/webhook/update", object{"access_token": access, "webhook": banktest.Hook})
	assert.Equal(t, banktest.Hook, body["item"].(object)["webhook"])
	r := &banktest.Receiver{}
	c.Deliver(r)
	assert.Equal(t, []string{"ITEM:WEBHOOK_UPDATE_ACKNOWLEDGED"}, events(t, r))
	assert.Equal(t, banktest.Hook, bodyOf(t, r.Bodies[0])["new_webhook_url"])
	body = c.PlaidOK("/item/webhook/update", object{"access_token": access, "webhook": nil})
	assert.Nil(t, body["item"].(object)["webhook"])
	_, code := c.PlaidRefused("/sandbox/item/fire_webhook", object{
		"access_token": access, "webhook_type": "ITEM", "webhook_code": "LOGIN_REPAIRED",
	})
	assert.Equal(t, "SANDBOX_WEBHOOK_INVALID", code)
}

func firedWebhooks(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	access, _ := c.LinkPlaid("ins_900101", object{"products": []string{"auth"}, "webhook": banktest.Hook})
	fire := func(kind, code string) object {
		return object{"access_token": access, "webhook_type": kind, "webhook_code": code}
	}
	c.PlaidOK("/sandbox/item/fire_webhook", fire("AUTH", "DEFAULT_UPDATE"))
	c.PlaidOK("/sandbox/item/fire_webhook", fire("ITEM", "PENDING_DISCONNECT"))
	_, code := c.PlaidRefused("/sandbox/item/fire_webhook", fire("TRANSACTIONS", "DEFAULT_UPDATE"))
	assert.Equal(t, "SANDBOX_PRODUCT_NOT_ENABLED", code)
	_, code = c.PlaidRefused("/sandbox/item/fire_webhook", fire("ITEM", "PARTY"))
	assert.Equal(t, "INVALID_FIELD", code)
	r := &banktest.Receiver{}
	c.Deliver(r)
	assert.Equal(t, []string{"AUTH:DEFAULT_UPDATE", "ITEM:PENDING_DISCONNECT"}, events(t, r))
}

func everyWebhook(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	_, id := c.LinkPlaid("ins_900101", object{"webhook": banktest.Hook})
	for _, event := range virtualbank.PlaidEvents() {
		_, body := c.Bank.Sign(virtualbank.Webhook{Provider: "plaid", Event: event, Reference: id})
		got := bodyOf(t, string(body))
		assert.Equal(t, event, got["webhook_type"].(string)+":"+got["webhook_code"].(string))
		assert.Equal(t, "sandbox", got["environment"])
	}
}

func dailyLooks(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{Start: time.Date(2026, 11, 14, 12, 0, 0, 0, time.UTC)})
	c.LinkPlaid("ins_900101", object{
		"products": []string{"investments", "liabilities"}, "webhook": banktest.Hook,
	})
	r := &banktest.Receiver{}
	c.Deliver(r)
	assert.Empty(t, r.Bodies)
	c.Bank.Advance(25 * time.Hour)
	c.Deliver(r)
	assert.Equal(t, []string{
		"HOLDINGS:DEFAULT_UPDATE", "INVESTMENTS_TRANSACTIONS:DEFAULT_UPDATE", "LIABILITIES:DEFAULT_UPDATE",
	}, events(t, r))
}
