package dapi_test

import (
	"fmt"

	"github.com/govalues/decimal"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
	"github.com/bankmux/bankmux/normalize/dapi"
)

func ExampleAccountKind() {
	for _, word := range []string{"current", "credit", "loan", "brand new"} {
		fmt.Println(word, dapi.AccountKind(word))
	}
	// Output:
	// current checking
	// credit credit_card
	// loan loan
	// brand new unknown
}

// An unlisted type concerns its call alone, even if a server failed.
func ExampleError() {
	e := dapi.Error(normalize.Failure{Code: "INVALID_CREDENTIALS", Status: 401})
	fmt.Println(e.Kind, e.Detail)
	fmt.Println(dapi.Error(normalize.Failure{Code: "BRAND_NEW", Status: 500}).Affects())
	// Output:
	// reauth_required the bank login was changed, and another try can lock the account
	// call
}

// A bank that merged has another name, but the same SWIFT code.
func ExampleAnotherBank() {
	before := bankmux.Institution{Name: "Emirates Bank", BIC: "EBILAEAD", Country: "AE"}
	merged := bankmux.Institution{Name: "Emirates NBD", BIC: "EBILAEADXXX", Country: "AE"}
	other := bankmux.Institution{Name: "Other Bank", BIC: "OTHRAEAD", Country: "AE"}
	fmt.Println(dapi.AnotherBank(before, merged), dapi.AnotherBank(before, other))
	// Output:
	// false true
}

func ExampleDays() {
	fmt.Println(dapi.Days(decimal.MustParse("3"), "months"))
	fmt.Println(dapi.Days(decimal.MustParse("3"), "moons"))
	// Output:
	// 84 true
	// 0 false
}

func ExampleFieldIn() {
	fmt.Println(dapi.FieldIn("Validation error for senderID"))
	// Output:
	// senderID
}
