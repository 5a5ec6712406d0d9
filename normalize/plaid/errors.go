package plaid

import (
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
	{Code: "MISSING_FIELDS", Kind: bankmux.ErrInvalid, Detail: "the request lacks a member"},
	{Code: "UNKNOWN_FIELDS", Kind: bankmux.ErrInvalid, Detail: "the request has a member that Plaid does not know"},
	{Code: "INVALID_FIELD", Kind: bankmux.ErrInvalid, Detail: "a member of the request has a wrong value"},
	{Code: "INVALID_CONFIGURATION", Kind: bankmux.ErrInvalid, Detail: "a setting of the link token has a wrong form"},
	{
		Code: "INCOMPATIBLE_API_VERSION", Kind: bankmux.ErrInvalid,
		Detail: "the request has a member of another version of the API",
	},
	{Code: "INVALID_BODY", Kind: bankmux.ErrInvalid, Detail: "the request is not JSON"},
	{Code: "INVALID_HEADERS", Kind: bankmux.ErrInvalid, Detail: "the request lacks a header"},
	{Code: "NOT_FOUND", Kind: bankmux.ErrInvalid, Detail: "Plaid has no such path"},
	{Code: "NO_LONGER_AVAILABLE", Kind: bankmux.ErrUnsupported, Detail: "Plaid has retired this path"},
	{Code: "SANDBOX_ONLY", Kind: bankmux.ErrUnsupported, Detail: "only the sandbox has this"},
	{Code: "INVALID_API_KEYS", Kind: bankmux.ErrCredentials, Detail: "client id or secret is refused"},
	{
		Code: "UNAUTHORIZED_ENVIRONMENT", Kind: bankmux.ErrNotPermitted,
		Detail: "the application may not use this environment",
	},
	{
		Code: "UNAUTHORIZED_ROUTE_ACCESS", Kind: bankmux.ErrNotPermitted,
		Detail: "the application may not use this endpoint",
	},
	{
		Code: "INVALID_PRODUCT", Kind: bankmux.ErrNotPermitted,
		Detail: "a product is unknown, is not allowed here, or is not enabled for the application",
	},
	{
		Code: "INVALID_LINK_CUSTOMIZATION", Kind: bankmux.ErrNotPermitted,
		Detail: "the Link customization in the dashboard does not fit the session",
	},
	{Code: "INVALID_INSTITUTION", Kind: bankmux.ErrNotFound, Detail: "there is no such institution"},
	{
		Code: "INVALID_ACCOUNT_ID", Kind: bankmux.ErrNotFound,
		Detail: "the connection has no such account: it was closed, revoked or has another id now",
	},
	{
		Code: "INVALID_PUBLIC_TOKEN", Kind: bankmux.ErrTokenSpent,
		Detail: "the public token was used, has expired or is wrong",
	},
	{
		Code: "INVALID_LINK_TOKEN", Kind: bankmux.ErrTokenSpent,
		Detail: "the link token was used, has expired or is wrong",
	},
	{
		Code: "INVALID_ACCESS_TOKEN", Kind: bankmux.ErrNotFound, Scope: bankmux.ScopeConnection,
		Detail: "the access token is of another application or environment, or was replaced",
	},
	{
		Code: "INVALID_WEBHOOK_VERIFICATION_KEY_ID", Kind: bankmux.ErrNotFound,
		Detail: "there is no such key",
	},
	{Code: "INVALID_USER_ID", Kind: bankmux.ErrInvalid, Detail: "Plaid has no such user"},
	{Code: "INVALID_USER_TOKEN", Kind: bankmux.ErrInvalid, Detail: "Plaid has no such user"},
	{
		Code: "INVALID_USER_IDENTITY_DATA", Kind: bankmux.ErrInvalid,
		Detail: "the user's phone number, e-mail or postal address is not valid",
	},
	{
		Code: "LAST_UPDATED_DATETIME_OUT_OF_RANGE", Kind: bankmux.ErrInstitution,
		Detail: "the bank has no balance that is as fresh as requested",
	},
	{
		Code: "SANDBOX_PRODUCT_NOT_ENABLED", Kind: bankmux.ErrInvalid,
		Detail: "the connection lacks the product of this webhook",
	},
	{Code: "SANDBOX_WEBHOOK_INVALID", Kind: bankmux.ErrInvalid, Detail: "the connection has no usable webhook"},
}

