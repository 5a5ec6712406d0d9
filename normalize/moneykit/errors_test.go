package moneykit_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
	"github.com/bankmux/bankmux/normalize/moneykit"
)

// TestErrors specifies the error tables.
func TestErrors(t *testing.T) {
	t.Parallel()
	t.Run("each code of MoneyKit has its meaning", eachCodeOfMoneyKitHasItsMeaning)
	t.Run("each link error decides a bad state", eachLinkErrorDecidesABadState)
	t.Run("each product error has its meaning", eachProductErrorHasItsMeaning)
	t.Run(
		"an unlisted code is classified by status and never repeated",
		anUnlistedCodeIsClassifiedByStatusAndNeverRepeated,
	)
}

func eachCodeOfMoneyKitHasItsMeaning(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, w := range []want{
		{"api_error.auth.expired_access_token", 401, "", bankmux.ErrCredentials, bankmux.ScopeApp},
		{"api_error.auth.unauthorized", 401, "", bankmux.ErrCredentials, bankmux.ScopeApp},
		{"api_error.auth.unauthorized", 400, "POST /auth/token", bankmux.ErrCredentials, bankmux.ScopeApp},
		{"api_error.rate_limit_exceeded", 429, "", bankmux.ErrRateLimited, bankmux.ScopeApp},
		{"api_error.rate_limit_exceeded", 429, "POST /links/{id}/products", bankmux.ErrRateLimited, bankmux.ScopeConnection},
		{"api_error.request.validation_failed", 422, "POST /link-session", bankmux.ErrInvalid, bankmux.ScopeCall},
		{"link_error.unauthorized_access", 401, "", bankmux.ErrNotFound, bankmux.ScopeCall},
		{"link_error.forbidden_action", 403, "", bankmux.ErrConsent, bankmux.ScopeConnection},
		{"link_error.not_found", 404, "", bankmux.ErrGone, bankmux.ScopeConnection},
		{"link_error.deleted", 410, "", bankmux.ErrGone, bankmux.ScopeConnection},
		{"link_error.bad_state", 422, "", bankmux.ErrUnknown, bankmux.ScopeConnection},
		{"link_error.bad_config", 400, "", bankmux.ErrInvalid, bankmux.ScopeCall},
		{"link_session_error.forbidden_config", 403, "", bankmux.ErrNotPermitted, bankmux.ScopeApp},
		{"link_session_error.invalid_token_exchange", 400, "POST /link-session/exchange-token", bankmux.ErrTokenSpent, bankmux.ScopeCall},
		{"link_session_error.invalid_token_exchange", 422, "POST /link-session/exchange-token", bankmux.ErrQuota, bankmux.ScopeApp},
		{"institution_error.not_found", 404, "", bankmux.ErrNotFound, bankmux.ScopeCall},
	} {
		check(t, moneykit.Error(normalize.Failure{Code: w.code, Status: w.status, Endpoint: w.endpoint}, ""), w, w.code)
		seen[w.code] = true
	}
	covered(t, moneykit.Catalogue(), seen)
}

func eachLinkErrorDecidesABadState(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for code, w := range map[string]struct {
		kind  bankmux.Kind
		state bankmux.State
	}{
		"user_error":           {bankmux.ErrReauth, bankmux.StateReauth},
		"incomplete":           {bankmux.ErrUserAction, bankmux.StatePending},
		"institution_error":    {bankmux.ErrInstitution, bankmux.StateDegraded},
		"provider_error":       {bankmux.ErrInstitution, bankmux.StateDegraded},
		"system_error":         {bankmux.ErrInstitution, bankmux.StateDegraded},
		"auth_expired":         {bankmux.ErrReauth, bankmux.StateReauth},
		"no_accounts":          {bankmux.ErrUserAction, bankmux.StatePending},
		"user_setup_required":  {bankmux.ErrReauth, bankmux.StateReauth},
		"invalid_credentials":  {bankmux.ErrReauth, bankmux.StateReauth},
		"user_oauth_denied":    {bankmux.ErrReauth, bankmux.StateReauth},
		"user_input_incorrect": {bankmux.ErrReauth, bankmux.StateReauth},
	} {
		e := moneykit.Error(normalize.Failure{Code: "link_error.bad_state", Status: 422}, code)
		assert.Equal(t, w.kind, e.Kind, code)
		assert.Equal(t, "link_error.bad_state/"+code, e.Code)
		assert.NotEqual(t, bankmux.ScopeProvider, e.Affects(), "%s never trips a breaker", code)
		assert.Equal(t, w.state, moneykit.Status("error", code).State, code)
		seen[code] = true
	}
	covered(t, moneykit.LinkErrors(), seen)
	e := moneykit.Error(normalize.Failure{Code: "link_error.bad_state", Status: 422}, "brand_new")
	assert.True(t, e.Unlisted)
	assert.Equal(t, bankmux.ErrUnknown, e.Kind)
}

func eachProductErrorHasItsMeaning(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for code, kind := range map[string]bankmux.Kind{
		"rate_limit": bankmux.ErrRateLimited, "auth_expired": bankmux.ErrReauth, "not_supported": bankmux.ErrUnsupported,
		"timeout": bankmux.ErrInstitution, "unknown": bankmux.ErrInstitution, "no_accounts": bankmux.ErrUnsupported,
		"institution_error": bankmux.ErrInstitution, "no_permission": bankmux.ErrConsent, "invalid_credentials": bankmux.ErrReauth,
	} {
		e := moneykit.ProductErrors().Error(normalize.Failure{Code: code})
		assert.Equal(t, kind, e.Kind, code)
		assert.False(t, e.Unlisted, code)
		seen[code] = true
	}
	covered(t, moneykit.ProductErrors(), seen)
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
		e := moneykit.Error(normalize.Failure{Code: "BRAND_NEW", Status: status}, "")
		assert.Equal(t, kind, e.Kind, status)
		assert.True(t, e.Unlisted, status)
		assert.False(t, e.Repeatable(bankmux.Read), status)
		plain := moneykit.Error(normalize.Failure{Status: status}, "")
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
