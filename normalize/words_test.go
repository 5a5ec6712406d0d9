package normalize_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux/normalize"
)

// TestWords specifies what is kept of a provider's sentences.
func TestWords(t *testing.T) {
	t.Parallel()
	t.Run("only field names and codes are kept", onlyFieldNamesAndCodesAreKept)
	t.Run("an address of documentation is kept by its form", anAddressOfDocumentationIsKeptByItsForm)
}

func onlyFieldNamesAndCodesAreKept(t *testing.T) {
	t.Parallel()
	t.Run("the field that a sentence names", func(t *testing.T) {
		t.Parallel()
		for sentence, want := range map[string]string{
			"Validation error on field 'connectionID'":                                     "connectionID",
			"Field 'accountID' failed validation: empty value":                             "accountID",
			`Field "fromDate" failed validation: "2026-13-01" is not a day`:                "fromDate",
			"Key: 'accessCode' Error:Field validation for 'accessCode' failed on required": "accessCode",
			"`remark2` is a required field":                                                "remark2",
			"missing required parameter: 'userSecret'":                                     "userSecret",
			"parameter 'beneficiary.lines[0].line1' must not be empty":                     "beneficiary.lines[0].line1",
			"Missing 'customer_user.id'":                                                   "customer_user.id",
			"field name: ‘toDate’ is wrong":                                                "toDate",
			"INVALID FIELD 'CARDID'":                                                       "CARDID",
			"":                                                                             "",
			// digits in the middle belong to values
			"the value 'hunter2hunter2' is wrong":                               "",
			"field 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0' is wrong": "",
			"Field '4d1e2f7a9b' failed":                                         "",
			"Field 'rosa@example.com' failed":                                   "",
			"Field 'line\nbreak' failed":                                        "",
			"Field 'x\x1b[31mred' failed":                                       "",
			"Field '" + strings.Repeat("a", 200) + "' failed":                   "",
			strings.Repeat("x", 2000) + " field 'connectionID'":                 "",
			"The login credentials are no longer accepted by the bank":          "",
			"account 'AE070331234567890123456' is wrong":                        "",
			"the value 'hunter' is wrong":                                       "",
			"'hunter' is not the password":                                      "",
			"invalid 'hunter'":                                                  "",
			"Invalid API key 'abcdefgh'":                                        "",
			"'accountID' must not be empty":                                     "accountID",
			"field 'userName' has the value 'hunter'":                           "userName",
		} {
			assert.Equal(t, want, normalize.NewFields().In(sentence), "%q", sentence)
		}
	})
	t.Run("a reason that is a code", func(t *testing.T) {
		t.Parallel()
		for text, want := range map[string]string{
			"institution_migration": "institution_migration", "maintenance": "maintenance", "INSTITUTION_DOWN": "INSTITUTION_DOWN",
			"link_error.bad_state": "link_error.bad_state", "oauth2_required": "oauth2_required", "not-supported": "not-supported",
			"": "", "the institution does not serve it any more": "", "Rosa Diaz": "", "4d1e2f7a9b": "", "sk_live_51H8a9b2": "",
			"eyJhbGci": "", "a\nb": "", "code\n": "", strings.Repeat("a", 61): "", "rosa@example.com": "", "_x": "",
		} {
			assert.Equal(t, want, normalize.Reason(text), "%q", text)
		}
	})
	t.Run("a page of the provider's own documentation", func(t *testing.T) {
		t.Parallel()
		const page = "https://docs.moneykit.com/errors/link_error.bad_state#reconnect"
		for text, want := range map[string]string{
			page: page, "https://moneykit.com/docs": "https://moneykit.com/docs",
			"https://DOCS.moneykit.com/a":             "https://docs.moneykit.com/a",
			"https://docs.example.com/errors":         "https://docs.example.com/errors",
			"https://docs.example.com/v2/errors.html": "https://docs.example.com/v2/errors.html",
			"": "", "http://docs.moneykit.com/errors": "", "https://docs.moneykit.com/errors?token=abc": "", "https://docs.moneykit.com/errors?": "",
			"https://user:pass@docs.moneykit.com/": "", "https://docs.moneykit.com:8443/": "", "https://127.0.0.1/errors": "", "https://localhost/errors": "",
			"https://docs.moneykit.com/eyJhbGciOiJIUzI1NiJ9": "", "https://docs.moneykit.com/4d1e2f7a9b": "", "https://docs.moneykit.com/a%20b": "",
			"https://docs.moneykit.com/sk_live_51H8a9b2": "", "javascript:alert(1)": "", "https://docs.moneykit.com/a#b?c=d": "",
			"\nhttps://docs.moneykit.com/": "", "https://docs.moneykit.com/" + strings.Repeat("a/", 200): "",
		} {
			assert.Equal(t, want, normalize.DocsURL(text, "moneykit.com"), "%q", text)
		}
	})
}

