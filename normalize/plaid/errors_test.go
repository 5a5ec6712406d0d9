package plaid_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
	"github.com/bankmux/bankmux/normalize/plaid"
)

// TestErrors specifies the error table.
func TestErrors(t *testing.T) {
	t.Parallel()
	t.Run("each code of Plaid has its meaning", eachCodeOfPlaidHasItsMeaning)
	t.Run("an unlisted code has the meaning of its type", anUnlistedCodeHasTheMeaningOfItsType)
	t.Run("an unlisted type is classified by status", anUnlistedTypeIsClassifiedByStatus)
	t.Run("trouble of one Item affects its connection", troubleOfOneItemAffectsItsConnection)
	t.Run("the reason of a code is in the detail", theReasonOfACodeIsInTheDetail)
}

// want is what a code must become; the codes are those of Plaid's documentation.
type want struct {
	class, code string
	status      int
	kind        bankmux.Kind
	scope       bankmux.Scope
}

// The types, as Plaid names them.
const (
	request  = "INVALID_REQUEST"
	input    = "INVALID_INPUT"
	item     = "ITEM_ERROR"
	bank     = "INSTITUTION_ERROR"
	limit    = "RATE_LIMIT_EXCEEDED"
	internal = "API_ERROR"
	sandbox  = "SANDBOX_ERROR"
)

