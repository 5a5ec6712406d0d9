package dapi_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
	"github.com/bankmux/bankmux/virtualbank/internal/banktest"
)

func TestPayments(t *testing.T) {
	t.Parallel()
	t.Run("each request is checked and refused by type", refusedByType)
}

// payee returns a valid beneficiary.
func payee(more object) object {
	return banktest.With(object{
		"name":          "Omar Example",
		"nickname":      "Omar",
		"accountNumber": "1000000000123",
		"iban":          "AE460260001000000000123",
		"swiftCode":     "ADCBAEAA",
		"address": object{
			"line1": "12 Corniche Road",
			"line2": "Abu Dhabi",
			"line3": "United Arab Emirates",
		},
		"country":       "UNITED ARAB EMIRATES",
		"bankName":      "Abu Dhabi Commercial Bank",
		"branchName":    "Main Branch",
		"branchAddress": "Corniche Abu Dhabi",
		"type":          "local",
	}, more)
}

func refusedByType(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{Start: banktest.Start})
	_, token, secrets := c.LinkDapi("DAPIBANK_AE_ENBD")
	_, usToken, usSecrets := c.LinkDapi("DAPIBANK_US_NORTHWIND")
	account := banktest.List(c.Dapi("/data/accounts/get", token, secrets).Body, "accounts")[0]["id"]
	usAccount := banktest.List(c.Dapi("/data/accounts/get", usToken, usSecrets).Body, "accounts")[0]["id"]
	card := banktest.List(c.Dapi("/data/cards/get", token, secrets).Body, "cards")[0]["id"]
	before := c.Dapi("/data/completeAccounts/get", token, secrets).Body["accounts"]

	a := c.Dapi("/payment/beneficiaries/get", token, secrets)
	assert.Equal(t, []any{}, a.Body["beneficiaries"], "an empty list is a list")
	require.Equal(t, "done",
		c.Dapi("/payment/beneficiaries/create", token, banktest.With(secrets, payee(nil))).Body["status"])
	known := banktest.List(c.Dapi("/payment/beneficiaries/get", token, secrets).Body, "beneficiaries")
	require.Len(t, known, 1)
	assert.Equal(t, "waiting_for_confirmation", known[0]["status"])
	wire := object{"name": "Omar Example", "accountNumber": "1234567", "routingNumber": "123456780", "bankName": "Bank"}
	require.Equal(t, "done",
		c.Dapi("/wire/beneficiaries/create", usToken, banktest.With(usSecrets, wire)).Body["status"])
	receiver := banktest.List(c.Dapi("/wire/beneficiaries/get", usToken, usSecrets).Body, "beneficiaries")[0]["id"]

	pay := object{"senderID": account, "amount": 10.5, "receiverID": known[0]["id"], "remark": "Invoice 17"}
	usPay := object{"senderID": usAccount, "amount": 10.5, "receiverID": receiver}
	flow := object{
		"senderID":    account,
		"amount":      150.25,
		"beneficiary": payee(object{"iban": "AE1", "accountNumber": "2"}),
	}
	other := banktest.With
	for name, tc := range map[string]struct {
		path   string
		us     bool
		body   object
		status int
		kind   string
	}{
		"a beneficiary twice":              {"/payment/beneficiaries/create", false, payee(nil), 400, "BENEFICIARY_ALREADY_EXISTS"},
		"the same IBAN":                    {"/payment/beneficiaries/create", false, payee(object{"accountNumber": "9"}), 400, "BENEFICIARY_ALREADY_EXISTS"},
		"a beneficiary without type":       {"/payment/beneficiaries/create", false, payee(object{"type": nil}), 422, "PARAMETER_MISSING"},
		"a beneficiary of an unknown type": {"/payment/beneficiaries/create", false, payee(object{"type": "own"}), 400, "PARAMETER_ERROR"},
		"a beneficiary without name":       {"/payment/beneficiaries/create", false, payee(object{"name": ""}), 422, "PARAMETER_MISSING"},
		"a name the bank does not allow":   {"/payment/beneficiaries/create", false, payee(object{"name": "Omar 2"}), 400, "PARAMETER_ERROR"},
		"a name that is a number":          {"/payment/beneficiaries/create", false, payee(object{"name": 2}), 400, "INVALID_ARGS"},
		"a new beneficiary":                {"/payment/transfer/create", false, pay, 400, "BENEFICIARY_COOL_DOWN_PERIOD"},
		"by name and IBAN": {
			"/payment/transfer/create", false,
			object{"senderID": account, "amount": 1, "name": "Omar", "iban": "AE460260001000000000123"},
			400,
			"BENEFICIARY_COOL_DOWN_PERIOD",
		},
		"to someone unregistered": {
			"/payment/transfer/create", false,
			object{"senderID": account, "amount": 1, "name": "Omar", "iban": "AE9"},
			400, "PARAMETER_ERROR",
		},
		"without a receiver":               {"/payment/transfer/create", false, other(pay, object{"receiverID": nil}), 422, "PARAMETER_MISSING"},
		"to an unknown beneficiary":        {"/payment/transfer/create", false, other(pay, object{"receiverID": "x"}), 400, "PARAMETER_ERROR"},
		"without an account":               {"/payment/transfer/create", false, other(pay, object{"senderID": nil}), 422, "PARAMETER_MISSING"},
		"from an unknown account":          {"/payment/transfer/create", false, other(pay, object{"senderID": "x"}), 404, "INVALID_ACCOUNT_ID"},
		"from a card":                      {"/payment/transfer/create", false, other(pay, object{"senderID": card}), 404, "INVALID_ACCOUNT_ID"},
		"no amount":                        {"/payment/transfer/create", false, other(pay, object{"amount": nil}), 422, "PARAMETER_MISSING"},
		"an amount that is text":           {"/payment/transfer/create", false, other(pay, object{"amount": "10.5"}), 400, "INVALID_ARGS"},
		"three decimals":                   {"/payment/transfer/create", false, other(pay, object{"amount": 10.505}), 400, "PARAMETER_ERROR"},
		"an amount of zero":                {"/payment/transfer/create", false, other(pay, object{"amount": 0}), 400, "PARAMETER_ERROR"},
		"a negative amount":                {"/payment/transfer/create", false, other(pay, object{"amount": -5}), 400, "PARAMETER_ERROR"},
		"an amount below the minimum":      {"/payment/transfer/create", false, other(pay, object{"amount": 0.99}), 400, "PARAMETER_ERROR"},
		"an amount above the balance":      {"/payment/transfer/create", false, other(pay, object{"amount": 90000000}), 400, "INSUFFICIENT_BALANCE"},
		"a remark the bank does not allow": {"/payment/transfer/create", false, other(pay, object{"remark": "a/b"}), 400, "PARAMETER_ERROR"},
		"autoflow":                         {"/payment/transfer/autoflow", false, flow, 400, "BENEFICIARY_COOL_DOWN_PERIOD"},
		"autoflow of the Go SDK": {
			"/payment/transfer/autoflow", false,
			object{"senderID": account, "amount": 1, "Beneficiary": payee(nil), "bankID": "x"},
			400,
			"BENEFICIARY_COOL_DOWN_PERIOD",
		},
		"autoflow without a beneficiary": {"/payment/transfer/autoflow", false, other(flow, object{"beneficiary": nil}), 422, "PARAMETER_MISSING"},
		"autoflow to a word":             {"/payment/transfer/autoflow", false, other(flow, object{"beneficiary": "Omar"}), 400, "INVALID_ARGS"},
		"wire outside the US":            {"/wire/beneficiaries/get", false, nil, 400, "PARAMETER_ERROR"},
		"a wire beneficiary twice":       {"/wire/beneficiaries/create", true, wire, 400, "BENEFICIARY_ALREADY_EXISTS"},
		"a wrong routing number":         {"/wire/beneficiaries/create", true, other(wire, object{"routingNumber": "123456789"}), 400, "PARAMETER_ERROR"},
		"a wire transfer":                {"/wire/transfer/create", true, usPay, 400, "BENEFICIARY_COOL_DOWN_PERIOD"},
		"a wire transfer to the other kind": {
			"/wire/transfer/create", true, other(usPay, object{"receiverID": known[0]["id"]}), 400, "PARAMETER_ERROR",
		},
		"wire autoflow": {
			"/wire/transfer/autoflow", true,
			object{"senderID": usAccount, "amount": 5, "beneficiary": other(wire, object{"accountNumber": "8"})},
			400,
			"BENEFICIARY_COOL_DOWN_PERIOD",
		},
		"an ACH pull":                {"/ach/pull/create", true, object{"amount": 5}, 400, "PARAMETER_ERROR"},
		"an ACH pull without amount": {"/ach/pull/create", true, nil, 422, "PARAMETER_MISSING"},
		"ACH pulls":                  {"/ach/pull/get", true, nil, 400, "PARAMETER_ERROR"},
		"loading a card":             {"/nymcard/funds/load", false, object{"amount": 5}, 400, "PARAMETER_ERROR"},
		"batch metadata":             {"/batch/metadata/get", false, nil, 400, "PARAMETER_ERROR"},
		"batch transfers":            {"/batch/transfers/get", false, object{"fromDate": "2026-11-01", "toDate": "2026-11-02"}, 400, "PARAMETER_ERROR"},
		"batches without days":       {"/batch/transfers/get", false, nil, 422, "PARAMETER_MISSING"},
		"a batch's items":            {"/batch/items/get", false, object{"reference": "x"}, 400, "PARAMETER_ERROR"},
		"items without a batch":      {"/batch/items/get", false, nil, 422, "PARAMETER_MISSING"},
		"a batch file": {
			"/batch/file/create", false,
			object{"sender": object{"iban": "x"}, "type": "local", "items": []object{{}}},
			400, "PARAMETER_ERROR",
		},
		"a batch without items": {"/batch/transfers/create", false, object{"senderID": account, "type": "local", "items": []object{}}, 400, "INVALID_ARGS"},
		"a batch from an unknown account": {
			"/batch/transfers/create", false,
			object{"senderID": "x", "type": "local", "items": []object{{}}},
			404,
			"INVALID_ACCOUNT_ID",
		},
		"without the secrets": {"/payment/beneficiaries/get", false, object{"userSecret": nil}, 400, "INVALID_ARGS"},
	} {
		t.Run(name, func(t *testing.T) {
			bearer, body := token, banktest.With(secrets, tc.body)
			if tc.us {
				bearer, body = usToken, banktest.With(usSecrets, tc.body)
			}
			a := c.Dapi(tc.path, bearer, body)
			assert.Equal(t, tc.status, a.Status, a.Body)
			assert.Equal(t, tc.kind, a.Body["type"], a.Body)
			assert.Equal(t, "failed", a.Body["status"])
			assert.NotEmpty(t, a.Body["msg"])
		})
	}
	assert.Equal(t, before, c.Dapi("/data/completeAccounts/get", token, secrets).Body["accounts"], "no money moved")

	c.Bank.Advance(90 * time.Minute)
	a = c.Dapi("/payment/transfer/create", token, banktest.With(secrets, pay))
	assert.Equal(t, object{"value": 23.0, "unit": "hrs"}, a.Body["coolDownPeriod"], "what is left, rounded up")
	c.Bank.Advance(23 * time.Hour)
	a = c.Dapi("/payment/transfer/create", token, banktest.With(secrets, pay))
	assert.Equal(t, "BENEFICIARY_NOT_ACTIVATED", a.Body["type"])
	assert.NotEmpty(t, a.Body["operationID"])
}
