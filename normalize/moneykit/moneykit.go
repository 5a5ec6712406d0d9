// Package moneykit is MoneyKit's part of package normalize. It translates MoneyKit's links, states,
// error codes, products, account types and events into the model of bankmux. It consists of tables
// and pure functions, does no I/O, and is safe for concurrent use.
//
// Package providers/moneykit uses it. A program that talks to MoneyKit itself can use it alone:
//
//	status := moneykit.Status("error", "auth_expired") // bankmux.StateReauth
package moneykit

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// Connection returns the connection of a link. The link id is also the credential, since with the
// application's keys it gives access to the bank. The connection has the named products.
//
// A link does not say in which country its bank is. If i has no country, the one from before a
// reconnect stays. A link without an id, or with one that is not all visible characters, is
// [bankmux.ErrMalformed].
func Connection(
	s bankmux.Session,
	linkID bankmux.Secret,
	i bankmux.Institution,
	status bankmux.Status,
	products []string,
) (bankmux.Connection, error) {
	id := linkID.Reveal()
	if !normalize.Token(id) {
		return bankmux.Connection{}, &bankmux.Error{
			Kind: bankmux.ErrMalformed, Detail: "the link has no id of visible characters",
		}
	}
	conn := bankmux.NewConnection(s, id, linkID)
	i.Country = cmp.Or(i.Country, conn.Institution.Country)
	conn.Institution, conn.Status = i, status
	conn.Products = slices.Grow([]bankmux.Product(nil), len(products))
	for _, p := range products {
		conn.Products = append(conn.Products, ProductOf(p))
	}
	return conn, nil
}

// Status turns a link's state and error_code into a status as of now. It keeps an unlisted state or
// error as text.
func Status(state, errorCode string) bankmux.Status {
	st := bankmux.Status{Code: errorCode, At: bankmux.Moment(time.Now())}
	switch state {
	case "connected":
		st.State = bankmux.StateActive // an error_code of an earlier refresh changes nothing
	case "connecting", "awaiting_token_exchange":
		st.State, st.Code = bankmux.StatePending, state
	case "deleted":
		st.State = bankmux.StateGone
	case "error":
		switch e := linkErrors.Error(normalize.Failure{Code: errorCode}); e.Kind {
		case bankmux.ErrReauth:
			st.State = bankmux.StateReauth
		case bankmux.ErrUserAction:
			st.State = bankmux.StatePending
		default:
			st.State = bankmux.StateDegraded
		}
	default:
		st.State = bankmux.State(state)
	}
	return st
}

// settings are the products that a session can name. Accounts are always included.
var settings = []string{"account_numbers", "identity", "transactions", "investments"}

// Product returns the name under which a session requests a product. It is "" for accounts, which
// are always included. It reports false for a product that a session cannot request.
func Product(p bankmux.Product) (wire string, ok bool) {
	if p == bankmux.ProductAccounts {
		return "", true
	}
	if slices.Contains(settings, string(p)) {
		return string(p), true
	}
	return "", false
}

// ProductOf returns the product of a link's member. The model uses MoneyKit's words, so an unknown
// one is kept.
func ProductOf(wire string) bankmux.Product { return bankmux.Product(wire) }

// AccountKind returns the kind of a MoneyKit account type. It knows dotted types, such as
// depository.checking, and older ones, such as credit_card or loan.mortgage.
func AccountKind(word string) bankmux.AccountKind {
	family, kind, _ := strings.Cut(strings.ToLower(word), ".")
	switch family {
	case "depository":
		switch kind {
		case "savings", "money_market":
			return bankmux.AccountSavings
		case "prepaid":
			return bankmux.AccountPrepaid
		case "cd", "certificate_of_deposit":
			return bankmux.AccountDeposit
		case "other":
			return bankmux.AccountOther
		}
		return bankmux.AccountChecking
	case "investment":
		return bankmux.AccountInvestment
	case "credit_card":
		return bankmux.AccountCreditCard
	case "liability", "loan":
		switch {
		case kind == "credit_card":
			return bankmux.AccountCreditCard
		case strings.Contains(kind, "mortgage"):
			return bankmux.AccountMortgage
		case family == "loan" || strings.Contains(kind, "loan"):
			return bankmux.AccountLoan
		}
		return bankmux.AccountLiability
	case "other":
		return bankmux.AccountOther
	}
	return bankmux.AccountUnknown
}
