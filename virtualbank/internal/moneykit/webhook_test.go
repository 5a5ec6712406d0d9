package moneykit_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
	"github.com/bankmux/bankmux/virtualbank/internal/banktest"
)

func TestWebhooks(t *testing.T) {
	t.Parallel()
	t.Run("every change of a link is announced", announcedChanges)
	t.Run("a test webhook has a known event and keeps its token", testWebhooks)
}

func announcedChanges(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	token, id := c.LinkWithHook()
	r := &banktest.Receiver{}
	step := func(want ...string) {
		t.Helper()
		r.Bodies = nil
		c.Deliver(r)
		assert.Equal(t, want, r.Events(t))
	}
	step(
		"link.state_changed connected",
		"link.product_refresh accounts completed",
		"link.product_refresh transactions completed",
		"transactions.updates_available",
	)
	assert.Equal(t, banktest.Hook, r.Got[0].URL.String())
	assert.Equal(t, "1", r.Got[0].Header.Get("MoneyKit-Delivery-Attempt"))
	step()

	a := c.MoneyKit("POST", "/links/"+id+"/products", token, object{"products": []string{"transactions"}})
	require.Equal(t, http.StatusAccepted, a.Status)
	step()
	c.Bank.Advance(10 * time.Second)
	step("link.product_refresh transactions completed", "transactions.updates_available")

	require.NoError(t, c.Bank.Lapse(id))
	step("link.state_changed error")
	assert.Contains(t, r.Bodies[0], `"error":"auth_expired"`)
	assert.Contains(t, r.Bodies[0], `"link_id":"`+id+`"`)

	a = c.MoneyKit(
		"POST",
		"/webhooks/test/link/"+id,
		token,
		object{"webhook_event": "product.state_changed", "webhook_idempotency_key": "my-key"},
	)
	require.Equal(t, http.StatusOK, a.Status, a.Body)
	step("product.state_changed transactions completed")
	assert.Contains(t, r.Bodies[0], `"webhook_idempotency_key":"my-key"`)

	require.Equal(t, http.StatusNoContent, c.MoneyKit("DELETE", "/links/"+id, token, nil).Status)
	step("link.state_changed deleted")
}

func testWebhooks(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	token, id := c.LinkWithHook()
	c.Deliver(&banktest.Receiver{})
	for _, event := range []any{"link.exploded", "links.state_changed", "connection.deleted", "", nil, 7} {
		a := c.MoneyKit(
			"POST",
			"/webhooks/test/link/"+id,
			token,
			object{"webhook_event": event, "webhook_idempotency_key": "key"},
		)
		assert.Equal(t, http.StatusUnprocessableEntity, a.Status, "%v: %v", event, a.Body)
	}
	r := &banktest.Receiver{}
	c.Deliver(r)
	assert.Empty(t, r.Got, "what is refused is not delivered")

	for _, event := range virtualbank.MoneyKitEvents() {
		a := c.MoneyKit(
			"POST",
			"/webhooks/test/link/"+id,
			token,
			object{"webhook_event": event, "webhook_idempotency_key": "key-" + event},
		)
		require.Equal(t, http.StatusOK, a.Status, a.Body)
		r := &banktest.Receiver{Status: http.StatusBadGateway}
		c.Deliver(r)
		c.Bank.Advance(time.Minute)
		r.Status = 0
		c.Deliver(r)
		require.Len(t, r.Got, 2, "it is delivered again")
		for _, delivery := range r.Got {
			assert.Equal(t, a.Body["delivery_token"], delivery.Header.Get("MoneyKit-Delivery-Token"), event)
		}
		assert.Contains(t, r.Bodies[0], `"webhook_idempotency_key":"key-`+event+`"`)
		last := c.Bank.Deliveries()
		assert.Equal(t, a.Body["delivery_token"], last[len(last)-1].Token)
	}
}
