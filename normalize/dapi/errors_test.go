package dapi_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
	"github.com/bankmux/bankmux/normalize/dapi"
)

// TestErrors specifies the error table.
func TestErrors(t *testing.T) {
	t.Parallel()
	t.Run("each type of Dapi has its meaning", eachTypeOfDapiHasItsMeaning)
	t.Run(
		"an unlisted code is classified by status and never repeated",
		anUnlistedCodeIsClassifiedByStatusAndNeverRepeated,
	)
}

func eachTypeOfDapiHasItsMeaning(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, w := range []want{
		{"INVALID_CREDENTIALS", 401, "", bankmux.ErrReauth, bankmux.ScopeConnection},
		{"INVALID_CONNECTION", 401, "", bankmux.ErrReauth, bankmux.ScopeConnection},
		{"USER_DELINKED", 401, "", bankmux.ErrGone, bankmux.ScopeConnection},
		{"INVALID_TOKEN", 401, "POST /auth/ExchangeToken", bankmux.ErrTokenSpent, bankmux.ScopeCall},
		{"INVALID_TOKEN", 401, "POST /metadata/accounts/get", bankmux.ErrReauth, bankmux.ScopeConnection},
		{"INVALID_MFA", 401, "", bankmux.ErrAnswerRejected, bankmux.ScopeCall},
		{"ACCOUNT_LOCKED", 401, "", bankmux.ErrUserAction, bankmux.ScopeConnection},
		{"INACTIVE_ACCOUNT", 401, "", bankmux.ErrInvalid, bankmux.ScopeCall},
		{"INVALID_ACCOUNT_ID", 404, "", bankmux.ErrNotFound, bankmux.ScopeCall},
		{"INVALID_CARD_ID", 404, "", bankmux.ErrNotFound, bankmux.ScopeCall},
		{"INVALID_DATE_RANGE", 400, "", bankmux.ErrInvalid, bankmux.ScopeCall},
		{"PARAMETER_ERROR", 400, "", bankmux.ErrInvalid, bankmux.ScopeCall},
		{"PARAMETER_MISSING", 422, "", bankmux.ErrInvalid, bankmux.ScopeCall},
		{"INVALID_ARGS", 400, "", bankmux.ErrInvalid, bankmux.ScopeCall},
		{"INSUFFICIENT_BALANCE", 400, "", bankmux.ErrInvalid, bankmux.ScopeCall},
		{"INSUFFICIENT_FUNDS", 400, "", bankmux.ErrInvalid, bankmux.ScopeCall},
		{"BENEFICIARY_NOT_ACTIVATED", 400, "", bankmux.ErrUserAction, bankmux.ScopeCall},
		{"BENEFICIARY_COOL_DOWN_PERIOD", 400, "", bankmux.ErrUserAction, bankmux.ScopeCall},
		{"BENEFICIARY_ALREADY_EXISTS", 400, "", bankmux.ErrInvalid, bankmux.ScopeCall},
		{"SESSION_EXPIRED", 401, "", bankmux.ErrInstitution, bankmux.ScopeConnection},
		{"SESSION_INVALIDATED", 401, "", bankmux.ErrInstitution, bankmux.ScopeConnection},
		{"USER_ALREADY_LOGGED_IN", 401, "", bankmux.ErrInstitution, bankmux.ScopeConnection},
		{"UNKNOWN_ERROR", 500, "", bankmux.ErrUnknown, bankmux.ScopeCall},
		{"BAD_REQUEST", 400, "", bankmux.ErrInvalid, bankmux.ScopeCall},
		{"UNEXPECTED_RESPONSE", 500, "", bankmux.ErrMalformed, bankmux.ScopeProvider},
		{dapi.Failed, 200, "", bankmux.ErrUnknown, bankmux.ScopeCall},
	} {
		for _, status := range []int{w.status, 200} { // a failed envelope counts under 200 too
			check(t, dapi.Error(normalize.Failure{Code: w.code, Status: status, Endpoint: w.endpoint}), w, w.code)
		}
		seen[w.code] = true
	}
	covered(t, dapi.Catalogue(), seen)
}

func anUnlistedCodeIsClassifiedByStatusAndNeverRepeated(t *testing.T) {
	t.Parallel()
	for status, kind := range map[int]bankmux.Kind{
		0: bankmux.ErrUnknown, 204: bankmux.ErrMalformed, 307: bankmux.ErrMalformed, 400: bankmux.ErrInvalid,
		401: bankmux.ErrCredentials, 403: bankmux.ErrNotPermitted, 404: bankmux.ErrNotFound,
		408: bankmux.ErrUnavailable,
		409: bankmux.ErrInvalid, 410: bankmux.ErrGone, 422: bankmux.ErrInvalid, 429: bankmux.ErrRateLimited,
		500: bankmux.ErrUnavailable, 504: bankmux.ErrUnavailable,
	} {
		e := dapi.Error(normalize.Failure{Code: "BRAND_NEW", Status: status})
		assert.Equal(t, kind, e.Kind, status)
		assert.True(t, e.Unlisted, status)
		assert.False(t, e.Repeatable(bankmux.Read), status)
		plain := dapi.Error(normalize.Failure{Status: status})
		assert.Equal(t, kind, plain.Kind, status)
		assert.False(t, plain.Unlisted, status)
	}
}

// want is what a code must become; the codes are those of the providers' documentation and SDKs.
type want struct {
	code     string
	status   int
	endpoint string
	kind     bankmux.Kind
	scope    bankmux.Scope
}

func check(t *testing.T, e *bankmux.Error, w want, name string) {
	t.Helper()
	assert.Equal(t, w.kind, e.Kind, name)
	assert.Equal(t, w.scope, e.Affects(), name)
	assert.Equal(t, w.code, e.Code)
	assert.NotEmpty(t, e.Detail, name)
	assert.False(t, e.Unlisted, name)
}

// covered fails for a row that no case above tests.
func covered(t *testing.T, c *normalize.Catalogue, seen map[string]bool) {
	t.Helper()
	require.NotEmpty(t, c.Rows())
	for _, r := range c.Rows() {
		assert.True(t, seen[r.Code], "row %s is not tested", r.Code)
	}
}
