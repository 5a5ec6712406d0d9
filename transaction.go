package bankmux

import (
	"context"
	"iter"
	"time"

	"github.com/bankmux/bankmux/internal/recent"
)

// TransactionsRequest asks for what happened between two days, both included, in the bank's
// calendar.
type TransactionsRequest struct {
	Connection Connection
	Accounts   []string    // the provider's ids; without Cards, nil means all accounts
	Cards      []string    // the provider's ids of cards, where it keeps them apart; else [ErrUnsupported]
	From       Date        // zero means 90 days before To
	To         Date        // zero means today; a later day is taken for today
	Beyond     RangePolicy // what to do about days the bank does not serve
	Enrich     bool        // with category and merchant; needs [CapEnrichment]
	PageSize   int         // rows a page at most; 0 leaves it to the adapter
	Page       string      // where to go on: [TransactionPage.Next]; "" begins
	Answers    *Answers    // to a [Challenge] of an earlier try, which says itself where to go on
}

// RangePolicy says what to do about days that the bank does not serve. A request without From is
// never beyond.
type RangePolicy string

// The policies.
const (
	RangeRefuse RangePolicy = ""      // [ErrInvalid]
	RangeClamp  RangePolicy = "clamp" // leave them out; [TransactionPage.Covered] tells what was served
)

func (r *TransactionsRequest) prepare(c *Client, op *Op) error {
	if err := r.Connection.prepare(c, op); err != nil {
		return err
	}
	if err := r.check(c); err != nil {
		return err
	}
	return r.Answers.prepare(op)
}

func (r *TransactionsRequest) check(c *Client) error {
	if err := checkIDs("TransactionsRequest", r.Accounts, r.Cards); err != nil {
		return err
	}
	if err := c.checkCards("TransactionsRequest", r.Cards); err != nil {
		return err
	}
	if r.Beyond != RangeClamp && r.Beyond != RangeRefuse {
		return invalid("TransactionsRequest.Beyond", "is neither RangeRefuse nor RangeClamp")
	}
	return checkWindow("TransactionsRequest", r.From, r.To, r.PageSize)
}

// TransactionPage is one page.
type TransactionPage struct {
	Transactions []Transaction
	Failed       []Failure // rows that could not be read, and accounts that could not be asked
	Covered      []Covered // days that are complete now that this page was read
	Gaps         []Covered // days that the bank promises and refuses all the same
	Outside      int       // rows dropped because the provider returned days or accounts that were not asked for
	Next         string    // "" at the end
	AsOf         time.Time // when the provider read them, zero where it does not say
}

// Covered is a span of days that the bank served in full. Outside of what a reading covered there
// may be rows that were not read.
type Covered struct {
	Account string `json:"account,omitempty"` // "" means all accounts asked for
	Card    bool   `json:"card,omitempty"`
	From    Date   `json:"from"` // included
	To      Date   `json:"to"`   // included
}

// Transaction is one movement of money in one account.
type Transaction struct {
	// the provider's; "" where it has none (Dapi). It may change
	ID      string `json:"id,omitempty"`
	Account string `json:"account"`        // the provider's id of the account or card
	Card    bool   `json:"card,omitempty"` // Account is the id of a card
	// into the account is positive, out of it negative, whatever the account
	Amount Money             `json:"amount"`
	Status TransactionStatus `json:"status"` // "" where the provider does not tell (Dapi)
	// the provider's id of the pending row that this posted one replaces
	Replaces string `json:"replaces,omitempty"`
	// when it was booked; while pending, when it began
	Date Date `json:"date"`
	// where the provider names the day of posting as such
	BookingDate Date `json:"booking_date,omitzero"`
	// from when interest counts, where the provider names it
	ValueDate      Date          `json:"value_date,omitzero"`
	At             time.Time     `json:"at"`                        // where the provider gave an instant
	Description    string        `json:"description,omitempty"`     // to show
	RawDescription string        `json:"raw_description,omitempty"` // as the bank wrote it
	Details        string        `json:"details,omitempty"`         // a second text of the bank
	Reference      string        `json:"reference,omitempty"`       // the bank's
	Counterparty   *Counterparty `json:"counterparty,omitempty"`    // nil where the provider does not name it
	// zero where not told; says nothing about who the row is
	BalanceBefore Money       `json:"balance_before"`
	BalanceAfter  Money       `json:"balance_after"`
	OriginalID    string      `json:"original_id,omitempty"` // the application's own id of an imported row
	Enrichment    *Enrichment `json:"enrichment,omitempty"`
}

