package moneykit

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux/adapter/wire"
	model "github.com/bankmux/bankmux/normalize/moneykit"
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
			`{"accounts":[{"account_type":"depository.brand_new"},{"account_type":"credit_card"},
			{"account_type":"loan.mortgage"},{"account_type":"brand.new"}]}`,
			new(accountsResponse),
			[]wire.Unknown{value("accounts[].account_type", "brand.new")},
		},
		"the state of a link": {
			`{"state":"connected","error_code":"auth_expired","available_products":["identity"]}`,
			new(linkData), nil,
		},
		"a new state of a link": {
			`{"state":"brand_state","error_code":"brand_new","available_products":["crypto"]}`,
			new(linkData),
			[]wire.Unknown{
				value("state", "brand_state"), code("error_code", "brand_new"), value("available_products[]", "crypto"),
			},
		},
		"a product": {
			`{"products":{"transactions":{"refreshed_at":"x","last_attempted_at":"x","error_code":"timeout",
			"error_message":null,"unavailable":null,"settings":null,"has_history":true}}}`,
			new(linkData), nil,
		},
		"a product with news": {
			`{"products":{"transactions":{"brand_new":1,"error_code":"brand_code"}}}`,
			new(linkData),
			[]wire.Unknown{code("products.*.error_code", "brand_code"), member("products.*.brand_new")},
		},
		"a row of the list of links": {
			`{"links":[{"link_id":"a","created_at":"x","brand_new":1}],"next_cursor":""}`,
			new(linksResponse),
			[]wire.Unknown{member("links[].brand_new")},
		},
		"the type of a transaction": {
			`{"transactions":{"created":[{"type":"debit"},{"type":"brand_new"}]}}`,
			new(syncResponse),
			[]wire.Unknown{value("transactions.created[].type", "brand_new")},
		},
		"a webhook": {
			`{"webhook_event":"link.state_changed","state":"error","error":"auth_expired"}`,
			new(webhookBody), nil,
		},
		"a new webhook": {
			`{"webhook_event":"link.brand_new","state":"brand_state","error":"brand_new","product":"crypto"}`,
			new(webhookBody),
			[]wire.Unknown{
				value("webhook_event", "link.brand_new"), value("state", "brand_state"),
				code("error", "brand_new"), value("product", "crypto"),
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, wire.Inspect([]byte(c.body), c.into, model.Documented()))
		})
	}
}
