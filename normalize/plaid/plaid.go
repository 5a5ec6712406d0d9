// Package plaid is Plaid's part of package normalize. It translates Plaid's Items, error codes,
// products, account types and webhooks into the model of bankmux. It consists of tables and pure
// functions, does no I/O, and is safe for concurrent use.
//
// Package providers/plaid uses it. A program that talks to Plaid itself can use it alone:
//
//	status := plaid.Status("ITEM_ERROR", "ITEM_LOGIN_REQUIRED") // bankmux.StateReauth
package plaid

import (
	"slices"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// Status turns the error of an Item into a status as of now. No error means that the Item works.
// An error that is neither the user's to resolve nor final is [bankmux.StateDegraded].
func Status(errorType, errorCode string) bankmux.Status {
	st := bankmux.Status{State: bankmux.StateActive, At: bankmux.Moment(time.Now())}
	if errorType == "" && errorCode == "" {
		return st
	}
	e := catalogue.Error(normalize.Failure{Code: errorCode, Class: errorType})
	st.Code, st.State = e.Code, e.Kind.State()
	switch {
	case st.State != "":
	case e.Kind == bankmux.ErrConsent:
		st.State = bankmux.StateReauth // the user can grant it in update mode
	default:
		st.State = bankmux.StateDegraded
	}
	return st
}

// product is a product under the model's name and under Plaid's.
type product struct {
	name bankmux.Product
	wire string
}

// products are those that a session can name. Plaid enriches transactions without being asked.
var products = []product{
	{bankmux.ProductAccounts, ""},
	{bankmux.ProductAccountNumbers, "auth"},
	{bankmux.ProductIdentity, "identity"},
	{bankmux.ProductTransactions, "transactions"},
	{bankmux.ProductEnrichment, "transactions"},
	{bankmux.ProductInvestments, "investments"},
}

// Product returns Plaid's name of a product. It is "" for accounts, which every Item has. It
// reports false for a product that Plaid does not have.
func Product(p bankmux.Product) (wire string, ok bool) {
	i := slices.IndexFunc(products, func(row product) bool { return row.name == p })
	if i < 0 {
		return "", false
	}
	return products[i].wire, true
}

// Products returns the products of an Item in the model's words, with accounts, which every Item
// has. A product that the model does not have is kept under Plaid's name.
func Products(wire []string) []bankmux.Product {
	all := []bankmux.Product{bankmux.ProductAccounts}
	for _, name := range wire {
		known := false
		for _, row := range products {
			if name != "" && row.wire == name {
				all, known = append(all, row.name), true
			}
		}
		if !known && name != "" {
			all = append(all, bankmux.Product(normalize.CleanCode(name)))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// AccountKind returns the kind of an account from its type and subtype.
func AccountKind(kind, subtype string) bankmux.AccountKind {
	switch kind {
	case "depository":
		switch subtype {
		case "savings", "money market", "hsa":
			return bankmux.AccountSavings
		case "cd":
			return bankmux.AccountDeposit
		case "prepaid", "ebt":
			return bankmux.AccountPrepaid
		}
		return bankmux.AccountChecking
	case "credit":
		return bankmux.AccountCreditCard
	case "loan":
		switch subtype {
		case "mortgage", "home equity":
			return bankmux.AccountMortgage
		case "line of credit", "overdraft":
			return bankmux.AccountLiability
		}
		return bankmux.AccountLoan
	case "investment", "brokerage": // the latter is the type of versions before 2019
		return bankmux.AccountInvestment
	case "other":
		return bankmux.AccountOther
	}
	return bankmux.AccountUnknown
}
