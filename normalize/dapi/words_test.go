package dapi_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux/normalize/dapi"
)

// TestFieldIn specifies field names in messages.
func TestFieldIn(t *testing.T) {
	t.Parallel()
	t.Run(
		"a field without quotation marks is found if Dapi's requests have it",
		aFieldWithoutQuotationMarksIsFoundIfDapisRequestsHaveIt,
	)
}

func aFieldWithoutQuotationMarksIsFoundIfDapisRequestsHaveIt(t *testing.T) {
	t.Parallel()
	for sentence, want := range map[string]string{
		"Field connectionID is required":                            "connectionID",
		"missing field accountID":                                   "accountID",
		"connectionID is required":                                  "connectionID",
		"connectionID required":                                     "connectionID",
		"userSecret is missing":                                     "userSecret",
		"missing accessCode":                                        "accessCode",
		"Missing required parameter: toDate.":                       "toDate",
		"the field fromDate failed validation: hunter":              "fromDate",
		"The cardID field is required":                              "cardID",
		"The 'cardID' field is required":                            "cardID",
		"accountID: missing":                                        "accountID",
		"accountID is invalid":                                      "accountID",
		"amount must be a number":                                   "amount",
		"fromDate failed validation":                                "fromDate",
		"invalid toDate":                                            "toDate",
		"invalid hunter":                                            "",
		"hunter must be a number":                                   "",
		"Field name is required":                                    "name",
		"field name senderID is required":                           "senderID",
		"validation error on field receiverID":                      "receiverID",
		"Field validation for amount failed on the required tag":    "amount",
		"field beneficiary.address.line1 must not be empty":         "beneficiary.address.line1",
		"items[3].amount must be set":                               "items[3].amount",
		"remark2 cannot be empty":                                   "remark2",
		"field accountID is wrong, use 'hunter'":                    "accountID",
		"field hunter is required":                                  "",
		"Rosa is required":                                          "",
		"missing field rosa":                                        "",
		"missing Diaz":                                              "",
		"field name.rosa is required":                               "",
		"field nameRosa is required":                                "",
		"field accountIDhunter is required":                         "",
		"field accountID.hunter is required":                        "",
		"field accountID@rosa.example is required":                  "",
		"Invalid field type for a transfer":                         "",
		"the bank is missing address validation":                    "",
		"a fieldname is required":                                   "",
		"Rosa's name is required":                                   "",
		"The country is not served":                                 "",
		"name":                                                      "",
		"4d1e2f7a9b is required":                                    "",
		strings.Repeat("x", 2000) + " field connectionID is absent": "",
	} {
		assert.Equal(t, want, dapi.FieldIn(sentence), "%q", sentence)
	}
}
