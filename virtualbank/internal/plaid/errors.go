package plaid

// This file has Plaid's errors.

import (
	"maps"
	"net/http"
	"strings"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// code is an error of Plaid's: its type, its code and its HTTP status.
type code struct {
	kind, name string
	status     int
	display    string // for users; "" is null
}

// The errors that the bank gives. Nearly all of them are 400.
var (
	missingFields   = code{kind: "INVALID_REQUEST", name: "MISSING_FIELDS"}
	unknownFields   = code{kind: "INVALID_REQUEST", name: "UNKNOWN_FIELDS"}
	invalidField    = code{kind: "INVALID_REQUEST", name: "INVALID_FIELD"}
	oldVersion      = code{kind: "INVALID_REQUEST", name: "INCOMPATIBLE_API_VERSION"}
	invalidBody     = code{kind: "INVALID_REQUEST", name: "INVALID_BODY"}
	invalidHeaders  = code{kind: "INVALID_REQUEST", name: "INVALID_HEADERS"}
	notFound        = code{kind: "INVALID_REQUEST", name: "NOT_FOUND", status: http.StatusNotFound}
	invalidKeys     = code{kind: "INVALID_INPUT", name: "INVALID_API_KEYS"}
	invalidProduct  = code{kind: "INVALID_INPUT", name: "INVALID_PRODUCT"}
	noInstitution   = code{kind: "INVALID_INPUT", name: "INVALID_INSTITUTION"}
	invalidAccount  = code{kind: "INVALID_INPUT", name: "INVALID_ACCOUNT_ID"}
	badPublicToken  = code{kind: "INVALID_INPUT", name: "INVALID_PUBLIC_TOKEN"}
	badLinkToken    = code{kind: "INVALID_INPUT", name: "INVALID_LINK_TOKEN"}
	badAccessToken  = code{kind: "INVALID_INPUT", name: "INVALID_ACCESS_TOKEN"}
	badKeyID        = code{kind: "INVALID_INPUT", name: "INVALID_WEBHOOK_VERIFICATION_KEY_ID"}
	badUserID       = code{kind: "INVALID_INPUT", name: "INVALID_USER_ID"}
	consentRequired = code{kind: "INVALID_INPUT", name: "ADDITIONAL_CONSENT_REQUIRED"}
	revoked         = code{kind: "INVALID_INPUT", name: "USER_PERMISSION_REVOKED"}

	loginRequired   = code{kind: "ITEM_ERROR", name: "ITEM_LOGIN_REQUIRED"}
	itemNotFound    = code{kind: "ITEM_ERROR", name: "ITEM_NOT_FOUND"}
	noAuthAccounts  = code{kind: "ITEM_ERROR", name: "NO_AUTH_ACCOUNTS"}
	noInvestments   = code{kind: "ITEM_ERROR", name: "NO_INVESTMENT_ACCOUNTS"}
	noLiabilities   = code{kind: "ITEM_ERROR", name: "NO_LIABILITY_ACCOUNTS"}
	notReady        = code{kind: "ITEM_ERROR", name: "PRODUCT_NOT_READY"}
	notSupported    = code{kind: "ITEM_ERROR", name: "PRODUCTS_NOT_SUPPORTED"}
	notEnabled      = code{kind: "ITEM_ERROR", name: "PRODUCT_NOT_ENABLED"}
	wrongLogin      = code{kind: "ITEM_ERROR", name: "INVALID_CREDENTIALS", display: "The credentials are not correct."}
	mutated         = code{kind: "TRANSACTIONS_ERROR", name: "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION"}
	institutionDown = code{
		kind: "INSTITUTION_ERROR", name: "INSTITUTION_DOWN",
		display: "This financial institution is not responding. Please try again later.",
	}

	sandboxProduct = code{kind: "SANDBOX_ERROR", name: "SANDBOX_PRODUCT_NOT_ENABLED"}
	sandboxWebhook = code{kind: "SANDBOX_ERROR", name: "SANDBOX_WEBHOOK_INVALID"}

	internalError = code{kind: "API_ERROR", name: "INTERNAL_SERVER_ERROR", status: http.StatusInternalServerError}
	maintenance   = code{kind: "API_ERROR", name: "PLANNED_MAINTENANCE", status: http.StatusServiceUnavailable}

	rateLimit        = code{kind: "RATE_LIMIT_EXCEEDED", name: "RATE_LIMIT", status: http.StatusTooManyRequests}
	institutionLimit = code{
		kind: "RATE_LIMIT_EXCEEDED", name: "INSTITUTION_RATE_LIMIT", status: http.StatusTooManyRequests,
	}
	quotaReached = code{
		kind: "RATE_LIMIT_EXCEEDED", name: "TRIAL_CONNECTION_LIMIT", status: http.StatusTooManyRequests,
	}
)

// envelope is an error as bodies, Items and webhooks have it. suggested_action and
// documentation_url are as third parties saw them.
func (c code) envelope(message string) map[string]any {
	return map[string]any{
		"error_type":        c.kind,
		"error_code":        c.name,
		"error_message":     message,
		"display_message":   bank.Nullable(c.display),
		"documentation_url": "https://plaid.com/docs/?ref=error#" + strings.ToLower(c.kind) + "-errors",
		"suggested_action":  nil,
	}
}

// refuse answers a request with an error.
func refuse(c code, message string) bank.Reply {
	status := c.status
	if status == 0 {
		status = http.StatusBadRequest
	}
	return bank.Reply{Status: status, Body: c.envelope(message)}
}

// inWebhook is the error as webhooks have it: with the status of the call that would give it.
func (c code) inWebhook(message string) map[string]any {
	body := maps.Clone(c.envelope(message))
	body["status"] = http.StatusBadRequest
	return body
}

// named returns the error of a name, for passwords such as error_ITEM_LOCKED. An unlisted name is
// an error of the Item.
func named(name string) code {
	switch {
	case name == wrongLogin.name:
		return wrongLogin
	case strings.HasPrefix(name, "INSTITUTION"):
		c := institutionDown
		c.name = name
		return c
	case strings.HasPrefix(name, "INVALID_") && !strings.HasPrefix(name, "INVALID_C") && name != "INVALID_MFA" &&
		name != "INVALID_SEND_METHOD":
		return code{kind: "INVALID_INPUT", name: name}
	case name == internalError.name:
		return internalError
	}
	return code{kind: "ITEM_ERROR", name: name}
}
