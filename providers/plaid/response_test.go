package plaid_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestResponse specifies how Plaid's responses are read.
func TestResponse(t *testing.T) {
	t.Parallel()
	t.Run("the code of a 400 decides, not its status", theCodeOfA400Decides)
	t.Run("an internal error of one Item opens no circuit", anInternalErrorOfOneItemOpensNoCircuit)
	t.Run("a response that says nothing is classified by status", aResponseThatSaysNothingIsClassifiedByStatus)
	t.Run("an error names the field and the request, and quotes nothing else", anErrorNamesTheField)
	t.Run("an error says why a consent at the bank's own page ended", anErrorSaysWhyAConsentEnded)
	t.Run("a response without its members is malformed", aResponseWithoutItsMembersIsMalformed)
}

func theCodeOfA400Decides(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, func(c *plaid.Config) {
		c.Guard = guard.New(guard.Options{
			Retry: guard.RetryOptions{MaxAttempts: 1}, Breaker: guard.BreakerOptions{Disabled: true},
		})
	})
	conn := s.connect(request, "")
	for _, c := range []struct {
		kind, code string
		want       bankmux.Kind
		scope      bankmux.Scope
	}{
		{"INVALID_REQUEST", "MISSING_FIELDS", bankmux.ErrInvalid, bankmux.ScopeCall},
		{"INVALID_INPUT", "INVALID_API_KEYS", bankmux.ErrCredentials, bankmux.ScopeApp},
		{"ITEM_ERROR", "ITEM_LOGIN_REQUIRED", bankmux.ErrReauth, bankmux.ScopeConnection},
		{"ITEM_ERROR", "PRODUCT_NOT_READY", bankmux.ErrNotReady, bankmux.ScopeConnection},
		{"ITEM_ERROR", "ITEM_NOT_FOUND", bankmux.ErrGone, bankmux.ScopeConnection},
		{"INSTITUTION_ERROR", "INSTITUTION_DOWN", bankmux.ErrInstitution, bankmux.ScopeInstitution},
		{"RATE_LIMIT_EXCEEDED", "INSTITUTION_RATE_LIMIT", bankmux.ErrRateLimited, bankmux.ScopeInstitution},
		{"RATE_LIMIT_EXCEEDED", "IDENTITY_LIMIT", bankmux.ErrRateLimited, bankmux.ScopeConnection},
		{"RATE_LIMIT_EXCEEDED", "BRAND_NEW", bankmux.ErrRateLimited, bankmux.ScopeConnection},
		{"API_ERROR", "INTERNAL_SERVER_ERROR", bankmux.ErrUnavailable, bankmux.ScopeConnection},
		{"API_ERROR", "PLANNED_MAINTENANCE", bankmux.ErrUnavailable, bankmux.ScopeProvider},
		{"INSTITUTION_ERROR", "BRAND_NEW", bankmux.ErrInstitution, bankmux.ScopeInstitution},
		{"BRAND_NEW", "BRAND_NEW", bankmux.ErrInvalid, bankmux.ScopeCall},
	} {
		s.fails("/identity/get", http.StatusBadRequest, plaidError(c.kind, c.code))
		_, err := s.client.Identity(t.Context(), bankmux.IdentityRequest{Connection: conn})
		e := errorOf(t, err)
		assert.Equal(t, c.want, e.Kind, c.code)
		assert.Equal(t, c.scope, e.Affects(), c.code)
		assert.Equal(t, c.code, e.Code)
		assert.Equal(t, http.StatusBadRequest, e.Status)
	}
	s.fails("/institutions/get", http.StatusInternalServerError, plaidError("API_ERROR", "INTERNAL_SERVER_ERROR"))
	e := errorOf(t, s.client.Check(t.Context()))
	assert.Equal(t, bankmux.ScopeProvider, e.Affects(), "on a call of the application it is Plaid that fails")
	s.fails("/institutions/get", http.StatusTooManyRequests, plaidError("RATE_LIMIT_EXCEEDED", "RATE_LIMIT"))
	e = errorOf(t, s.client.Check(t.Context()))
	assert.Equal(t, bankmux.ScopeApp, e.Affects())
}

func errorOf(t *testing.T, err error) *bankmux.Error {
	t.Helper()
	var e *bankmux.Error
	require.ErrorAs(t, err, &e)
	return e
}

