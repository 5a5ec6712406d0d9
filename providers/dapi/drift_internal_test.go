package dapi

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux/adapter/wire"
	model "github.com/bankmux/bankmux/normalize/dapi"
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
		"a question": {
			`{"status":"user_input_required","userInputs":[{"id":"otp","index":0,"query":"x","queryType":"txt","answer":""}]}`,
			new(accountsResponse), nil,
		},
		"a new question": {
			`{"status":"user_input_required","userInputs":[{"id":"face_scan","index":0,"brandNew":1}]}`,
			new(accountsResponse),
			[]wire.Unknown{value("userInputs[].id", "face_scan"), member("userInputs[].brandNew")},
		},
		"a new status": {
			`{"status":"brand_new"}`,
			new(accountsResponse),
			[]wire.Unknown{value("status", "brand_new")},
		},
		"account types and currencies": {
			`{"accounts":[{"type":"current","currency":{"code":"AED","name":"x"}},
			{"type":"brand_new","currency":{"code":"AED","brandNew":1}},{"currency":"AED"}]}`,
			new(accountsResponse),
			[]wire.Unknown{value("accounts[].type", "brand_new"), member("accounts[].currency.brandNew")},
		},
		"a failure with a period": {
			`{"success":false,"status":"failed","type":"BENEFICIARY_COOL_DOWN_PERIOD","msg":"m","code":3,"coolDownPeriod":{"value":24,"unit":"hrs"}}`,
			new(accountsResponse), nil,
		},
		"a webhook": {
			`{"event":"connection.state_changed","state":"error","errorType":"INVALID_CREDENTIALS"}`,
			new(webhookBody), nil,
		},
		"a new webhook": {
			`{"event":"brand.new","state":"brand_state","errorType":"BRAND_NEW"}`,
			new(webhookBody),
			[]wire.Unknown{value("event", "brand.new"), value("state", "brand_state"), code("errorType", "BRAND_NEW")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, wire.Inspect([]byte(c.body), c.into, model.Documented()))
		})
	}
}
