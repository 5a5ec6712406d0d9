package plaid

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux/adapter/wire"
	model "github.com/bankmux/bankmux/normalize/plaid"
)

// TestDocumented specifies what the adapter reports as unknown. Each enumeration has a value that
// is documented and one that is not.
func TestDocumented(t *testing.T) {
	t.Parallel()
	member := func(path string) wire.Unknown { return wire.Unknown{Member: path} }
	value := func(path, word string) wire.Unknown { return wire.Unknown{Member: path, Value: word} }
	code := func(path, word string) wire.Unknown { return wire.Unknown{Member: path, Value: word, Code: true} }
	for name, c := range map[string]struct {
		body string
		into any
		want []wire.Unknown
	}{
		"account types": {
			`{"accounts":[{"type":"depository","subtype":"401k"},{"type":"brand_new","subtype":"brand new"}]}`,
			new(accountsResponse),
			[]wire.Unknown{value("accounts[].type", "brand_new"), value("accounts[].subtype", "*")},
		},
		"the error of an Item": {
			`{"item":{"error":{"error_type":"ITEM_ERROR","error_code":"ITEM_LOGIN_REQUIRED","status":400}}}`,
			new(itemResponse), nil,
		},
		"a new error of an Item": {
			`{"item":{"error":{"error_type":"BRAND_TYPE","error_code":"BRAND_NEW"}}}`,
			new(itemResponse),
			[]wire.Unknown{value("item.error.error_type", "BRAND_TYPE"), code("item.error.error_code", "BRAND_NEW")},
		},
		"the products of an Item": {
			`{"item":{"products":["auth","brand_new"],"billed_products":["auth","brand_new"]}}`,
			new(itemResponse),
			[]wire.Unknown{value("item.products[]", "brand_new"), value("item.billed_products[]", "brand_new")},
		},
		"a webhook": {
			`{"webhook_type":"ITEM","webhook_code":"WEBHOOK_UPDATE_ACKNOWLEDGED","item_id":"x",
			"new_webhook_url":"https://x.test","environment":"sandbox","error":null}`,
			new(webhookBody), nil,
		},
		"an alert": {
			`{"webhook_type":"DASHBOARD_CONFIGURED_ALERT","webhook_code":"INSTITUTION_STATUS_ALERT_TRIGGERED","institution_id":"ins_1"}`,
			new(webhookBody), nil,
		},
		"a new webhook": {
			`{"webhook_type":"BRAND_TYPE","webhook_code":"BRAND_NEW","brand_new":1}`,
			new(webhookBody),
			[]wire.Unknown{
				value("webhook_type", "BRAND_TYPE"), value("webhook_code", "BRAND_NEW"), member("brand_new"),
			},
		},
		"a webhook with a new code": {
			`{"webhook_type":"ITEM","webhook_code":"ERROR","error":{"error_type":"ITEM_ERROR","error_code":"BRAND_NEW"}}`,
			new(webhookBody),
			[]wire.Unknown{code("error.error_code", "BRAND_NEW")},
		},
		"the state of a sync": {
			`{"transactions_update_status":"BRAND_NEW"}`,
			new(syncResponse),
			[]wire.Unknown{value("transactions_update_status", "BRAND_NEW")},
		},
		"counterparties": {
			`{"added":[{"counterparties":[{"type":"merchant","confidence_level":"LOW"},{"type":"brand_new","confidence_level":"BRAND"}]}]}`,
			new(syncResponse),
			[]wire.Unknown{
				value("added[].counterparties[].type", "brand_new"),
				value("added[].counterparties[].confidence_level", "BRAND"),
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, wire.Inspect([]byte(c.body), c.into, model.Documented()))
		})
	}
}