func anInternalErrorOfOneItemOpensNoCircuit(t *testing.T) {
	t.Parallel()
	const calls = 40
	s := start(t, virtualbank.Options{}, nil)
	broken, other := s.connect(request, ""), s.connect(request, "")
	s.fails("/identity/get", http.StatusInternalServerError, plaidError("API_ERROR", "INTERNAL_SERVER_ERROR"))
	for range calls {
		_, err := s.client.Identity(t.Context(), bankmux.IdentityRequest{Connection: broken})
		require.ErrorIs(t, err, bankmux.ErrUnavailable)
	}
	assert.Len(t, s.sent("/identity/get"), calls, "each call was sent")
	s.fails(createPath, http.StatusInternalServerError, plaidError("API_ERROR", "INTERNAL_SERVER_ERROR"))
	for range calls {
		_, err := s.client.CreateSession(t.Context(), renewing(broken))
		require.ErrorIs(t, err, bankmux.ErrUnavailable, "update mode is about one Item")
	}
	s.answers(nil)
	_, err := s.client.Identity(t.Context(), bankmux.IdentityRequest{Connection: other})
	require.NoError(t, err)

	s.fails("/institutions/get", http.StatusInternalServerError, plaidError("API_ERROR", "INTERNAL_SERVER_ERROR"))
	for range calls {
		err = s.client.Check(t.Context())
	}
	require.ErrorIs(t, err, bankmux.ErrCircuitOpen, "on calls of the application it does")
}

func aResponseThatSaysNothingIsClassifiedByStatus(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, func(c *plaid.Config) {
		c.Guard = guard.New(guard.Options{
			Retry: guard.RetryOptions{MaxAttempts: 1}, Breaker: guard.BreakerOptions{Disabled: true},
		})
	})
	conn := s.connect(request, "")
	for status, kind := range map[int]bankmux.Kind{
		http.StatusBadGateway: bankmux.ErrUnavailable, http.StatusTooManyRequests: bankmux.ErrRateLimited,
		http.StatusForbidden: bankmux.ErrNotPermitted, http.StatusFound: bankmux.ErrMalformed,
		http.StatusBadRequest: bankmux.ErrInvalid,
	} {
		s.answers(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
			_, _ = w.Write([]byte("<html>planted-secret</html>"))
			return true
		})
		_, err := s.client.Identity(t.Context(), bankmux.IdentityRequest{Connection: conn})
		e := errorOf(t, err)
		assert.Equal(t, kind, e.Kind, status)
		assert.Empty(t, e.Code)
		assert.NotContains(t, err.Error(), "planted")
		if status == http.StatusBadGateway {
			assert.Equal(t, bankmux.ScopeProvider, e.Affects(), "a proxy says nothing about an Item")
		}
	}
}

func anErrorNamesTheField(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	s.fails(createPath, http.StatusBadRequest, `{"error_type":"INVALID_REQUEST","error_code":"INVALID_FIELD",
		"error_message":"client_user_id must not be planted@example.com","request_id":"Abc123",
		"documentation_url":"https://plaid.com/docs/errors/invalid-request/","display_message":"planted",
		"suggested_action":null}`)
	_, err := s.client.CreateSession(t.Context(), request)
	e := errorOf(t, err)
	assert.Equal(t, "client_user_id", e.Field)
	assert.Equal(t, "Abc123", e.RequestID)
	assert.Equal(t, "https://plaid.com/docs/errors/invalid-request/", e.Docs)
	assert.NotContains(t, err.Error(), "planted")
}

func anErrorSaysWhyAConsentEnded(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(bankmux.SessionRequest{
		User: "user-1", Country: "GB", RedirectURI: "https://app.example.com/oauth",
	}, "ins_900201") // users log in on a page of this bank
	require.NoError(t, s.bank.Lapse(conn.Reference()))
	_, err := s.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	e := errorOf(t, err)
	assert.Equal(t, bankmux.ErrReauth, e.Kind)
	assert.Equal(t, "ITEM_LOGIN_REQUIRED", e.Code)
	assert.Equal(t, "the login or the consent has ended: the consent at the bank has expired", e.Detail)
	s.fails("/accounts/get", http.StatusBadRequest, `{"error_type":"ITEM_ERROR","error_code":"ITEM_LOGIN_REQUIRED",
		"error_code_reason":"planted","error_message":"a message","display_message":null}`)
	_, err = s.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	assert.Equal(t, "the login or the consent has ended", errorOf(t, err).Detail)
}

func aResponseWithoutItsMembersIsMalformed(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, func(c *plaid.Config) {
		c.Guard = guard.New(guard.Options{
			Retry: guard.RetryOptions{MaxAttempts: 1}, Breaker: guard.BreakerOptions{Disabled: true},
		})
	})
	conn := s.connect(request, "")
	s.answers(func(w http.ResponseWriter, _ *http.Request) bool { return write(w, http.StatusOK, `{"item":{}}`) })
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"a session": func() error {
			_, err := s.client.CreateSession(ctx, request)
			return err
		},
		"a status": func() error {
			_, err := s.client.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: conn})
			return err
		},
		"a removal": func() error {
			_, err := s.client.Disconnect(ctx, bankmux.DisconnectRequest{Connection: conn})
			return err
		},
		"owners": func() error {
			_, err := s.client.Identity(ctx, bankmux.IdentityRequest{Connection: conn})
			return err
		},
		"a bank": func() error {
			_, err := s.client.Institution(ctx, bankmux.InstitutionRequest{ID: "ins_1"})
			return err
		},
		"credentials": func() error { return s.client.Check(ctx) },
	} {
		require.ErrorIs(t, call(), bankmux.ErrMalformed, name)
	}
}
