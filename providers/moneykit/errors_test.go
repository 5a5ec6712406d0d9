package moneykit_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/virtualbank"
)

func TestTheEndpointDecidesWhatARateLimitConcerns(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request)
	client := intercepted(t, s, func(w http.ResponseWriter, r *http.Request) bool {
		return strings.HasPrefix(r.URL.Path, "/links/") &&
			write(w, http.StatusTooManyRequests, "application/json", `{"error_code":"api_error.rate_limit_exceeded"}`)
	})
	for name, c := range map[string]struct {
		call  func() error
		scope bankmux.Scope
	}{
		"a refresh is limited for each link": {func() error {
			_, err := client.Refresh(t.Context(), bankmux.RefreshRequest{Connection: conn, Products: []bankmux.Product{bankmux.ProductAccounts}})
			return err
		}, bankmux.ScopeConnection},
		"a read is limited for the application": {func() error {
			_, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
			return err
		}, bankmux.ScopeApp},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := c.call()
			require.ErrorIs(t, err, bankmux.ErrRateLimited)
			e, _ := errors.AsType[*bankmux.Error](err)
			require.NotNil(t, e)
			assert.Equal(t, c.scope, e.Affects())
		})
	}
}
