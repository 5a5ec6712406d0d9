package bankmux

// This file describes accounts and the call that reads them.

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

// AccountsResult holds accounts. Failed has what could not be read.
type AccountsResult struct {
	Accounts []Account
	Failed   []Failure
	AsOf     time.Time `json:",omitzero"` // when the provider read them, zero if it does not say
}

// Account is one account. It has no amounts: see [Client.Balances].
type Account struct {
	ID           string      `json:"id"`            // the provider's; may change when the user links again
	Kind         AccountKind `json:"kind"`          // in the library's words
	ProviderKind string      `json:"provider_kind"` // in the provider's words
	Name         string      `json:"name,omitempty"`
	Nickname     string      `json:"nickname,omitempty"`
	Mask         string      `json:"mask,omitempty"`   // last digits as the bank shows them; not unique
	Number       string      `json:"number,omitempty"` // if the list of accounts has it (Dapi)
	// if the list of accounts has it (Dapi); not validated, since sandboxes invent it
	IBAN     string   `json:"iban,omitempty"`
	Currency Currency `json:"currency,omitempty"` // "" if the provider does not say
	Closed   bool     `json:"closed,omitempty"`
	// an id that stays the same when the user links again; "" if the provider has none
	PersistentID string `json:"persistent_id,omitempty"`
	OriginalID   string `json:"original_id,omitempty"` // the application's own id of an imported account
}

// AccountKind is the library's word for the kind of an account. The list may grow.
type AccountKind string

// The kinds of account. The last four are debts. Their booked balance is negative while the user
// owes money.
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

// listAccounts makes the call of Accounts.
func (c *Client) listAccounts(ctx context.Context, req *AccountsRequest) (*AccountsResult, error) {
	var j job[AccountsRequest, AccountsResult]
	j.req = *req
	err := callBy(ctx, c, &opAccounts, &j, func(ctx context.Context, p AccountLister) error {
		out, err := p.Accounts(ctx, j.req)
		j.out = out
		return err
	})
	return &j.out, err
}

// Accounts lists the accounts of a connection. It may be repeated. If a part cannot be read,
// Accounts returns the rest and a [*PartialError]. For the other errors see [AccountLister].
func (c *Client) Accounts(ctx context.Context, req AccountsRequest) (AccountsResult, error) {
	return c.accounts(ctx, &req)
}

// accounts is Accounts without a copy of the request, which lies on the stack while a bank is slow.
func (c *Client) accounts(ctx context.Context, req *AccountsRequest) (AccountsResult, error) {
	res, err := c.listAccounts(ctx, req)
	if err == nil {
		err = c.partial(&opAccounts, &req.Connection, res.Failed)
	}
	return *res, err
}
