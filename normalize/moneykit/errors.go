package moneykit

// This file has the catalogues of MoneyKit's errors.

import (
	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// catalogue lists MoneyKit's API errors, from its SDKs (2025-05) and documentation.
var catalogue = normalize.NewCatalogue([]normalize.Row{
	{
		Code: "api_error.auth.expired_access_token", Kind: bankmux.ErrCredentials,
		Detail: "the access token expired and a new one is refused as well",
	},
	{
		Code: "api_error.auth.unauthorized", Kind: bankmux.ErrCredentials,
		Detail: "client id, secret or scope is refused",
	},
	{
		Code: "api_error.auth.unauthorized", Status: 400, Kind: bankmux.ErrCredentials,
		Detail: "the grant type is refused",
	},
	{
		Code: "api_error.rate_limit_exceeded", Kind: bankmux.ErrRateLimited,
		Detail: "too many requests were made, or a refresh came too early",
	},
	{
		Code:     "api_error.rate_limit_exceeded",
		Endpoint: "POST /links/{id}/products",
		Kind:     bankmux.ErrRateLimited,
		Scope:    bankmux.ScopeConnection,
		Detail:   "this link was refreshed a short while ago",
	},
	{Code: "api_error.request.validation_failed", Kind: bankmux.ErrInvalid, Detail: "the request is malformed"},
	{
		Code: "link_error.unauthorized_access", Kind: bankmux.ErrNotFound,
		Detail: "the link does not belong to this application",
	},
	{Code: "link_error.forbidden_action", Kind: bankmux.ErrConsent, Detail: "the user did not permit this product"},
	{Code: "link_error.not_found", Kind: bankmux.ErrGone, Detail: "there is no such link"},
	{Code: "link_error.deleted", Kind: bankmux.ErrGone, Detail: "the link was deleted"},
	{
		Code: "link_error.bad_state", Kind: bankmux.ErrUnknown, Scope: bankmux.ScopeConnection,
		Detail: "the link cannot be used now",
	},
	{
		Code: "link_error.bad_config", Kind: bankmux.ErrInvalid,
		Detail: "the link lacks what this needs, such as a webhook",
	},
	{
		Code: "link_session_error.forbidden_config", Kind: bankmux.ErrNotPermitted,
		Detail: "a setting or Connect feature is not allowed for the application",
	},
	{
		Code: "link_session_error.invalid_token_exchange", Kind: bankmux.ErrTokenSpent,
		Detail: "the token was used, is wrong, or its link is in another state",
	},
	// The same code under 422 is the quota of connected links (SDKs up to 2024-10).
	{
		Code: "link_session_error.invalid_token_exchange", Status: 422, Kind: bankmux.ErrQuota,
		Detail: "the application's number of connected links is used up",
	},
	{Code: "institution_error.not_found", Kind: bankmux.ErrNotFound, Detail: "there is no such institution"},
}...)

// linkErrors lists the reasons for a link in state error, which link_error.bad_state names, too.
var linkErrors = normalize.NewCatalogue([]normalize.Row{
	{Code: "user_error", Kind: bankmux.ErrReauth, Detail: "the user failed to log in or left"},
	{
		Code: "incomplete", Kind: bankmux.ErrUserAction, Scope: bankmux.ScopeConnection,
		Detail: "the user has not finished",
	},
	{Code: "institution_error", Kind: bankmux.ErrInstitution, Detail: "the bank is failing"},
	{Code: "provider_error", Kind: bankmux.ErrInstitution, Detail: "the aggregator behind the link is failing"},
	{Code: "system_error", Kind: bankmux.ErrInstitution, Detail: "MoneyKit is failing for this link"},
	{Code: "auth_expired", Kind: bankmux.ErrReauth, Detail: "the access expired"},
	{
		Code: "no_accounts", Kind: bankmux.ErrUserAction, Scope: bankmux.ScopeConnection,
		Detail: "no account has this kind of data, but the user may share others",
	},
	{Code: "user_setup_required", Kind: bankmux.ErrReauth, Detail: "the user must act at the bank first"},
	{Code: "invalid_credentials", Kind: bankmux.ErrReauth, Detail: "the bank login is wrong"},
	{Code: "user_oauth_denied", Kind: bankmux.ErrReauth, Detail: "the user refused at the bank"},
	{Code: "user_input_incorrect", Kind: bankmux.ErrReauth, Detail: "the user answered the bank wrongly"},
}...)

// productErrors lists the reasons why one product of a link is not fresh.
var productErrors = normalize.NewCatalogue([]normalize.Row{
	{
		Code: "rate_limit", Kind: bankmux.ErrRateLimited, Scope: bankmux.ScopeConnection,
		Detail: "it was refreshed too often",
	},
	{Code: "auth_expired", Kind: bankmux.ErrReauth, Detail: "the access expired"},
	{Code: "not_supported", Kind: bankmux.ErrUnsupported, Detail: "the bank does not serve it"},
	{Code: "timeout", Kind: bankmux.ErrInstitution, Detail: "the bank did not respond in time"},
	{Code: "unknown", Kind: bankmux.ErrInstitution, Detail: "the refresh failed"},
	{Code: "no_accounts", Kind: bankmux.ErrUnsupported, Scope: bankmux.ScopeConnection, Detail: "no account has it"},
	{Code: "institution_error", Kind: bankmux.ErrInstitution, Detail: "the bank is failing"},
	{Code: "no_permission", Kind: bankmux.ErrConsent, Detail: "the user did not permit it"},
	{Code: "invalid_credentials", Kind: bankmux.ErrReauth, Detail: "the bank login is wrong"},
}...)

// Catalogue returns the table of MoneyKit's API errors.
func Catalogue() *normalize.Catalogue { return catalogue }

// LinkErrors returns the table of MoneyKit's link errors.
func LinkErrors() *normalize.Catalogue { return linkErrors }

// ProductErrors returns the table of MoneyKit's product errors.
func ProductErrors() *normalize.Catalogue { return productErrors }

// Error classifies a failure of MoneyKit's API. For link_error.bad_state the link error decides,
// and Code becomes "link_error.bad_state/auth_expired".
func Error(f normalize.Failure, linkErrorCode string) *bankmux.Error {
	e := catalogue.Error(f)
	if f.Code != "link_error.bad_state" || linkErrorCode == "" {
		return e
	}
	reason := linkErrors.Error(normalize.Failure{Code: linkErrorCode})
	e.Code += "/" + reason.Code
	if reason.Unlisted {
		e.Unlisted = true
		return e
	}
	e.Kind, e.Scope, e.Detail = reason.Kind, reason.Scope, reason.Detail
	return e
}
