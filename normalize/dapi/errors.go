package dapi

// This file has the catalogue of Dapi's errors.

import (
	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// Failed stands for the type of a failed envelope that has none.
const Failed = "failed"

// catalogue lists Dapi's error types. The sources are the catalogue of its documentation (which
// breaks off in the copies at hand), its SDKs and its mobile SDKs. The rows leave out the statuses
// given there, because a failed envelope is accepted under any status.
//
// No row is ErrUnavailable: Dapi answered, whatever its bank did.
var catalogue = normalize.NewCatalogue([]normalize.Row{
	// The user must connect again.
	{
		Code: "INVALID_CREDENTIALS", Kind: bankmux.ErrReauth,
		Detail: "the bank login was changed, and another try can lock the account",
	},
	{Code: "INVALID_CONNECTION", Kind: bankmux.ErrReauth, Detail: "the connection is no longer valid"},
	{Code: "USER_DELINKED", Kind: bankmux.ErrGone, Detail: "the connection was delinked"},
	{Code: "INVALID_TOKEN", Kind: bankmux.ErrReauth, Detail: "the access token is not valid"},
	{
		Code: "INVALID_TOKEN", Endpoint: "POST /auth/ExchangeToken", Kind: bankmux.ErrTokenSpent,
		Detail: "the access code was used, expired or is wrong",
	},

	// The user can fix it now, or at the bank.
	{Code: "INVALID_MFA", Kind: bankmux.ErrAnswerRejected, Detail: "the user's answer was wrong"},
	{
		Code: "ACCOUNT_LOCKED", Kind: bankmux.ErrUserAction, Scope: bankmux.ScopeConnection,
		Detail: "the bank locked the user, and only the bank can help",
	},
	{Code: "BENEFICIARY_NOT_ACTIVATED", Kind: bankmux.ErrUserAction, Detail: "a step at the bank is outstanding"},
	{Code: "BENEFICIARY_COOL_DOWN_PERIOD", Kind: bankmux.ErrUserAction, Detail: "a new beneficiary cannot be paid yet"},

	// The call is wrong.
	{Code: "INVALID_ACCOUNT_ID", Kind: bankmux.ErrNotFound, Detail: "there is no such account: list them again"},
	{Code: "INVALID_CARD_ID", Kind: bankmux.ErrNotFound, Detail: "there is no such card"},
	{Code: "INVALID_DATE_RANGE", Kind: bankmux.ErrInvalid, Detail: "the bank does not serve this span"},
	{Code: "PARAMETER_ERROR", Kind: bankmux.ErrInvalid, Detail: "a parameter is wrong"},
	{Code: "PARAMETER_MISSING", Kind: bankmux.ErrInvalid, Detail: "a parameter is missing"},
	{Code: "INVALID_ARGS", Kind: bankmux.ErrInvalid, Detail: "a field failed validation"},
	{Code: "BAD_REQUEST", Kind: bankmux.ErrInvalid, Detail: "the request cannot be read"},

	// The bank says no.
	{Code: "INACTIVE_ACCOUNT", Kind: bankmux.ErrInvalid, Detail: "the account number is wrong or inactive"},
	{Code: "INSUFFICIENT_BALANCE", Kind: bankmux.ErrInvalid, Detail: "there is not enough money"},
	{Code: "INSUFFICIENT_FUNDS", Kind: bankmux.ErrInvalid, Detail: "there is not enough money"},
	{Code: "BENEFICIARY_ALREADY_EXISTS", Kind: bankmux.ErrInvalid, Detail: "the beneficiary is registered already"},

	// It may work later.
	{
		Code: "SESSION_EXPIRED", Kind: bankmux.ErrInstitution, Scope: bankmux.ScopeConnection,
		Detail: "the session at the bank ended",
	},
	{
		Code: "SESSION_INVALIDATED", Kind: bankmux.ErrInstitution, Scope: bankmux.ScopeConnection,
		Detail: "the session at the bank was ended by another call",
	},
	{
		Code: "USER_ALREADY_LOGGED_IN", Kind: bankmux.ErrInstitution, Scope: bankmux.ScopeConnection,
		Detail: "the user is logged in at the bank elsewhere",
	},

	{Code: Failed, Kind: bankmux.ErrUnknown, Detail: "Dapi failed and does not say why"},
	{Code: "UNKNOWN_ERROR", Kind: bankmux.ErrUnknown, Detail: "Dapi does not say what happened"},
	{Code: "UNEXPECTED_RESPONSE", Kind: bankmux.ErrMalformed, Detail: "the response was not an envelope"},
}...)

// Catalogue returns the table of Dapi's error types.
func Catalogue() *normalize.Catalogue { return catalogue }

// Error classifies a failed envelope, or a response without an envelope. A failed envelope with an
// unlisted type concerns its call alone, even if its status says that a server failed. Dapi
// responded, and its published list leaves out the banks' own faults. The outage of one bank must
// not open the circuit for all.
func Error(f normalize.Failure) *bankmux.Error {
	e := catalogue.Error(f)
	if e.Unlisted && e.Kind == bankmux.ErrUnavailable {
		e.Scope = bankmux.ScopeCall
	}
	return e
}
