package bankmux

// This file describes balances and the call that reads them.

import (
	"context"
	"slices"
	"time"
)

// BalancesRequest asks for balances.
type BalancesRequest struct {
	Connection Connection
	Accounts   []string // the provider's ids of accounts; without Cards, nil means all accounts
	Cards      []string // the provider's ids of cards, if it keeps cards apart; otherwise [ErrUnsupported]
	// Known has the accounts as [Client.Accounts] listed them, to save a call at Dapi. Dapi's
	// balances do not say whether they are debts, so the client must know the kind of each account.
	// It lists the accounts first, unless Known has all accounts that the request names. At Dapi, a
	// request that names neither accounts nor cards reads the accounts in Known.
	Known []Account
	// Fresh and MaxAge are for providers that serve both stored and fresh balances. Fresh asks the
	// bank. MaxAge asks the bank only if the stored balances are older. If both are set, MaxAge
	// decides. If neither is set, the provider decides. Other providers ignore both. [Balance.AsOf]
	// says how old a balance is. Fresh balances may be billed, and take as long as the bank does.
	Fresh   bool
	MaxAge  time.Duration
	Answers *Answers // to a [Challenge] of an earlier try
}

func (r *BalancesRequest) prepare(c *Client, op *Op) error {
	if err := r.Connection.prepare(c, op); err != nil {
		return err
	}
	if err := checkIDs("BalancesRequest", r.Accounts, r.Cards); err != nil {
		return err
	}
	if err := c.checkCards("BalancesRequest", r.Cards); err != nil {
		return err
	}
	if r.MaxAge < 0 {
		return invalid("BalancesRequest.MaxAge", "is negative")
	}
	return r.Answers.prepare(op)
}

// BalancesResult holds balances. Failed has what could not be read. An unread balance is never
// zero.
type BalancesResult struct {
	Balances []AccountBalances
	Failed   []Failure
}

// AccountBalances are the balances that the bank reported for one account or card.
type AccountBalances struct {
	Account  string    `json:"account"`        // the provider's id of the account or card
	Card     bool      `json:"card,omitempty"` // Account is the id of a card
	Balances []Balance `json:"balances,omitempty"`
	Due      Date      `json:"due"` // the last day to pay BalanceDue, zero if the bank does not say
}

// Of returns the balance of a kind, and false if the bank did not report it. Absent is not zero.
func (b AccountBalances) Of(kind BalanceKind) (Money, bool) {
	for _, one := range b.Balances {
		if one.Kind == kind {
			return one.Money, true
		}
	}
	return Money{}, false
}

// Balance is one amount, and the time at which it was true.
type Balance struct {
	Kind BalanceKind `json:"kind"`
	// Money is never absent in what [Client.Balances] returns: such a balance is left out.
	Money Money     `json:"money"`
	AsOf  time.Time `json:"as_of,omitzero"` // zero if the provider does not say
}

// BalanceKind says what a balance means. Money of the user is positive, debt is negative: a card on
// which 784.60 is owed has a booked balance of -784.60.
type BalanceKind string

// The kinds of balance.
const (
	BalanceBooked    BalanceKind = "booked"    // what has been posted
	BalanceAvailable BalanceKind = "available" // what can be spent now
	BalanceLimit     BalanceKind = "limit"     // the credit or overdraft limit; positive
	BalanceDue       BalanceKind = "due"       // what has to be paid by a date; negative
)

// Balances reads balances. It may be repeated. If some accounts fail, Balances returns the balances
// of the others and a [*PartialError] that names the failures. If the bank asks the user, the
// [Challenge] keeps what was read before. For the other errors see [BalanceReader].
func (c *Client) Balances(ctx context.Context, req BalancesRequest) (BalancesResult, error) {
	if c.desc.PerAccount && c.Has(CapBalances) {
		res, err := c.balancesEach(ctx, req)
		return res, resumable(err, &req)
	}
	res, err := call(ctx, c, &opBalances, &req, BalanceReader.Balances)
	res.Balances = withMoney(res.Balances)
	if err == nil {
		err = c.partial(&opBalances, &req.Connection, res.Failed)
	}
	return res, err
}

// withMoney returns the balances of accounts without those that have no money, which are absent.
func withMoney(all []AccountBalances) []AccountBalances {
	absent := func(b Balance) bool { return b.Money.IsZero() }
	for i := range all {
		if one := all[i]; slices.ContainsFunc(one.Balances, absent) {
			all = slices.Clone(all) // the adapter may keep them
			all[i].Balances = slices.DeleteFunc(slices.Clone(one.Balances), absent)
		}
	}
	return all
}
