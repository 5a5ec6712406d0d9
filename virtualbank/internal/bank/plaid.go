package bank

// This file has the accounts that only books of Plaid's institutions have.

import "slices"

// Kinds of accounts that only books of Plaid's own institutions have. Nothing happens there of
// itself.
var (
	kindDeposit  = Kind{Plaid: "depository/cd", Quiet: true}
	kindStudent  = Kind{Plaid: "loan/student", Debt: true, Quiet: true}
	kindMortgage = Kind{Plaid: "loan/mortgage", Debt: true, Quiet: true}
	kindIRA      = Kind{Plaid: "investment/ira", Quiet: true}
)

// openAtPlaid opens the accounts of an institution that only Plaid serves. Those in North America
// have the names, masks and numbers of Plaid's sandbox.
func (bk *Book) openAtPlaid(add func(key string, kind Kind, name string, opening, limit int64)) {
	if !slices.Contains([]string{"US", "CA"}, bk.Institution.Country) {
		add("checking", KindChecking, "Current Account", 2500, 0)
		add("savings", KindSavings, "Savings Account", 8000, 0)
		add("card", kindCard, "Credit Card", -300, 4000)
		return
	}
	add("checking", KindChecking, "Plaid Checking", 110, 0)
	add("savings", KindSavings, "Plaid Saving", 210, 0)
	add("cd", kindDeposit, "Plaid CD", 1000, 0)
	add("card", kindCard, "Plaid Credit Card", -410, 2000)
	if slices.Contains(bk.Institution.Products, "investments") {
		add("ira", kindIRA, "Plaid IRA", 32000, 0)
	}
	add("student", kindStudent, "Plaid Student Loan", -65262, 0)
	add("mortgage", kindMortgage, "Plaid Mortgage", -56302, 0)
	for i, mask := range []string{"0000", "1111", "2222", "3333"} {
		bk.Accounts[i].Number, bk.Accounts[i].Mask = "111122223333"+mask, mask
	}
}
