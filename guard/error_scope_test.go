package guard_test

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/normalize"
)

// TestErrorScope specifies which circuit an error opens, by the scope of its row in the catalogue.
func TestErrorScope(t *testing.T) {
	t.Parallel()
	table := normalize.NewCatalogue(
		normalize.Row{Class: "API_ERROR", Kind: bankmux.ErrUnavailable},
		normalize.Row{Code: "INTERNAL_SERVER_ERROR", Kind: bankmux.ErrUnavailable, Scope: bankmux.ScopeCall},
		normalize.Row{Class: "INSTITUTION_ERROR", Kind: bankmux.ErrInstitution},
		normalize.Row{Code: "INSTITUTION_RATE_LIMIT", Kind: bankmux.ErrRateLimited, Scope: bankmux.ScopeInstitution},
		normalize.Row{Class: "RATE_LIMIT_EXCEEDED", Kind: bankmux.ErrRateLimited},
		normalize.Row{Class: "ITEM_ERROR", Kind: bankmux.ErrReauth},
		normalize.Row{Code: "UNSUPPORTED_RESPONSE", Kind: bankmux.ErrInstitution, Scope: bankmux.ScopeConnection},
	)
	for name, c := range map[string]struct {
		failure        normalize.Failure
		bank, provider string
	}{
		"a code of a class that counts against the provider": {
			normalize.Failure{Class: "API_ERROR", Code: "NEW", Status: 500}, "", "open",
		},
		"a code of that class that counts against nothing": {
			normalize.Failure{Class: "API_ERROR", Code: "INTERNAL_SERVER_ERROR", Status: 500}, "", "closed",
		},
		"a class that counts against the bank": {
			normalize.Failure{Class: "INSTITUTION_ERROR", Code: "NEW", Status: 400}, "open", "closed",
		},
		"a code of that class that counts against nothing, too": {
			normalize.Failure{Class: "INSTITUTION_ERROR", Code: "UNSUPPORTED_RESPONSE", Status: 400}, "", "closed",
		},
		"a rate limit of the bank": {
			normalize.Failure{Class: "RATE_LIMIT_EXCEEDED", Code: "INSTITUTION_RATE_LIMIT", Status: 429},
			"open",
			"closed",
		},
		"a rate limit of the application": {
			normalize.Failure{Class: "RATE_LIMIT_EXCEEDED", Code: "NEW", Status: 429}, "", "closed",
		},
		"a class of the connection, whatever the status": {
			normalize.Failure{Class: "ITEM_ERROR", Code: "NEW", Status: 500}, "", "closed",
		},
		"neither code nor class is listed": {
			normalize.Failure{Class: "NEW", Code: "NEW", Status: 500}, "", "open",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBanks(t, guard.Options{})
				b.answer = func(context.Context, bankmux.Op) error { return table.Error(c.failure) }
				for i := range 20 {
					_ = b.call("bank", strconv.Itoa(i))
				}
				assert.Equal(t, c.bank, b.of("bank"))
				assert.Equal(t, c.provider, b.provider())
			})
		})
	}
}