// itemErrors are about one Item, which is a connection in Plaid's words.
var itemErrors = []normalize.Row{
	{Code: "ITEM_LOGIN_REQUIRED", Kind: bankmux.ErrReauth, Detail: "the login or the consent has ended"},
	{Code: "INVALID_CREDENTIALS", Kind: bankmux.ErrReauth, Detail: "the bank login is wrong"},
	{Code: "INVALID_MFA", Kind: bankmux.ErrReauth, Detail: "the user answered the bank wrongly"},
	{Code: "INVALID_SEND_METHOD", Kind: bankmux.ErrReauth, Detail: "the bank cannot send a code this way"},
	{Code: "INSUFFICIENT_CREDENTIALS", Kind: bankmux.ErrReauth, Detail: "the user did not complete the login"},
	{Code: "INVALID_OTP", Kind: bankmux.ErrReauth, Detail: "the one-time password is wrong"},
	{Code: "INVALID_PHONE_NUMBER", Kind: bankmux.ErrReauth, Detail: "the phone number is wrong"},
	{Code: "USER_INPUT_TIMEOUT", Kind: bankmux.ErrReauth, Detail: "the user did not answer in time"},
	{
		Code: "INVALID_UPDATED_USERNAME", Kind: bankmux.ErrGone,
		Detail: "the user logged in under another name, which needs a new connection",
	},
	{Code: "ITEM_LOCKED", Kind: bankmux.ErrReauth, Detail: "the bank locked the login: the user must unlock it there"},
	{Code: "USER_SETUP_REQUIRED", Kind: bankmux.ErrReauth, Detail: "the user must act at the bank first"},
	{
		Code: "PASSWORD_RESET_REQUIRED", Kind: bankmux.ErrReauth,
		Detail: "the user must set a new password at the bank first",
	},
	{Code: "ACCESS_NOT_GRANTED", Kind: bankmux.ErrConsent, Detail: "the user did not permit this product at the bank"},
	{Code: "ADDITIONAL_CONSENT_REQUIRED", Kind: bankmux.ErrConsent, Detail: "the user did not consent to this product"},
	{Code: "ITEM_NOT_FOUND", Kind: bankmux.ErrGone, Detail: "the connection was removed"},
	{Code: "USER_PERMISSION_REVOKED", Kind: bankmux.ErrGone, Detail: "the user revoked the permission"},
	{Code: "ITEM_CONCURRENTLY_DELETED", Kind: bankmux.ErrGone, Detail: "the connection was removed during the call"},
	{
		Code: "ITEM_NOT_SUPPORTED", Kind: bankmux.ErrUnsupported, Scope: bankmux.ScopeConnection,
		Detail: "Plaid cannot use this login",
	},
	{
		Code: "MFA_NOT_SUPPORTED", Kind: bankmux.ErrUnsupported, Scope: bankmux.ScopeConnection,
		Detail: "Plaid cannot use the second factor of this login",
	},
	{
		Code: "NO_ACCOUNTS", Kind: bankmux.ErrNotFound, Scope: bankmux.ScopeConnection,
		Detail: "no open account is shared",
	},
	{
		Code: "NO_AUTH_ACCOUNTS", Kind: bankmux.ErrNotFound, Scope: bankmux.ScopeConnection,
		Detail: "no shared account has numbers",
	},
	{
		Code: "no-depository-accounts", Kind: bankmux.ErrNotFound, Scope: bankmux.ScopeConnection,
		Detail: "no shared account has numbers",
	},
	{
		Code: "NO_INVESTMENT_ACCOUNTS", Kind: bankmux.ErrNotFound, Scope: bankmux.ScopeConnection,
		Detail: "no shared account has investments",
	},
	{
		Code: "NO_LIABILITY_ACCOUNTS", Kind: bankmux.ErrNotFound, Scope: bankmux.ScopeConnection,
		Detail: "no shared account is a debt",
	},
	{Code: "PRODUCT_NOT_READY", Kind: bankmux.ErrNotReady, Detail: "Plaid has not fetched the product yet"},
	{
		Code: "PRODUCTS_NOT_SUPPORTED", Kind: bankmux.ErrUnsupported, Scope: bankmux.ScopeConnection,
		Detail: "the bank or the connection does not have the product",
	},
	{
		Code: "PRODUCT_NOT_ENABLED", Kind: bankmux.ErrConsent,
		Detail: "the product was not requested when the bank was linked",
	},
	{
		Code: CodeMutation, Kind: bankmux.ErrUnavailable, Scope: bankmux.ScopeConnection,
		Detail: "the transactions changed while they were read",
	},
}

// CodeMutation is the code of a sync whose rows changed while its pages were read. The round starts
// again from the cursor of its first call.
const CodeMutation = "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION"

// institutionErrors are about one bank, or about the application's registration with it.
var institutionErrors = []normalize.Row{
	{Code: "INSTITUTION_DOWN", Kind: bankmux.ErrInstitution, Detail: "the bank is down"},
	{Code: "INSTITUTION_NOT_RESPONDING", Kind: bankmux.ErrInstitution, Detail: "the bank does not respond"},
	{Code: "INSTITUTION_NOT_AVAILABLE", Kind: bankmux.ErrInstitution, Detail: "Plaid cannot reach the bank"},
	{
		Code: "INSTITUTION_NO_LONGER_SUPPORTED", Kind: bankmux.ErrUnsupported, Scope: bankmux.ScopeInstitution,
		Detail: "Plaid no longer serves the bank in this way",
	},
	{Code: "UNSUPPORTED_RESPONSE", Kind: bankmux.ErrInstitution, Detail: "Plaid cannot read the bank's response"},
	{
		Code: "UNAUTHORIZED_INSTITUTION", Kind: bankmux.ErrNotPermitted,
		Detail: "the application is not registered with the bank",
	},
	{
		Code: "INSTITUTION_REGISTRATION_REQUIRED", Kind: bankmux.ErrNotPermitted,
		Detail: "the application is not registered with the bank",
	},
	{
		Code: "INSTITUTION_NOT_ENABLED_IN_ENVIRONMENT", Kind: bankmux.ErrNotPermitted,
		Detail: "the bank is not enabled in this environment",
	},
}