func eachCodeOfPlaidHasItsMeaning(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, w := range []want{
		{request, "MISSING_FIELDS", 400, bankmux.ErrInvalid, bankmux.ScopeCall},
		{request, "UNKNOWN_FIELDS", 400, bankmux.ErrInvalid, bankmux.ScopeCall},
		{request, "INVALID_FIELD", 400, bankmux.ErrInvalid, bankmux.ScopeCall},
		{request, "INVALID_CONFIGURATION", 400, bankmux.ErrInvalid, bankmux.ScopeCall},
		{request, "INCOMPATIBLE_API_VERSION", 400, bankmux.ErrInvalid, bankmux.ScopeCall},
		{request, "INVALID_BODY", 400, bankmux.ErrInvalid, bankmux.ScopeCall},
		{request, "INVALID_HEADERS", 400, bankmux.ErrInvalid, bankmux.ScopeCall},
		{request, "NOT_FOUND", 404, bankmux.ErrInvalid, bankmux.ScopeCall},
		{request, "NO_LONGER_AVAILABLE", 404, bankmux.ErrUnsupported, bankmux.ScopeCall},
		{request, "SANDBOX_ONLY", 400, bankmux.ErrUnsupported, bankmux.ScopeCall},
		{input, "INVALID_API_KEYS", 400, bankmux.ErrCredentials, bankmux.ScopeApp},
		{input, "UNAUTHORIZED_ENVIRONMENT", 400, bankmux.ErrNotPermitted, bankmux.ScopeApp},
		{input, "UNAUTHORIZED_ROUTE_ACCESS", 400, bankmux.ErrNotPermitted, bankmux.ScopeApp},
		{input, "INVALID_PRODUCT", 400, bankmux.ErrNotPermitted, bankmux.ScopeApp},
		{input, "INVALID_LINK_CUSTOMIZATION", 400, bankmux.ErrNotPermitted, bankmux.ScopeApp},
		{input, "INVALID_INSTITUTION", 400, bankmux.ErrNotFound, bankmux.ScopeCall},
		{input, "INVALID_ACCOUNT_ID", 400, bankmux.ErrNotFound, bankmux.ScopeCall},
		{input, "INVALID_PUBLIC_TOKEN", 400, bankmux.ErrTokenSpent, bankmux.ScopeCall},
		{input, "INVALID_LINK_TOKEN", 400, bankmux.ErrTokenSpent, bankmux.ScopeCall},
		{input, "INVALID_ACCESS_TOKEN", 400, bankmux.ErrNotFound, bankmux.ScopeConnection},
		{input, "INVALID_WEBHOOK_VERIFICATION_KEY_ID", 400, bankmux.ErrNotFound, bankmux.ScopeCall},
		{input, "INVALID_USER_ID", 400, bankmux.ErrInvalid, bankmux.ScopeCall},
		{input, "INVALID_USER_TOKEN", 400, bankmux.ErrInvalid, bankmux.ScopeCall},
		{"USER_ERROR", "INVALID_USER_IDENTITY_DATA", 403, bankmux.ErrInvalid, bankmux.ScopeCall},
		{"INVALID_RESULT", "LAST_UPDATED_DATETIME_OUT_OF_RANGE", 400, bankmux.ErrInstitution, bankmux.ScopeInstitution},
		{sandbox, "SANDBOX_PRODUCT_NOT_ENABLED", 400, bankmux.ErrInvalid, bankmux.ScopeCall},
		{sandbox, "SANDBOX_WEBHOOK_INVALID", 400, bankmux.ErrInvalid, bankmux.ScopeCall},

		{item, "ITEM_LOGIN_REQUIRED", 400, bankmux.ErrReauth, bankmux.ScopeConnection},
		{item, "INVALID_CREDENTIALS", 400, bankmux.ErrReauth, bankmux.ScopeConnection},
		{item, "INVALID_MFA", 400, bankmux.ErrReauth, bankmux.ScopeConnection},
		{item, "INVALID_SEND_METHOD", 400, bankmux.ErrReauth, bankmux.ScopeConnection},
		{item, "INSUFFICIENT_CREDENTIALS", 400, bankmux.ErrReauth, bankmux.ScopeConnection},
		{item, "INVALID_OTP", 400, bankmux.ErrReauth, bankmux.ScopeConnection},
		{item, "INVALID_PHONE_NUMBER", 400, bankmux.ErrReauth, bankmux.ScopeConnection},
		{item, "USER_INPUT_TIMEOUT", 400, bankmux.ErrReauth, bankmux.ScopeConnection},
		{item, "INVALID_UPDATED_USERNAME", 400, bankmux.ErrGone, bankmux.ScopeConnection},
		{item, "ITEM_LOCKED", 400, bankmux.ErrReauth, bankmux.ScopeConnection},
		{item, "USER_SETUP_REQUIRED", 400, bankmux.ErrReauth, bankmux.ScopeConnection},
		{item, "PASSWORD_RESET_REQUIRED", 400, bankmux.ErrReauth, bankmux.ScopeConnection},
		{item, "ACCESS_NOT_GRANTED", 400, bankmux.ErrConsent, bankmux.ScopeConnection},
		{input, "ADDITIONAL_CONSENT_REQUIRED", 400, bankmux.ErrConsent, bankmux.ScopeConnection},
		{item, "ITEM_NOT_FOUND", 400, bankmux.ErrGone, bankmux.ScopeConnection},
		{input, "USER_PERMISSION_REVOKED", 400, bankmux.ErrGone, bankmux.ScopeConnection},
		{item, "ITEM_CONCURRENTLY_DELETED", 400, bankmux.ErrGone, bankmux.ScopeConnection},
		{item, "ITEM_NOT_SUPPORTED", 400, bankmux.ErrUnsupported, bankmux.ScopeConnection},
		{item, "MFA_NOT_SUPPORTED", 400, bankmux.ErrUnsupported, bankmux.ScopeConnection},
		{item, "NO_ACCOUNTS", 400, bankmux.ErrNotFound, bankmux.ScopeConnection},
		{item, "NO_AUTH_ACCOUNTS", 400, bankmux.ErrNotFound, bankmux.ScopeConnection},
		{item, "no-depository-accounts", 400, bankmux.ErrNotFound, bankmux.ScopeConnection},
		{item, "NO_INVESTMENT_ACCOUNTS", 400, bankmux.ErrNotFound, bankmux.ScopeConnection},
		{item, "NO_LIABILITY_ACCOUNTS", 400, bankmux.ErrNotFound, bankmux.ScopeConnection},
		{item, "PRODUCT_NOT_READY", 400, bankmux.ErrNotReady, bankmux.ScopeConnection},
		{item, "PRODUCTS_NOT_SUPPORTED", 400, bankmux.ErrUnsupported, bankmux.ScopeConnection},
		{item, "PRODUCT_NOT_ENABLED", 400, bankmux.ErrConsent, bankmux.ScopeConnection},
		{"OAUTH_ERROR", "OAUTH_STATE_ID_ALREADY_PROCESSED", 400, bankmux.ErrUserAction, bankmux.ScopeCall},
		{"OAUTH_ERROR", "OAUTH_STATE_ID_NOT_FOUND", 400, bankmux.ErrUserAction, bankmux.ScopeCall},
		{"OAUTH_ERROR", "INCORRECT_OAUTH_NONCE", 400, bankmux.ErrUserAction, bankmux.ScopeCall},
		{"OAUTH_ERROR", "INCORRECT_LINK_TOKEN", 400, bankmux.ErrUserAction, bankmux.ScopeCall},
		{"TRANSACTIONS_ERROR", plaid.CodeMutation, 400, bankmux.ErrUnavailable, bankmux.ScopeConnection},

		{bank, "INSTITUTION_DOWN", 400, bankmux.ErrInstitution, bankmux.ScopeInstitution},
		{bank, "INSTITUTION_NOT_RESPONDING", 400, bankmux.ErrInstitution, bankmux.ScopeInstitution},
		{bank, "INSTITUTION_NOT_AVAILABLE", 400, bankmux.ErrInstitution, bankmux.ScopeInstitution},
		{bank, "INSTITUTION_NO_LONGER_SUPPORTED", 400, bankmux.ErrUnsupported, bankmux.ScopeInstitution},
		{bank, "UNSUPPORTED_RESPONSE", 400, bankmux.ErrInstitution, bankmux.ScopeInstitution},
		{bank, "UNAUTHORIZED_INSTITUTION", 400, bankmux.ErrNotPermitted, bankmux.ScopeApp},
		{bank, "INSTITUTION_REGISTRATION_REQUIRED", 400, bankmux.ErrNotPermitted, bankmux.ScopeApp},
		{bank, "INSTITUTION_NOT_ENABLED_IN_ENVIRONMENT", 400, bankmux.ErrNotPermitted, bankmux.ScopeApp},

		{internal, "INTERNAL_SERVER_ERROR", 500, bankmux.ErrUnavailable, bankmux.ScopeProvider},
		{internal, "plaid-internal-error", 500, bankmux.ErrUnavailable, bankmux.ScopeProvider},
		{internal, "PLANNED_MAINTENANCE", 503, bankmux.ErrUnavailable, bankmux.ScopeProvider},

		{limit, "ACCOUNTS_LIMIT", 429, bankmux.ErrRateLimited, bankmux.ScopeApp},
		{limit, "BALANCE_LIMIT", 429, bankmux.ErrRateLimited, bankmux.ScopeApp},
		{limit, "ACCOUNTS_BALANCE_GET_LIMIT", 429, bankmux.ErrRateLimited, bankmux.ScopeApp},
		{limit, "AUTH_LIMIT", 429, bankmux.ErrRateLimited, bankmux.ScopeApp},
		{limit, "IDENTITY_LIMIT", 429, bankmux.ErrRateLimited, bankmux.ScopeApp},
		{limit, "TRANSACTIONS_SYNC_LIMIT", 429, bankmux.ErrRateLimited, bankmux.ScopeApp},
		{limit, "TRANSACTIONS_LIMIT", 429, bankmux.ErrRateLimited, bankmux.ScopeApp},
		{limit, "TRANSACTIONS_REFRESH_LIMIT", 429, bankmux.ErrRateLimited, bankmux.ScopeApp},
		{limit, "INVESTMENT_HOLDINGS_GET_LIMIT", 429, bankmux.ErrRateLimited, bankmux.ScopeApp},
		{limit, "INVESTMENT_TRANSACTIONS_LIMIT", 429, bankmux.ErrRateLimited, bankmux.ScopeApp},
		{limit, "ITEM_GET_LIMIT", 429, bankmux.ErrRateLimited, bankmux.ScopeApp},
		{limit, "INSTITUTIONS_GET_LIMIT", 429, bankmux.ErrRateLimited, bankmux.ScopeApp},
		{limit, "INSTITUTIONS_GET_BY_ID_LIMIT", 429, bankmux.ErrRateLimited, bankmux.ScopeApp},
		{limit, "RATE_LIMIT", 429, bankmux.ErrRateLimited, bankmux.ScopeApp},
		{limit, "INSTITUTION_RATE_LIMIT", 429, bankmux.ErrRateLimited, bankmux.ScopeInstitution},
		{limit, "CREDITS_EXHAUSTED", 429, bankmux.ErrQuota, bankmux.ScopeApp},
		{limit, "TRIAL_CONNECTION_LIMIT", 429, bankmux.ErrQuota, bankmux.ScopeApp},
		{limit, "ADDITION_LIMIT", 429, bankmux.ErrQuota, bankmux.ScopeApp},
	} {
		e := plaid.Error(normalize.Failure{Class: w.class, Code: w.code, Status: w.status}, false)
		assert.Equal(t, w.kind, e.Kind, w.code)
		assert.Equal(t, w.scope, e.Affects(), w.code)
		assert.Equal(t, w.code, e.Code)
		assert.NotEmpty(t, e.Detail, w.code)
		assert.False(t, e.Unlisted, w.code)
		seen[w.code] = true
	}
	require.NotEmpty(t, plaid.Catalogue().Rows())
	for _, r := range plaid.Catalogue().Rows() {
		assert.True(t, r.Code == "" || seen[r.Code], "row %s is not tested", r.Code)
	}
}

