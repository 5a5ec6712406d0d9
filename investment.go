package bankmux

// This file reads investment accounts: positions and their transactions.

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/govalues/decimal"

	"github.com/bankmux/bankmux/internal/recent"
)

// HoldingsRequest asks for positions.
type HoldingsRequest struct {
	Connection Connection
	Accounts   []string // the provider's ids; nil means all
	Answers    *Answers // to a [Challenge] of an earlier try
}

func (r *HoldingsRequest) prepare(c *Client, op *Op) error {
	if err := r.Connection.prepare(c, op); err != nil {
		return err
	}
	if err := checkIDs("HoldingsRequest", r.Accounts); err != nil {
		return err
	}
	return r.Answers.prepare(op)
}

// HoldingsResult holds positions.
type HoldingsResult struct {
	Holdings   []Holding
	Securities []Security
	Failed     []Failure
	AsOf       time.Time `json:",omitzero"` // when the provider read them, zero if it does not say
}

// Holding is a position in one security. An absent amount is the zero [Money].
type Holding struct {
	Account   string          `json:"account"`
	Security  string          `json:"security"` // [Security.ID]
	Quantity  decimal.Decimal `json:"quantity"`
	Price     Money           `json:"price"` // per unit
	PriceAsOf time.Time       `json:"price_as_of,omitzero"`
	Value     Money           `json:"value"`
	CostBasis Money           `json:"cost_basis"` // paid in total
}

// Security is something that an account can hold.
type Security struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Kind       string   `json:"kind"` // the provider's word: "equity", "etf", "bond", "fund", "cash", …
	Currency   Currency `json:"currency,omitempty"`
	Ticker     string   `json:"ticker,omitempty"`
	ISIN       string   `json:"isin,omitempty"`
	SEDOL      string   `json:"sedol,omitempty"`
	CUSIP      string   `json:"cusip,omitempty"`
	MIC        string   `json:"mic,omitempty"` // exchange of the ticker, ISO 10383
	ClosePrice Money    `json:"close_price"`   // zero if absent
	CloseDate  Date     `json:"close_date"`
}

// InvestmentTransactionsRequest asks for the events between two days.
type InvestmentTransactionsRequest struct {
	Connection Connection
	Accounts   []string // the provider's ids; nil means all
	From, To   Date     // inclusive; see [TransactionsRequest]
	PageSize   int      // rows per page at most; 0 leaves it to the adapter
	Page       string   // [InvestmentTransactionPage.Next] of the previous page; "" is the first page
	Answers    *Answers // to a [Challenge] of an earlier try
}

func (r *InvestmentTransactionsRequest) prepare(c *Client, op *Op) error {
	if err := r.Connection.prepare(c, op); err != nil {
		return err
	}
	if err := checkIDs("InvestmentTransactionsRequest", r.Accounts); err != nil {
		return err
	}
	if err := c.checkWindow("InvestmentTransactionsRequest", r.From, r.To, r.PageSize); err != nil {
		return err
	}
	return r.Answers.prepare(op)
}

// InvestmentTransactionPage is one page.
type InvestmentTransactionPage struct {
	Transactions []InvestmentTransaction
	Securities   []Security
	Failed       []Failure
	Outside      int       // rows dropped because the provider returned days or accounts that were not asked for
	Next         string    // "" at the end
	AsOf         time.Time `json:",omitzero"` // when the provider read them, zero if it does not say
}

// InvestmentTransaction is one event in an investment account. Amounts follow the sign rule of
// [Money]: into the account is positive. An absent value is zero.
type InvestmentTransaction struct {
	ID       string `json:"id"`
	Account  string `json:"account"`
	Security string `json:"security,omitempty"` // [Security.ID]
	// the start of ProviderKind, up to its first dot: "buy", "sell", "cash", "fee", "transfer"
	Kind         string          `json:"kind"`
	ProviderKind string          `json:"provider_kind"` // in the provider's words: "buy.buy_to_cover"
	Amount       Money           `json:"amount"`
	Fees         Money           `json:"fees"` // charged is negative, refunded positive
	Date         Date            `json:"date"`
	At           time.Time       `json:"at,omitzero"` // if the provider gave an instant
	Description  string          `json:"description,omitempty"`
	Price        Money           `json:"price"` // per unit
	Quantity     decimal.Decimal `json:"quantity"`
	ForexRate    decimal.Decimal `json:"forex_rate"`
}

// InvestmentTransactions ranges over the rows of all pages. The loop continues after an error about
// one row ([Failure]), and ends after any other error. Errors are those of
// [InvestmentTransactionLister].
func (c *Client) InvestmentTransactions(
	ctx context.Context,
	req InvestmentTransactionsRequest,
) iter.Seq2[InvestmentTransaction, error] {
	return func(yield func(InvestmentTransaction, error) bool) {
		for page, err := range c.InvestmentTransactionPages(ctx, req) {
			if err != nil {
				yield(InvestmentTransaction{}, err)
				return
			}
			for _, t := range page.Transactions {
				if !yield(t, nil) {
					return
				}
			}
			for _, f := range page.Failed {
				if !yield(InvestmentTransaction{}, f) {
					return
				}
			}
		}
	}
}

// InvestmentTransactionPages is [Client.InvestmentTransactions] page by page. A page also has the
// securities and the number of dropped rows. Its Next is the Page of a request that continues after
// it. An error ends the loop. A row that occurs on two pages, because the list grew in between, is
// returned once.
func (c *Client) InvestmentTransactionPages(
	ctx context.Context,
	req InvestmentTransactionsRequest,
) iter.Seq2[InvestmentTransactionPage, error] {
	return func(yield func(InvestmentTransactionPage, error) bool) {
		var seen recent.Rows
		var old stale
		answers := req.Answers
		pages(req.Page, func(at string) (InvestmentTransactionPage, string, error) {
			req.Page, req.Answers = at, answers
			answers = nil // a challenge is answered once
			page, err := call(
				ctx,
				c,
				&opInvestmentTransactions,
				&req,
				InvestmentTransactionLister.InvestmentTransactionPage,
			)
			return page, page.Next, err
		}, func(page InvestmentTransactionPage, err error) bool {
			if err != nil {
				return yield(page, err)
			}
			rows := len(page.Transactions)
			page.Transactions = slices.DeleteFunc(page.Transactions, func(t InvestmentTransaction) bool {
				return !seen.Add(&recent.Row{
					Account: t.Account, ID: t.ID, Text: t.Security + " " + t.Description, Amount: t.Amount.amount,
					Year: t.Date.Year, Month: t.Date.Month, Day: t.Date.Day,
				})
			})
			if err := old.page(rows, len(page.Transactions), page.Outside); err != nil {
				op := opInvestmentTransactions
				op.Connection = req.Connection.ID
				yield(InvestmentTransactionPage{}, c.describe(&op, err))
				return false
			}
			_ = c.partial(&opInvestmentTransactions, &req.Connection, page.Failed)
			return yield(page, nil)
		})
	}
}

// Holdings reads positions. It may be repeated. If a part cannot be read, Holdings returns the rest
// and a [*PartialError]. For the other errors see [HoldingReader].
func (c *Client) Holdings(ctx context.Context, req HoldingsRequest) (HoldingsResult, error) {
	res, err := call(ctx, c, &opHoldings, &req, HoldingReader.Holdings)
	if err == nil {
		err = c.partial(&opHoldings, &req.Connection, res.Failed)
	}
	return res, err
}
