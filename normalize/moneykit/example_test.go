package moneykit_test

import (
	"fmt"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
	"github.com/bankmux/bankmux/normalize/moneykit"
)

func ExampleAccountKind() {
	for _, word := range []string{"depository.checking", "liability.credit_card", "loan.mortgage", "crystal.ball"} {
		fmt.Println(word, moneykit.AccountKind(word))
	}
	// Output:
	// depository.checking checking
	// liability.credit_card credit_card
	// loan.mortgage mortgage
	// crystal.ball unknown
}

// The error_code of a link decides what an application does about it.
func ExampleStatus() {
	for _, code := range []string{"auth_expired", "institution_error", "incomplete"} {
		fmt.Println(code, moneykit.Status("error", code).State)
	}
	// Output:
	// auth_expired reauth_required
	// institution_error degraded
	// incomplete pending
}

// For a link in a bad state, the reason decides.
func ExampleError() {
	failure := normalize.Failure{Code: "link_error.bad_state", Status: 422}
	fmt.Println(moneykit.Error(failure, "auth_expired").Kind)
	fmt.Println(moneykit.Error(failure, "institution_error").Kind)
	// Output:
	// reauth_required
	// institution_unavailable
}

func ExampleProduct() {
	for _, product := range []bankmux.Product{
		bankmux.ProductTransactions, bankmux.ProductAccounts, bankmux.ProductCards,
	} {
		name, ok := moneykit.Product(product)
		fmt.Printf("%s %q %v\n", product, name, ok)
	}
	// Output:
	// transactions "transactions" true
	// accounts "" true
	// cards "" false
}

func ExampleEvent() {
	fmt.Println(moneykit.Event("link.state_changed", "error"))
	fmt.Println(moneykit.Event("link.state_changed", "deleted"))
	// Output:
	// connection_state_changed
	// connection_deleted
}
