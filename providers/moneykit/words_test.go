package moneykit_test

import (
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/virtualbank"
)

func TestOfMoneyKitsWordsOnlyCodesAndItsDocumentationAreKept(t *testing.T) {
	t.Parallel()
	t.Run("the reason why a product cannot be refreshed", func(t *testing.T) {
		t.Parallel()
		for reason, want := range map[string]string{"institution_migration": "institution_migration", "Rosa closed it": "", "": ""} {
			s := start(t, virtualbank.Options{}, nil)
			conn := s.connect(request)
			require.NoError(t, s.bank.SetUnavailable(conn.Reference(), "transactions", reason))
			res, err := s.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
			require.NoError(t, err)
			found := false
			for _, p := range res.Products {
				if p.Product == bankmux.ProductTransactions {
					found = true
					assert.Equal(t, reason != "", p.Unavailable)
					assert.Equal(t, want, p.UnavailableReason)
				}
			}
			assert.True(t, found)
		}
	})
	t.Run("a page of the documentation", func(t *testing.T) {
		t.Parallel()
		for url, want := range map[string]string{"https://docs.moneykit.com/errors": "https://docs.moneykit.com/errors", "https://docs.moneykit.com/?user=rosa": "", "77": ""} {
			s := start(t, virtualbank.Options{}, nil)
			client := intercepted(t, s, func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/link-session" {
					return false
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusUnprocessableEntity)
				_, _ = io.WriteString(
					w,
					`{"error_code":"api_error.request.validation_failed","error_message":"Rosa","documentation_url":"`+url+`","validation_errors":[{"location":["body","customer_user","id"],"message":"Rosa"}]}`,
				)
				return true
			})
			_, err := client.CreateSession(t.Context(), request)
			e, ok := errors.AsType[*bankmux.Error](err)
			require.True(t, ok)
			assert.Equal(t, want, e.Docs)
			assert.Equal(t, "body.customer_user.id", e.Field)
			assert.ErrorContains(
				t,
				err,
				"invalid_request: the request is malformed (field body.customer_user.id, HTTP 422",
			)
			assert.NotContains(t, err.Error(), "Rosa")
		}
	})
}
