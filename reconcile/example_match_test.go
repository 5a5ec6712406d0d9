package reconcile_test

import (
	"fmt"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// A user links the same bank again, and the provider gives each account a new id. Match pairs the
// accounts, so that the stored rows keep their account. The two savings accounts look the same, so
// the user must decide.
func ExampleMatch() {
	account := func(id, mask, name string, kind bankmux.AccountKind) bankmux.Account {
		return bankmux.Account{ID: id, Mask: mask, Name: name, Kind: kind, Currency: "USD"}
	}
	before := []bankmux.Account{
		account("old-1", "4410", "Everyday", bankmux.AccountChecking),
		account("old-2", "", "Savings", bankmux.AccountSavings),
		account("old-3", "", "Savings", bankmux.AccountSavings),
	}
	after := []bankmux.Account{
		account("new-1", "", "Savings", bankmux.AccountSavings),
		account("new-2", "****4410", "EVERYDAY", bankmux.AccountChecking),
		account("new-3", "", "Savings", bankmux.AccountSavings),
		account("new-4", "9087", "Visa", bankmux.AccountCreditCard),
	}
	m := reconcile.Match(before, after)
	for _, p := range m.Pairs {
		fmt.Printf("%s is %s, %s: %s\n", p.Old.ID, p.New.ID, p.Confidence, p.Reason)
	}
	for _, a := range m.Ambiguous {
		fmt.Println(len(a.Old), "and", len(a.New), "accounts:", a.Reason)
	}
	for _, a := range m.OnlyNew {
		fmt.Println(a.ID, "is new")
	}
	// Output:
	// old-1 is new-2, likely: the same last digits, kind and currency
	// 2 and 2 accounts: several of the same kind and currency, and nothing that distinguishes them
	// new-4 is new
}

// An application names its accounts by their fingerprint. The same account has the same name at
// another provider, which writes the IBAN in another way.
func ExampleFingerprint() {
	one := bankmux.Account{
		ID: "mk_1", IBAN: "AE07 0331 2345 6789 0123 456", Kind: bankmux.AccountChecking, Currency: "AED",
	}
	other := bankmux.Account{
		ID: "77", IBAN: "ae070331234567890123456", Kind: bankmux.AccountChecking, Currency: "AED", Name: "Current",
	}
	fmt.Println(reconcile.Fingerprint(one) == reconcile.Fingerprint(other))
	other.Currency = "USD"
	fmt.Println(reconcile.Fingerprint(one) == reconcile.Fingerprint(other))
	// Output:
	// true
	// false
}
