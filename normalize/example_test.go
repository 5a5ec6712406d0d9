package normalize_test

import (
	"fmt"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// A provider answers a class beside each code, as Plaid does with error_type and error_code.
func ExampleCatalogue_Error() {
	table := normalize.NewCatalogue(
		normalize.Row{Class: "ITEM_ERROR", Kind: bankmux.ErrReauth},
		normalize.Row{Class: "API_ERROR", Kind: bankmux.ErrUnavailable},
		// One Item's trouble, which must not open the circuit for all.
		normalize.Row{Code: "INTERNAL_SERVER_ERROR", Kind: bankmux.ErrUnavailable, Scope: bankmux.ScopeCall},
		normalize.Row{Code: "INVALID_ACCESS_TOKEN", Kind: bankmux.ErrGone},
		normalize.Row{Code: "INVALID_ACCESS_TOKEN", Endpoint: "POST /item/remove", Kind: bankmux.ErrInvalid},
	)
	for _, failure := range []normalize.Failure{
		{Endpoint: "POST /accounts/get", Class: "ITEM_ERROR", Code: "A_NEW_CODE", Status: 400},
		{Endpoint: "POST /accounts/get", Class: "API_ERROR", Code: "INTERNAL_SERVER_ERROR", Status: 500},
		{Endpoint: "POST /accounts/get", Class: "INVALID_INPUT", Code: "INVALID_ACCESS_TOKEN", Status: 400},
		{Endpoint: "POST /item/remove", Class: "INVALID_INPUT", Code: "INVALID_ACCESS_TOKEN", Status: 400},
		{Endpoint: "POST /accounts/get", Class: "A_NEW_CLASS", Code: "A_NEW_CODE", Status: 500},
	} {
		e := table.Error(failure)
		fmt.Println(e.Kind, e.Affects(), e.Unlisted)
	}
	// Output:
	// reauth_required connection false
	// provider_unavailable call false
	// connection_gone connection false
	// invalid_request call false
	// provider_unavailable provider true
}
