package moneykit

import "slices"

// What an answer must have. A list that is not there is not an empty list: taken for one, every
// account and transaction an application knows would seem to be gone. An empty list is [].

// required is an answer that knows what it cannot do without, and says what is missing.
type required interface{ lacks() string }

func unless(there bool, name string) string {
	if there {
		return ""
	}
	return name
}

func (a *accountsAnswer) lacks() string { return unless(a.Accounts.Present, "accounts") }
func (a *numbersAnswer) lacks() string  { return unless(a.Accounts.Present, "accounts") }
func (a *identityAnswer) lacks() string { return unless(a.Accounts.Present, "accounts") }

func (a *transactionsAnswer) lacks() string { return unless(a.Transactions.Present, "transactions") }

func (a *userTransactionsAnswer) lacks() string {
	return unless(a.Transactions.Present, "transactions")
}

func (a *holdingsAnswer) lacks() string { return unless(a.Holdings.Present, "holdings") }

func (a *investmentsAnswer) lacks() string {
	return unless(a.Transactions.Present, "investment_transactions")
}

func (a *institutionsAnswer) lacks() string { return unless(a.Institutions.Present, "institutions") }

// Both members of linksAnswer are optional. One that has neither, but something else, is another
// answer.
func (a *linksAnswer) lacks() string {
	return unless(a.Links.Found || a.NextCursor.Found || len(a.Others) == 0, "links")
}

func (a *webhookTestAnswer) lacks() string { return unless(a.DeliveryToken != "", "delivery_token") }

func (a *syncAnswer) lacks() string {
	t := &a.Transactions
	return unless(t.Created.Present || t.Updated.Present || t.Removed.Present, "transactions")
}

// What an answer has. Data that came were fetched and granted, whatever its link says of the
// product.

func (a *accountsAnswer) data() bool     { return a.Accounts.Len() > 0 }
func (a *transactionsAnswer) data() bool { return a.Transactions.N > 0 }
func (a *holdingsAnswer) data() bool     { return a.Holdings.Len() > 0 }
func (a *investmentsAnswer) data() bool  { return a.Transactions.Len() > 0 }

// The accounts are listed without numbers and owners, too.

func (a *numbersAnswer) data() bool {
	return len(a.Accounts.Bad) > 0 || slices.ContainsFunc(a.Accounts.Rows, func(acc accountNumbers) bool {
		n := &acc.Numbers
		return n.ACH.Len()+n.EFT.Len()+n.BACS.Len()+n.International.Len() > 0
	})
}

func (a *identityAnswer) data() bool {
	return len(a.Accounts.Bad) > 0 ||
		slices.ContainsFunc(a.Accounts.Rows, func(acc accountOwners) bool { return acc.Owners.Len() > 0 })
}

func (a *syncAnswer) data() bool {
	t := &a.Transactions
	return t.Created.N+t.Updated.N+t.Removed.Len() > 0 || a.HasMore.Value
}