func anUnlistedCodeHasTheMeaningOfItsType(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for class, kind := range map[string]bankmux.Kind{
		request: bankmux.ErrInvalid, input: bankmux.ErrInvalid, "INVALID_RESULT": bankmux.ErrInstitution,
		bank: bankmux.ErrInstitution, limit: bankmux.ErrRateLimited, internal: bankmux.ErrUnavailable,
		item: bankmux.ErrReauth, "TRANSACTIONS_ERROR": bankmux.ErrUnavailable, "OAUTH_ERROR": bankmux.ErrUserAction,
		"RECAPTCHA_ERROR": bankmux.ErrUserAction, "USER_ERROR": bankmux.ErrInvalid, sandbox: bankmux.ErrInvalid,
	} {
		for _, code := range []string{"BRAND_NEW", ""} {
			e := plaid.Error(normalize.Failure{Class: class, Code: code, Status: 400}, false)
			assert.Equal(t, kind, e.Kind, class)
			assert.False(t, e.Unlisted, class)
			assert.NotEmpty(t, e.Code, class)
		}
		seen[class] = true
	}
	for _, r := range plaid.Catalogue().Rows() {
		assert.True(t, r.Class == "" || seen[r.Class], "row %s is not tested", r.Class)
	}
}

func theReasonOfACodeIsInTheDetail(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]string{
		"OAUTH_CONSENT_EXPIRED": "the login has ended: the consent at the bank has expired",
		"OAUTH_INVALID_TOKEN":   "the login has ended: the bank refuses Plaid's token",
		"OAUTH_USER_REVOKED":    "the login has ended: the user withdrew the consent at the bank",
		"a planted sentence":    "the login has ended",
		"":                      "the login has ended",
	} {
		assert.Equal(t, want, plaid.Detail("the login has ended", reason))
	}
}