// Counterparty is who paid or was paid, as the bank says. What somebody concluded about a row is in
// [Enrichment].
type Counterparty struct {
	Name string `json:"name,omitempty"`
	IBAN string `json:"iban,omitempty"`
}

// TransactionStatus says whether money has moved. Unknown values are kept.
type TransactionStatus string

// The statuses.
const (
	StatusBooked  TransactionStatus = "booked"
	StatusPending TransactionStatus = "pending" // may vanish, or come back with another id and amount
)

// Enrichment is what somebody concluded about a transaction.
type Enrichment struct {
	Category    Category   `json:"category"`
	Subcategory Category   `json:"subcategory"`
	Merchant    Merchant   `json:"merchant"`
	Processor   Merchant   `json:"processor"`
	Recurrence  Recurrence `json:"recurrence"`
}

// Category is a provider's word for what money was for. Providers' lists differ and grow.
type Category struct {
	Name       string `json:"name,omitempty"`
	Confidence int    `json:"confidence,omitempty"` // percent; 0 where not told
}

// Merchant is who was paid.
type Merchant struct {
	ID         string `json:"id,omitempty"`
	Name       string `json:"name,omitempty"`
	LogoURL    string `json:"logo_url,omitempty"`
	Confidence int    `json:"confidence,omitempty"` // percent; 0 where not told
}

// Recurrence says that a payment comes again.
type Recurrence struct {
	Frequency string `json:"frequency,omitempty"` // in the provider's words
	Next      Date   `json:"next"`                // zero where not told
}

// Transactions goes through all pages, row by row. After an error about one row or one account
// ([Failure]) it goes on, after any other it ends; so a loop that skips errors ends by itself. Rows
// that appear on two pages because the list grew in between come once. Errors are those of
// [TransactionLister]. Each page is one call; the request's Page and a [Challenge] say where to go
// on.
func (c *Client) Transactions(ctx context.Context, req TransactionsRequest) iter.Seq2[Transaction, error] {
	return func(yield func(Transaction, error) bool) {
		for page, err := range c.TransactionPages(ctx, req) {
			if err != nil {
				yield(Transaction{}, err)
				return
			}
			for i := range page.Transactions {
				if !yield(page.Transactions[i], nil) {
					return
				}
			}
			for _, f := range page.Failed {
				if !yield(Transaction{ID: f.Transaction, Account: f.Account}, f) {
					return
				}
			}
		}
	}
}

// TransactionPages is [Client.Transactions] page by page, for what only a page tells: which days
// are covered, and where to go on.
func (c *Client) TransactionPages(ctx context.Context, req TransactionsRequest) iter.Seq2[TransactionPage, error] {
	return func(yield func(TransactionPage, error) bool) {
		var seen recent.Rows
		var old stale
		asked := req
		each := func(page TransactionPage, err error) bool {
			rows := len(page.Transactions)
			page.Transactions = fresh(&seen, page.Transactions)
			if err == nil {
				if err = old.page(rows, len(page.Transactions), page.Outside); err != nil {
					op := opTransactions
					op.Connection = req.Connection.ID
					yield(TransactionPage{}, c.describe(&op, err))
					return false
				}
			}
			_ = c.partial(opTransactions, &req.Connection, page.Failed)
			return yield(page, resumable(err, &asked))
		}
		if c.desc.PerAccount {
			c.transactionsEach(ctx, req, each)
			return
		}
		ctx := req.Answers.attended(ctx)
		at, answers := req.Page, req.Answers
		if answers != nil {
			at = pageOf(answers)
			answers = answers.forStep()
		}
		pages(at, func(at string) (TransactionPage, string, error) {
			req.Page, req.Answers = at, answers
			answers = nil
			page, err := c.transactionPage(ctx, req)
			return page, page.Next, interrupted(err, opTransactions, "", &progress{Page: at})
		}, each)
	}
}

// transactionPage reads one page from the adapter.
func (c *Client) transactionPage(ctx context.Context, req TransactionsRequest) (TransactionPage, error) {
	if req.Enrich {
		return call(ctx, c, opTransactions, req, EnrichedTransactionLister.EnrichedTransactionPage)
	}
	return call(ctx, c, opTransactions, req, TransactionLister.TransactionPage)
}