// plaidErrors are Plaid's own failures. See [Error] for the scope of an internal one.
var plaidErrors = []normalize.Row{
	{Code: "INTERNAL_SERVER_ERROR", Kind: bankmux.ErrUnavailable, Detail: "Plaid failed"},
	{Code: "plaid-internal-error", Kind: bankmux.ErrUnavailable, Detail: "Plaid failed"},
	{Code: "PLANNED_MAINTENANCE", Kind: bankmux.ErrUnavailable, Detail: "Plaid is under maintenance"},
}

// limits are rate limits and quotas. Most limits hold per Item and per application under the same
// code. See [Error] for their scope.
var limits = []normalize.Row{
	limited("ACCOUNTS_LIMIT"),
	limited("BALANCE_LIMIT"),
	limited("AUTH_LIMIT"),
	limited("IDENTITY_LIMIT"),
	limited("TRANSACTIONS_SYNC_LIMIT"),
	limited("TRANSACTIONS_LIMIT"),
	limited("TRANSACTIONS_REFRESH_LIMIT"),
	limited("INVESTMENT_HOLDINGS_GET_LIMIT"),
	limited("INVESTMENT_TRANSACTIONS_LIMIT"),
	limited("ITEM_GET_LIMIT"),
	limited("RATE_LIMIT"),
	{
		Code: "ACCOUNTS_BALANCE_GET_LIMIT", Kind: bankmux.ErrRateLimited, Scope: bankmux.ScopeApp,
		Detail: "too many balances of all connections were read",
	},
	{
		Code: "INSTITUTIONS_GET_LIMIT", Kind: bankmux.ErrRateLimited, Scope: bankmux.ScopeApp,
		Detail: "too many requests for institutions were made",
	},
	{
		Code: "INSTITUTIONS_GET_BY_ID_LIMIT", Kind: bankmux.ErrRateLimited, Scope: bankmux.ScopeApp,
		Detail: "too many requests for institutions were made",
	},
	{
		Code: "INSTITUTION_RATE_LIMIT", Kind: bankmux.ErrRateLimited, Scope: bankmux.ScopeInstitution,
		Detail: "Plaid asks this bank too often",
	},
	{Code: "CREDITS_EXHAUSTED", Kind: bankmux.ErrQuota, Detail: "the application's credits are used up"},
	{Code: "TRIAL_CONNECTION_LIMIT", Kind: bankmux.ErrQuota, Detail: "the connections of the trial are used up"},
	{Code: "ADDITION_LIMIT", Kind: bankmux.ErrQuota, Detail: "the application's number of connections is used up"},
}

func limited(code string) normalize.Row {
	return normalize.Row{Code: code, Kind: bankmux.ErrRateLimited, Detail: "too many requests were made"}
}

// classes are the meanings of codes without a row, by error_type. The types of products that the
// adapter does not use have none, so the status decides there.
var classes = []normalize.Row{
	{Class: "INVALID_REQUEST", Kind: bankmux.ErrInvalid, Detail: "the request is malformed"},
	{Class: "INVALID_INPUT", Kind: bankmux.ErrInvalid, Detail: "the request has a wrong value"},
	{Class: "INVALID_RESULT", Kind: bankmux.ErrInstitution, Detail: "the bank has no usable data"},
	{Class: "INSTITUTION_ERROR", Kind: bankmux.ErrInstitution, Detail: "the bank is failing"},
	{Class: "RATE_LIMIT_EXCEEDED", Kind: bankmux.ErrRateLimited, Detail: "too many requests were made"},
	{Class: "API_ERROR", Kind: bankmux.ErrUnavailable, Detail: "Plaid failed"},
	{Class: "ITEM_ERROR", Kind: bankmux.ErrReauth, Detail: "the login cannot be used as it is"},
	{
		Class: "TRANSACTIONS_ERROR", Kind: bankmux.ErrUnavailable, Scope: bankmux.ScopeConnection,
		Detail: "the transactions cannot be read now",
	},
	{Class: "OAUTH_ERROR", Kind: bankmux.ErrUserAction, Detail: "the login at the bank's own page failed"},
	{Class: "RECAPTCHA_ERROR", Kind: bankmux.ErrUserAction, Detail: "the user did not pass a check"},
	{Class: "USER_ERROR", Kind: bankmux.ErrInvalid, Detail: "what is known about the user is not valid"},
	{Class: "SANDBOX_ERROR", Kind: bankmux.ErrInvalid, Detail: "the sandbox cannot do this"},
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