func anUnlistedTypeIsClassifiedByStatus(t *testing.T) {
	t.Parallel()
	for status, kind := range map[int]bankmux.Kind{
		400: bankmux.ErrInvalid, 403: bankmux.ErrNotPermitted, 429: bankmux.ErrRateLimited, 500: bankmux.ErrUnavailable,
	} {
		e := plaid.Error(normalize.Failure{Class: "PAYMENT_ERROR", Code: "BRAND_NEW", Status: status}, false)
		assert.Equal(t, kind, e.Kind, status)
		assert.True(t, e.Unlisted, status)
		assert.False(t, e.Repeatable(bankmux.Read), status)
	}
}

func troubleOfOneItemAffectsItsConnection(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		said  normalize.Failure
		scope bankmux.Scope
	}{
		{normalize.Failure{Class: internal, Code: "INTERNAL_SERVER_ERROR", Status: 500}, bankmux.ScopeConnection},
		{normalize.Failure{Class: internal, Code: "plaid-internal-error", Status: 500}, bankmux.ScopeConnection},
		{normalize.Failure{Code: "INTERNAL_SERVER_ERROR", Status: 500}, bankmux.ScopeConnection},
		{normalize.Failure{Class: internal, Code: "BRAND_NEW", Status: 500}, bankmux.ScopeConnection},
		{normalize.Failure{Class: internal, Code: "PLANNED_MAINTENANCE", Status: 503}, bankmux.ScopeProvider},
		{normalize.Failure{Status: 500}, bankmux.ScopeProvider},
		{normalize.Failure{Class: limit, Code: "ITEM_GET_LIMIT", Status: 429}, bankmux.ScopeConnection},
		{normalize.Failure{Class: limit, Code: "BRAND_NEW_LIMIT", Status: 429}, bankmux.ScopeConnection},
		{normalize.Failure{Class: limit, Code: "ACCOUNTS_BALANCE_GET_LIMIT", Status: 429}, bankmux.ScopeApp},
		{normalize.Failure{Class: limit, Code: "INSTITUTION_RATE_LIMIT", Status: 429}, bankmux.ScopeInstitution},
		{normalize.Failure{Status: 429}, bankmux.ScopeApp},
		{normalize.Failure{Class: item, Code: "ITEM_LOGIN_REQUIRED", Status: 400}, bankmux.ScopeConnection},
		{normalize.Failure{Class: input, Code: "INVALID_API_KEYS", Status: 400}, bankmux.ScopeApp},
	} {
		assert.Equal(t, c.scope, plaid.Error(c.said, true).Affects(), "%+v", c.said)
	}
}
