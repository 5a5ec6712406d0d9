package bankmux

import (
	"context"
	"time"
)

// BalancesRequest asks for balances.
type BalancesRequest struct {
	Connection Connection
	Accounts   []string // the provider's ids of accounts; without Cards, nil means all accounts
	Cards      []string // the provider's ids of cards, where it keeps them apart; else [ErrUnsupported]
	// Known are accounts as listed before. At Dapi a balance does not tell a debt from a credit,
	// only the kind of the account does: the client lists the accounts first, unless Accounts or
	// Cards name what is to be read and Known has it.
	Known []Account
	// Fresh asks the bank where the provider also serves balances that it keeps. MaxAge asks the
	// bank only where the kept ones are older; with both set, MaxAge decides. The zero values leave
	// it to the provider. A provider that has one kind of balance ignores both: [Balance.AsOf] says
	// how old it is. Fresh balances may be billed, and take as long as the bank does.
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

// BalancesResult holds balances. What could not be read is in Failed, never zero.
type BalancesResult struct {
	Balances []AccountBalances
	Failed   []Failure
}

// AccountBalances are the balances of one account or card: those the bank told, and no others.
type AccountBalances struct {
	Account  string    `json:"account"`        // the provider's id of the account or card
	Card     bool      `json:"card,omitempty"` // Account is the id of a card
	Balances []Balance `json:"balances,omitempty"`
	Due      Date      `json:"due"` // until when BalanceDue has to be paid, zero where the bank does not say
}

// Of returns the balance of a kind, and false where the bank did not tell it. That is not 0.
func (b AccountBalances) Of(kind BalanceKind) (Money, bool) {
	for _, one := range b.Balances {
		if one.Kind == kind {
			return one.Money, true
		}
	}
	return Money{}, false
}

// Balance is one amount and when it was true.
type Balance struct {
	Kind  BalanceKind `json:"kind"`
	Money Money       `json:"money"`
	AsOf  time.Time   `json:"as_of"` // zero where nobody said
}

// BalanceKind says what a balance means. Money of the user is positive, debt is
// negative: a card on which 784.60 is owed has a booked balance of -784.60.
type BalanceKind string

// The kinds of balance.
const (
	BalanceBooked    BalanceKind = "booked"    // what has been posted
	BalanceAvailable BalanceKind = "available" // what can be spent now
	BalanceLimit     BalanceKind = "limit"     // the credit or overdraft limit; positive
	BalanceDue       BalanceKind = "due"       // what has to be paid by a date; negative
)

// Balances reads balances. It may be repeated. Where the provider serves one account a call,
// accounts that fail do not sink the others: a [*PartialError] names them, and a [Challenge]
// carries what was read before. For the other errors see [BalanceReader].
func (c *Client) Balances(ctx context.Context, req BalancesRequest) (BalancesResult, error) {
	if c.desc.PerAccount && c.Has(CapBalances) {
		res, err := c.balancesEach(ctx, req)
		return res, resumable(err, &req)
	}
	res, err := call(ctx, c, opBalances, req, BalanceReader.Balances)
	if err == nil {
		err = c.partial(opBalances, &req.Connection, res.Failed)
	}
	return res, err
}
