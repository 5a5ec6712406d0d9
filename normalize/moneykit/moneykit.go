// Package moneykit is MoneyKit's part of package normalize: it turns MoneyKit's links, states,
// error codes, products, account types and events into the model of bankmux. It is tables and pure
// functions, does no I/O, and may be used by any number of goroutines.
package moneykit

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// Connection is the connection a link_id stands for. The link id is
// also the credential, for whoever has it and the application's keys can read the bank. A link does
// not say in which country its bank is: where i has none, the one known from before a reconnect
// stays. products are the names of those that are there.
// A link without id, or with one that is not all visible characters, is [bankmux.ErrMalformed].
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

// Status turns a link's state and error_code into a status as of now.
// A state or error that is not listed is kept as text.
func Status(state, errorCode string) bankmux.Status {
	st := bankmux.Status{Code: errorCode, At: bankmux.Moment(time.Now())}
	switch state {
	case "connected":
		st.State = bankmux.StateActive // a stored error_code of an earlier refresh changes nothing
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

// settings are the products a session can name; accounts are implied.
var settings = []string{"account_numbers", "identity", "transactions", "investments"}

// Product is the name under which a session asks for a product: "" for
// accounts, which are implied; false for one that a session cannot ask for.
func Product(p bankmux.Product) (wire string, ok bool) {
	if p == bankmux.ProductAccounts {
		return "", true
	}
	if slices.Contains(settings, string(p)) {
		return string(p), true
	}
	return "", false
}

// ProductOf is the product of a link's member. The model uses
// MoneyKit's words, so an unknown one is kept as it is.
func ProductOf(wire string) bankmux.Product { return bankmux.Product(wire) }

// AccountKind is our word for a MoneyKit account type: a dotted one such as
// depository.checking, or one of the older list such as credit_card or loan.mortgage.
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
