package bankmux

import (
	"context"
	"time"
)

// AccountsRequest asks for accounts.
type AccountsRequest struct {
	Connection Connection
	Accounts   []string // the provider's ids; nil means all
	Answers    *Answers // to a [Challenge] of an earlier try
}

func (r *AccountsRequest) prepare(c *Client, op *Op) error {
	if err := r.Connection.prepare(c, op); err != nil {
		return err
	}
	if err := checkIDs("AccountsRequest", r.Accounts); err != nil {
		return err
	}
	return r.Answers.prepare(op)
}

// AccountsResult holds accounts. What could not be read is in Failed, never left out in silence.
type AccountsResult struct {
	Accounts []Account
	Failed   []Failure
	AsOf     time.Time // when the provider read them, zero where it does not say
}

// Account is one account. Amounts are no part of it: see [BalanceReader].
type Account struct {
	ID           string      `json:"id"`            // the provider's; may change when the user links anew
	Kind         AccountKind `json:"kind"`          // our word
	ProviderKind string      `json:"provider_kind"` // the provider's word for it
	Name         string      `json:"name,omitempty"`
	Nickname     string      `json:"nickname,omitempty"`
	Mask         string      `json:"mask,omitempty"`   // last digits as the bank shows them; not unique
	Number       string      `json:"number,omitempty"` // where it comes with the list (Dapi)
	// where it comes with the list (Dapi); not checked, sandboxes make them up
	IBAN     string   `json:"iban,omitempty"`
	Currency Currency `json:"currency,omitempty"` // "" where the provider does not say
	Closed   bool     `json:"closed,omitempty"`
	// the provider's id of the account behind it, the same in each of its links, where it has one
	PersistentID string `json:"persistent_id,omitempty"`
	OriginalID   string `json:"original_id,omitempty"` // the application's own id of an imported account
}

// AccountKind is our word for what an account is. Unknown values are possible:
// the list grows.
type AccountKind string

// The kinds of account. The last four are debts: their booked balance is negative when money is
// owed.
const (
	AccountChecking   AccountKind = "checking" // current account
	AccountSavings    AccountKind = "savings"
	AccountDeposit    AccountKind = "deposit" // term deposit
	AccountPrepaid    AccountKind = "prepaid"
	AccountInvestment AccountKind = "investment"
	AccountOther      AccountKind = "other"
	AccountUnknown    AccountKind = "unknown"
	AccountCreditCard AccountKind = "credit_card"
	AccountLoan       AccountKind = "loan"
	AccountMortgage   AccountKind = "mortgage"
	AccountLiability  AccountKind = "liability" // a debt of another kind
)

// Liability reports whether the account is a debt.
func (k AccountKind) Liability() bool {
	switch k {
	case AccountCreditCard, AccountLoan, AccountMortgage, AccountLiability:
		return true
	}
	return false
}

// Accounts lists the accounts of a connection. It may be repeated. What could not be read is named
// by a [*PartialError] beside the rest. For the other errors see [AccountLister].
func (c *Client) Accounts(ctx context.Context, req AccountsRequest) (AccountsResult, error) {
	res, err := call(ctx, c, opAccounts, req, AccountLister.Accounts)
	if err == nil {
		err = c.partial(opAccounts, &req.Connection, res.Failed)
	}
	return res, err
}
