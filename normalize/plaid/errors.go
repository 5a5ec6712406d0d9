package plaid

// This file has the catalogue of Plaid's errors.

import (
	"cmp"
	"slices"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// catalogue lists Plaid's errors by error_code, and what every other code of an error_type means.
// Nearly all of them have status 400. The codes are from Plaid's documentation and its OpenAPI
// document (2026).
var catalogue = normalize.NewCatalogue(slices.Concat(
	applicationErrors, itemErrors, institutionErrors, plaidErrors, limits, classes,
)...)

// applicationErrors are mistakes of the application or its settings.
var applicationErrors = []normalize.Row{
	row("MISSING_FIELDS", bankmux.ErrInvalid, "the request lacks a member"),
	row("UNKNOWN_FIELDS", bankmux.ErrInvalid, "the request has a member that Plaid does not know"),
	row("INVALID_FIELD", bankmux.ErrInvalid, "a member of the request has a wrong value"),
	row("INVALID_CONFIGURATION", bankmux.ErrInvalid, "a setting of the link token has a wrong form"),
	row("INCOMPATIBLE_API_VERSION", bankmux.ErrInvalid, "the request has a member of another version of the API"),
	row("INVALID_BODY", bankmux.ErrInvalid, "the request is not JSON"),
	row("INVALID_HEADERS", bankmux.ErrInvalid, "the request lacks a header"),
	row("NOT_FOUND", bankmux.ErrInvalid, "Plaid has no such path"),
	row("NO_LONGER_AVAILABLE", bankmux.ErrUnsupported, "Plaid has retired this path"),
	row("SANDBOX_ONLY", bankmux.ErrUnsupported, "only the sandbox has this"),
	row("INVALID_API_KEYS", bankmux.ErrCredentials, "client id or secret is refused"),
	row("UNAUTHORIZED_ENVIRONMENT", bankmux.ErrNotPermitted, "the application may not use this environment"),
	row("UNAUTHORIZED_ROUTE_ACCESS", bankmux.ErrNotPermitted, "the application may not use this endpoint"),
	row("INVALID_PRODUCT", bankmux.ErrNotPermitted, "a product is unknown or not enabled for the application"),
	row("INVALID_LINK_CUSTOMIZATION", bankmux.ErrNotPermitted, "the customization of Link does not fit the session"),
	row("INVALID_INSTITUTION", bankmux.ErrNotFound, "there is no such institution"),
	row("INVALID_ACCOUNT_ID", bankmux.ErrNotFound, "the account was closed or revoked, or has another id now"),
	row("INVALID_PUBLIC_TOKEN", bankmux.ErrTokenSpent, "the public token was used, has expired or is wrong"),
	row("INVALID_LINK_TOKEN", bankmux.ErrTokenSpent, "the link token was used, has expired or is wrong"),
	row("INVALID_ACCESS_TOKEN", bankmux.ErrNotFound,
		"the access token is of another application or environment, or was replaced", bankmux.ScopeConnection),
	row("INVALID_WEBHOOK_VERIFICATION_KEY_ID", bankmux.ErrNotFound, "there is no such key"),
	row("INVALID_USER_ID", bankmux.ErrInvalid, "Plaid has no such user"),
	row("INVALID_USER_TOKEN", bankmux.ErrInvalid, "Plaid has no such user"),
	row("INVALID_USER_IDENTITY_DATA", bankmux.ErrInvalid, "the user's phone number or address is not valid"),
	row("LAST_UPDATED_DATETIME_OUT_OF_RANGE", bankmux.ErrInstitution, "the bank has no balance as fresh as requested"),
	row("SANDBOX_PRODUCT_NOT_ENABLED", bankmux.ErrInvalid, "the connection lacks the product of this webhook"),
	row("SANDBOX_WEBHOOK_INVALID", bankmux.ErrInvalid, "the connection has no usable webhook"),
}

// itemErrors are about one Item, which is a connection in Plaid's words.
var itemErrors = []normalize.Row{
	row("ITEM_LOGIN_REQUIRED", bankmux.ErrReauth, "the login or the consent has ended"),
	row("INVALID_CREDENTIALS", bankmux.ErrReauth, "the bank login is wrong"),
	row("INVALID_MFA", bankmux.ErrReauth, "the user answered the bank wrongly"),
	row("INVALID_SEND_METHOD", bankmux.ErrReauth, "the bank cannot send a code this way"),
	row("INSUFFICIENT_CREDENTIALS", bankmux.ErrReauth, "the user did not complete the login"),
	row("INVALID_OTP", bankmux.ErrReauth, "the one-time password is wrong"),
	row("INVALID_PHONE_NUMBER", bankmux.ErrReauth, "the phone number is wrong"),
	row("USER_INPUT_TIMEOUT", bankmux.ErrReauth, "the user did not answer in time"),
	row("INVALID_UPDATED_USERNAME", bankmux.ErrGone, "the user logged in under another name: link the bank again"),
	row("ITEM_LOCKED", bankmux.ErrReauth, "the bank locked the login: the user must unlock it there"),
	row("USER_SETUP_REQUIRED", bankmux.ErrReauth, "the user must act at the bank first"),
	row("PASSWORD_RESET_REQUIRED", bankmux.ErrReauth, "the user must set a new password at the bank first"),
	row("ACCESS_NOT_GRANTED", bankmux.ErrConsent, "the user did not permit this product at the bank"),
	row("ADDITIONAL_CONSENT_REQUIRED", bankmux.ErrConsent, "the user did not consent to this product"),
	row("ITEM_NOT_FOUND", bankmux.ErrGone, "the connection was removed"),
	row("USER_PERMISSION_REVOKED", bankmux.ErrGone, "the user revoked the permission"),
	row("ITEM_CONCURRENTLY_DELETED", bankmux.ErrGone, "the connection was removed during the call"),
	row("ITEM_NOT_SUPPORTED", bankmux.ErrUnsupported, "Plaid cannot use this login", bankmux.ScopeConnection),
	row("MFA_NOT_SUPPORTED", bankmux.ErrUnsupported,
		"Plaid cannot use the second factor of this login", bankmux.ScopeConnection),
	row("NO_ACCOUNTS", bankmux.ErrNotFound, "no open account is shared", bankmux.ScopeConnection),
	row("NO_AUTH_ACCOUNTS", bankmux.ErrNotFound, "no shared account has numbers", bankmux.ScopeConnection),
	row("no-depository-accounts", bankmux.ErrNotFound, "no shared account has numbers", bankmux.ScopeConnection),
	row("NO_INVESTMENT_ACCOUNTS", bankmux.ErrNotFound, "no shared account has investments", bankmux.ScopeConnection),
	row("NO_LIABILITY_ACCOUNTS", bankmux.ErrNotFound, "no shared account is a debt", bankmux.ScopeConnection),
	row("PRODUCT_NOT_READY", bankmux.ErrNotReady, "Plaid has not fetched the product yet"),
	row("PRODUCTS_NOT_SUPPORTED", bankmux.ErrUnsupported,
		"the bank or the connection does not have the product", bankmux.ScopeConnection),
	row("PRODUCT_NOT_ENABLED", bankmux.ErrConsent, "the product was not requested when the bank was linked"),
	row("OAUTH_STATE_ID_ALREADY_PROCESSED", bankmux.ErrUserAction, "the login at the bank was finished before"),
	row("OAUTH_STATE_ID_NOT_FOUND", bankmux.ErrUserAction, "the login at the bank is not known"),
	row("INCORRECT_OAUTH_NONCE", bankmux.ErrUserAction, "the login at the bank is of another session"),
	row("INCORRECT_LINK_TOKEN", bankmux.ErrUserAction, "the login at the bank is of another link token"),
	row(CodeMutation, bankmux.ErrUnavailable,
		"the transactions changed while they were read", bankmux.ScopeConnection),
}

// CodeMutation is the code of a sync whose rows changed while its pages were read. The round starts
// again from the cursor of its first call.
const CodeMutation = "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION"

// institutionErrors are about one bank, or about the application's registration with it.
var institutionErrors = []normalize.Row{
	row("INSTITUTION_DOWN", bankmux.ErrInstitution, "the bank is down"),
	row("INSTITUTION_NOT_RESPONDING", bankmux.ErrInstitution, "the bank does not respond"),
	row("INSTITUTION_NOT_AVAILABLE", bankmux.ErrInstitution, "Plaid cannot reach the bank"),
	row("INSTITUTION_NO_LONGER_SUPPORTED", bankmux.ErrUnsupported,
		"Plaid no longer serves the bank in this way", bankmux.ScopeInstitution),
	row("UNSUPPORTED_RESPONSE", bankmux.ErrInstitution, "Plaid cannot read the bank's response"),
	row("UNAUTHORIZED_INSTITUTION", bankmux.ErrNotPermitted, "the application is not registered with the bank"),
	row("INSTITUTION_REGISTRATION_REQUIRED", bankmux.ErrNotPermitted,
		"the application is not registered with the bank"),
	row("INSTITUTION_NOT_ENABLED_IN_ENVIRONMENT", bankmux.ErrNotPermitted,
		"the bank is not enabled in this environment"),
}

// plaidErrors are Plaid's own failures. See [Error] for the scope of an internal one.
var plaidErrors = []normalize.Row{
	row("INTERNAL_SERVER_ERROR", bankmux.ErrUnavailable, "Plaid failed"),
	row("plaid-internal-error", bankmux.ErrUnavailable, "Plaid failed"),
	row("PLANNED_MAINTENANCE", bankmux.ErrUnavailable, "Plaid is under maintenance"),
}

// tooMany is what most limits say.
const tooMany = "too many requests were made"

// limits are rate limits and quotas. Most limits hold per Item and per application under the same
// code. See [Error] for their scope.
var limits = []normalize.Row{
	row("ACCOUNTS_LIMIT", bankmux.ErrRateLimited, tooMany),
	row("BALANCE_LIMIT", bankmux.ErrRateLimited, tooMany),
	row("AUTH_LIMIT", bankmux.ErrRateLimited, tooMany),
	row("IDENTITY_LIMIT", bankmux.ErrRateLimited, tooMany),
	row("TRANSACTIONS_SYNC_LIMIT", bankmux.ErrRateLimited, tooMany),
	row("TRANSACTIONS_LIMIT", bankmux.ErrRateLimited, tooMany),
	row("TRANSACTIONS_REFRESH_LIMIT", bankmux.ErrRateLimited, tooMany),
	row("INVESTMENT_HOLDINGS_GET_LIMIT", bankmux.ErrRateLimited, tooMany),
	row("INVESTMENT_TRANSACTIONS_LIMIT", bankmux.ErrRateLimited, tooMany),
	row("ITEM_GET_LIMIT", bankmux.ErrRateLimited, tooMany),
	row("RATE_LIMIT", bankmux.ErrRateLimited, tooMany),
	row("ACCOUNTS_BALANCE_GET_LIMIT", bankmux.ErrRateLimited, "too many balances were read", bankmux.ScopeApp),
	row("INSTITUTIONS_GET_LIMIT", bankmux.ErrRateLimited, "too many banks were read", bankmux.ScopeApp),
	row("INSTITUTIONS_GET_BY_ID_LIMIT", bankmux.ErrRateLimited, "too many banks were read", bankmux.ScopeApp),
	row("INSTITUTION_RATE_LIMIT", bankmux.ErrRateLimited, "Plaid asks this bank too often", bankmux.ScopeInstitution),
	row("CREDITS_EXHAUSTED", bankmux.ErrQuota, "the application's credits are used up"),
	row("TRIAL_CONNECTION_LIMIT", bankmux.ErrQuota, "the connections of the trial are used up"),
	row("ADDITION_LIMIT", bankmux.ErrQuota, "the application's number of connections is used up"),
}

// classes are the meanings of codes without a row, by error_type. The types of products that the
// adapter does not use have none, so the status decides there.
var classes = []normalize.Row{
	class("INVALID_REQUEST", bankmux.ErrInvalid, "the request is malformed"),
	class("INVALID_INPUT", bankmux.ErrInvalid, "the request has a wrong value"),
	class("INVALID_RESULT", bankmux.ErrInstitution, "the bank has no usable data"),
	class("INSTITUTION_ERROR", bankmux.ErrInstitution, "the bank is failing"),
	class("RATE_LIMIT_EXCEEDED", bankmux.ErrRateLimited, tooMany),
	class("API_ERROR", bankmux.ErrUnavailable, "Plaid failed"),
	class("ITEM_ERROR", bankmux.ErrReauth, "the login cannot be used as it is"),
	class("TRANSACTIONS_ERROR", bankmux.ErrUnavailable, "the transactions cannot be read now", bankmux.ScopeConnection),
	class("OAUTH_ERROR", bankmux.ErrUserAction, "the login at the bank's own page failed"),
	class("RECAPTCHA_ERROR", bankmux.ErrUserAction, "the user did not pass a check"),
	class("USER_ERROR", bankmux.ErrInvalid, "what is known about the user is not valid"),
	class("SANDBOX_ERROR", bankmux.ErrInvalid, "the sandbox cannot do this"),
}

// reasons are the values of error_code_reason. Items of banks with a login page of their own have
// one.
var reasons = map[string]string{
	"OAUTH_CONSENT_EXPIRED": "the consent at the bank has expired",
	"OAUTH_INVALID_TOKEN":   "the bank refuses Plaid's token",
	"OAUTH_USER_REVOKED":    "the user withdrew the consent at the bank",
}

// Detail returns the detail of an error with what its error_code_reason says. An unlisted reason
// adds nothing.
func Detail(detail, reason string) string {
	if why := reasons[reason]; why != "" {
		return detail + ": " + why
	}
	return detail
}

// row is a row of the table. An empty scope is that of the kind.
func row(code string, kind bankmux.Kind, detail string, scope ...bankmux.Scope) normalize.Row {
	return normalize.Row{Code: code, Kind: kind, Detail: detail, Scope: cmp.Or(scope...)}
}

// class is the row of every other code of an error_type.
func class(name string, kind bankmux.Kind, detail string, scope ...bankmux.Scope) normalize.Row {
	return normalize.Row{Class: name, Kind: kind, Detail: detail, Scope: cmp.Or(scope...)}
}

// Catalogue returns the table of Plaid's errors.
func Catalogue() *normalize.Catalogue { return catalogue }

// Error classifies a failure by error_code, else by error_type, else by status. onItem says that
// the call was about one Item.
//
// Plaid's internal error often stands for the trouble of one bank, or for a missing permission of
// one Item. So on the call of an Item it affects the connection, and opens no circuit. Most rate
// limits hold per Item and per application, and the code does not say which was exceeded. So on the
// call of an Item they affect the connection.
func Error(f normalize.Failure, onItem bool) *bankmux.Error {
	e := catalogue.Error(f)
	if !onItem || e.Scope != "" {
		return e
	}
	internal := e.Kind == bankmux.ErrUnavailable && f.Class == "API_ERROR" && e.Code != "PLANNED_MAINTENANCE"
	if internal || f.Code == "INTERNAL_SERVER_ERROR" || f.Code == "plaid-internal-error" ||
		e.Kind == bankmux.ErrRateLimited && e.Code != "" {
		e.Scope = bankmux.ScopeConnection
	}
	return e
}