func anAddressOfDocumentationIsKeptByItsForm(t *testing.T) {
	t.Parallel()
	t.Run("pages of codes, versions and words are kept", func(t *testing.T) {
		t.Parallel()
		for _, page := range []string{
			"https://docs.moneykit.com/reference/422", "https://docs.moneykit.com/2023-02-18/errors",
			"https://docs.moneykit.com/reference/422.html",
			"https://docs.moneykit.com/errors#422", "https://docs.moneykit.com/error-codes/rate_limit",
			"https://docs.moneykit.com/",
			"https://docs.moneykit.com", "https://www.moneykit.com/docs/errors", "https://developer.example.com/a",
			"https://developers.example.com/a/",
			"https://docs.moneykit.com/reference/createLinkSession#operation/create",
			"https://docs.moneykit.com/v2/2024-12-31/errors.html",
			"https://docs.moneykit.com/a" + strings.Repeat("_a", 9),
		} {
			assert.Equal(t, page, normalize.DocsURL(page, "moneykit.com"))
		}
	})
	t.Run("other hosts and anything that could belong to a user are dropped", func(t *testing.T) {
		t.Parallel()
		for _, text := range []string{
			"https://rosa.diaz.example/a", "https://example.com/docs", "https://moneykit.com.evil.example/a",
			"https://notmoneykit.com/a",
			"https://docs/a", "https://mydocs.example.com/a", "https://rosa.diaz.moneykit.com/a",
			"https://moneykit.com./a",
			"https://docs.moneykit.com/4d1e2f7a9b", "https://docs.moneykit.com/sk_live_51H8a9b2",
			"https://docs.moneykit.com/errors#sk_live_51H8a9b2",
			"https://docs.moneykit.com/1234", "https://docs.moneykit.com/42", "https://docs.moneykit.com/1990-05-17",
			"https://docs.moneykit.com/2023-13-18",
			"https://docs.moneykit.com/2023-02-32", "https://docs.moneykit.com/422-17-0042",
			"https://docs.moneykit.com/4222-0218", "https://docs.moneykit.com/user123",
			"https://docs.moneykit.com/rosa@example.com", "https://docs.moneykit.com/~rosa",
			"https://docs.moneykit.com/2023-02-18T10", "https://docs.moneykit.com/../a",
			"https://docs.moneykit.com/" + strings.Repeat("a", 31),
			"https://docs.moneykit.com/a" + strings.Repeat("_a", 10),
			"https://docs.moneykit.com/" + strings.Repeat("errors/", 40),
		} {
			assert.Empty(t, normalize.DocsURL(text, "moneykit.com"), "%q", text)
		}
	})
	t.Run("a domain is the provider's own only if the adapter names it", func(t *testing.T) {
		t.Parallel()
		for _, page := range []string{"https://moneykit.com/docs", "https://www.moneykit.com/docs/errors"} {
			assert.Empty(t, normalize.DocsURL(page))
			assert.Empty(t, normalize.DocsURL(page, "example.com"))
			assert.Equal(t, page, normalize.DocsURL(page, "example.com", "moneykit.com"))
		}
		assert.Empty(t, normalize.DocsURL("https://moneykitxcom/docs", "moneykit.com"))
	})
}
