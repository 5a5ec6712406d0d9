package bankmux

// This file describes transactions and the calls that read them.

import (
	"context"
	"iter"
	"time"

	"github.com/bankmux/bankmux/internal/recent"
)

// TransactionsRequest asks for the transactions between two days, both included, in the bank's
// calendar.
type TransactionsRequest struct {
	Connection Connection
	Accounts   []string    // the provider's ids; without Cards, nil means all accounts
	Cards      []string    // the provider's ids of cards, if it keeps cards apart; otherwise [ErrUnsupported]
	From       Date        // zero means 90 days before To
	To         Date        // zero means today; a later day counts as today
	Beyond     RangePolicy // what to do about days the bank does not serve
	Enrich     bool        // with category and merchant; needs [CapEnrichment]
	PageSize   int         // rows per page at most; 0 leaves it to the adapter
	Page       string      // [TransactionPage.Next] of the previous page; "" is the first page
	Answers    *Answers    // to a [Challenge] of an earlier try; it knows the page
}

// RangePolicy says what to do about days that the bank does not serve. It does not apply to a
// request without From.
type RangePolicy string

// The policies.
const (
	RangeRefuse RangePolicy = ""      // [ErrInvalid]
	RangeClamp  RangePolicy = "clamp" // leave them out; [TransactionPage.Covered] has what was served
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
	return c.checkWindow("TransactionsRequest", r.From, r.To, r.PageSize)
}

// TransactionPage is one page.
type TransactionPage struct {
	Transactions []Transaction
	Failed       []Failure // rows and accounts that could not be read
	Covered      []Covered // days that are complete with this page
	Gaps         []Covered // days that the bank should serve, but refuses
	Outside      int       // rows dropped because the provider returned days or accounts that were not asked for
	Next         string    // "" at the end
	AsOf         time.Time `json:",omitzero"` // when the provider read them, zero if it does not say
}

// Covered is a span of days that the bank served in full. Other days may have rows that were not
// read.
type Covered struct {
	Account string `json:"account,omitempty"` // "" means all accounts asked for
	Card    bool   `json:"card,omitempty"`
	From    Date   `json:"from"` // included
	To      Date   `json:"to"`   // included
}

// Transaction is one movement of money in one account.
type Transaction struct {
	// the provider's, which may change; "" if it has none (Dapi)
	ID      string `json:"id,omitempty"`
	Account string `json:"account"`        // the provider's id of the account or card
	Card    bool   `json:"card,omitempty"` // Account is the id of a card
	// positive into the account, negative out of it, for every kind of account
	Amount Money             `json:"amount"`
	Status TransactionStatus `json:"status"` // "" if the provider does not say (Dapi)
	// the provider's id of the pending row that this posted one replaces
	Replaces string `json:"replaces,omitempty"`
	// the day of booking; of a pending row, the day on which it was made
	Date Date `json:"date"`
	// the day of posting, if the provider names it
	BookingDate Date `json:"booking_date,omitzero"`
	// when interest starts to count, if the provider names it
	ValueDate      Date          `json:"value_date,omitzero"`
	At             time.Time     `json:"at,omitzero"`               // if the provider gave an instant
	Description    string        `json:"description,omitempty"`     // to show
	RawDescription string        `json:"raw_description,omitempty"` // as the bank wrote it
	Details        string        `json:"details,omitempty"`         // a second text of the bank
	Reference      string        `json:"reference,omitempty"`       // the bank's
	Counterparty   *Counterparty `json:"counterparty,omitempty"`    // nil if the provider does not name it
	// zero if absent; it does not identify the row
	BalanceBefore Money       `json:"balance_before"`
	BalanceAfter  Money       `json:"balance_after"`
	OriginalID    string      `json:"original_id,omitempty"` // the application's own id of an imported row
	Enrichment    *Enrichment `json:"enrichment,omitempty"`
}

// Counterparty is who paid or was paid, as the bank says. [Enrichment] has what the provider
// concluded about a row.
type Counterparty struct {
	Name string `json:"name,omitempty"`
	IBAN string `json:"iban,omitempty"`
}

// TransactionStatus says whether money has moved. Unknown values are kept.
type TransactionStatus string

// The statuses.
const (
	StatusBooked  TransactionStatus = "booked"
	StatusPending TransactionStatus = "pending" // may vanish, or be replaced with another id and amount
)

// Enrichment is what the provider concluded about a transaction.
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
	Confidence int    `json:"confidence,omitempty"` // percent; 0 if absent
}

// Merchant is who was paid.
type Merchant struct {
	ID         string `json:"id,omitempty"`
	Name       string `json:"name,omitempty"`
	LogoURL    string `json:"logo_url,omitempty"`
	Confidence int    `json:"confidence,omitempty"` // percent; 0 if absent
}

// Recurrence says that a payment recurs.
type Recurrence struct {
	Frequency string `json:"frequency,omitempty"` // in the provider's words
	Next      Date   `json:"next"`                // zero if absent
}

// Transactions ranges over the rows of all pages. The loop continues after an error about one row
// or one account ([Failure]), and ends after any other error. So a loop that ignores errors also
// ends. A row that occurs on two pages, because the list grew in between, is returned once. Errors
// are those of [TransactionLister].
//
// Each page is one call. To continue after an interruption, use the request's Page or the
// [Challenge].
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

// TransactionPages is [Client.Transactions] page by page. A page also has the days that it covers.
// Its Next is the Page of a request that continues after it.
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
			_ = c.partial(&opTransactions, &req.Connection, page.Failed)
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
		return call(ctx, c, &opTransactions, &req, EnrichedTransactionLister.EnrichedTransactionPage)
	}
	return call(ctx, c, &opTransactions, &req, TransactionLister.TransactionPage)
}
