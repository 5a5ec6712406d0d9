package dapi

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// opTransactions is the operation of this file, as errors name it.
const opTransactions = "Transactions"

// The paths of the three lists of transactions; only the first knows cards.
const (
	plainPath       = "/data/transactions/get"
	categorizedPath = "/data/categorizedTransactions/get"
	enrichedPath    = "/data/enrichedTransactions/get"
)

// transactions is POST to one of the paths. The rows go to each as they are read.
func (a *api) transactions(ctx context.Context, op, path string, conn bankmux.Connection, answers *bankmux.Answers, body dataBody, each func(i, left int, row *transaction)) error {
	var out transactionsAnswer
	out.Transactions.Each = func(i int, row *transaction) { each(i, out.Transactions.Left, row) }
	res, err := a.data(ctx, op, path, conn, answers, body, &out)
	if err == nil && !out.Transactions.Told {
		err = res.Lacks("transactions")
	}
	return err
}

// rowBytes is about how long a row is on the wire, to guess from how many there are.
const rowBytes = 240

// windowDays is how many days one call asks for: Dapi has no pages, and a bank may be slow.
const windowDays = 31

// east is how far ahead of UTC the banks are that Dapi serves.
const east = 4 * time.Hour

// today is the last day a transaction can have.
func (a *adapter) today() bankmux.Date { return bankmux.DateOf(a.clock().UTC().Add(east)) }

func (a *adapter) now() time.Time { return a.clock().UTC().Truncate(time.Millisecond) }

// TransactionPage reads up to a month of one account or card, the newest first.
func (a *adapter) TransactionPage(ctx context.Context, req bankmux.TransactionsRequest) (bankmux.TransactionPage, error) {
	return a.transactionPage(ctx, plainPath, req)
}

// EnrichedTransactionPage adds category and brand. Dapi has them for accounts only.
func (a *adapter) EnrichedTransactionPage(ctx context.Context, req bankmux.TransactionsRequest) (bankmux.TransactionPage, error) {
	if len(req.Cards) > 0 {
		return bankmux.TransactionPage{}, &bankmux.Error{Kind: bankmux.ErrUnsupported, Field: "TransactionsRequest.Enrich", Detail: "Dapi does not enrich the transactions of cards", NotSent: true}
	}
	return a.transactionPage(ctx, enrichedPath, req)
}

func (a *adapter) transactionPage(ctx context.Context, path string, req bankmux.TransactionsRequest) (bankmux.TransactionPage, error) {
	if len(req.Accounts)+len(req.Cards) != 1 {
		return bankmux.TransactionPage{}, &bankmux.Error{Kind: bankmux.ErrInvalid, Field: "TransactionsRequest", Detail: "names not exactly one account or card", NotSent: true}
	}
	w, resumed := windowOf(req.Answers)
	if !resumed {
		from, to, err := a.span(ctx, req)
		if err != nil {
			return bankmux.TransactionPage{}, err
		}
		if to.Before(from) {
			return bankmux.TransactionPage{}, nil // clamped to nothing: nothing is covered
		}
		w = window{From: from, To: to}
		if first := to.AddDays(1 - windowDays); first.After(from) {
			w.From, w.Next = first, first.AddDays(-1).String()
		}
	}
	page := bankmux.TransactionPage{AsOf: a.now(), Next: w.Next}
	body := dataBody{FromDate: w.From.String(), ToDate: w.To.String()}
	row := bankmux.Transaction{Card: len(req.Cards) == 1}
	if row.Card {
		row.Account, body.CardID = req.Cards[0], req.Cards[0]
	} else {
		row.Account, body.AccountID = req.Accounts[0], req.Accounts[0]
	}
	err := a.api.transactions(ctx, opTransactions, path, req.Connection, req.Answers, body, func(i, left int, read *transaction) {
		if i == 0 {
			page.Transactions = make([]bankmux.Transaction, 0, left/rowBytes+1)
		}
		page.Transactions = append(page.Transactions, row)
		last := len(page.Transactions) - 1
		if fault := read.fill(&page.Transactions[last]); fault != nil {
			page.Transactions = page.Transactions[:last]
			page.Failed = append(page.Failed, bankmux.Failure{Account: row.Account, Transaction: "row " + strconv.Itoa(i+1), Err: fault})
		}
	})
	if err != nil {
		return bankmux.TransactionPage{}, interrupted(err, w)
	}
	page.Covered = []bankmux.Covered{{Account: row.Account, Card: row.Card, From: w.From, To: w.To}}
	return page, nil
}

// window is what one call asks for and where the next begins. A challenge keeps it, so that the answer goes to the very call that was interrupted, and no other call,
// which would end the user's session at the bank, comes in between.
type window struct {
	From bankmux.Date `json:"from"`
	To   bankmux.Date `json:"to"`
	Next string       `json:"next,omitempty"`
}

// windowOf is the window of the call that answers go on with.
func windowOf(answers *bankmux.Answers) (w window, ok bool) {
	if answers == nil || json.Unmarshal(answers.Challenge.State, &w) != nil {
		return window{}, false
	}
	return w, w.From.IsValid() && w.To.IsValid()
}

// interrupted keeps with a challenge what the adapter needs to go on.
func interrupted(err error, state any) error {
	e := asError(err)
	if e == nil || e.Challenge == nil {
		return err
	}
	raw, marshalErr := json.Marshal(state)
	if marshalErr != nil {
		return err // days and texts: cannot fail
	}
	kept, ch := *e, *e.Challenge
	ch.State = raw
	kept.Challenge = &ch
	return &kept
}

// span is what is left to read of the days asked for and served.
func (a *adapter) span(ctx context.Context, req bankmux.TransactionsRequest) (from, to bankmux.Date, err error) {
	from, to = req.Days(a.today())
	days, err := a.days(ctx, req.Connection)
	if err != nil {
		return from, to, err
	}
	if earliest := a.today().AddDays(1 - days); days > 0 && from.Before(earliest) {
		if !req.From.IsZero() && req.Beyond == bankmux.RangeRefuse {
			return from, to, &bankmux.Error{
				Kind: bankmux.ErrInvalid, Field: "TransactionsRequest.From", NotSent: true,
				Detail: fmt.Sprintf("is before the %d days the bank serves; ask for later days or set Beyond to RangeClamp", days),
			}
		}
		from = earliest
	}
	if req.Page != "" {
		if to, err = bankmux.ParseDate(req.Page); err != nil {
			return from, to, &bankmux.Error{Kind: bankmux.ErrInvalid, Field: "TransactionsRequest.Page", Detail: "is not the Next of a page", NotSent: true}
		}
	}
	return from, to, nil
}

// ranges remembers how many days banks serve: it is about the bank, and asking costs a call. The zero value is ready.
type ranges struct {
	mu    sync.Mutex
	known map[string]rangeOf
}

type rangeOf struct {
	days  int
	until time.Time
}

const (
	rangeLife  = time.Hour
	mostRanges = 1000
)

func (r *ranges) get(bank string, now time.Time) (int, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known, ok := r.known[bank]
	return known.days, ok && now.Before(known.until)
}

func (r *ranges) set(bank string, days int, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil || len(r.known) >= mostRanges {
		r.known = map[string]rangeOf{}
	}
	r.known[bank] = rangeOf{days, now.Add(rangeLife)}
}

func (r *ranges) forget(bank string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, bank)
}

// bankOf names the bank of a connection, or the connection where that is not known.
func bankOf(conn bankmux.Connection) string {
	if conn.Institution.ID != "" {
		return conn.Institution.ID
	}
	return conn.Reference()
}

// days is how many days back the connection's bank serves transactions, 0 where it does not say.
func (a *adapter) days(ctx context.Context, conn bankmux.Connection) (int, error) {
	bank := bankOf(conn)
	if days, ok := a.ranges.get(bank, a.now()); ok {
		return days, nil
	}
	g, err := grantOf(conn)
	if err != nil {
		return 0, err
	}
	answer, err := a.api.metadata(ctx, opTransactions, g)
	if err != nil {
		return 0, err
	}
	served := answer.Metadata.TransactionRange
	days, _ := normalize.DapiDays(served.Value.Value, served.Unit)
	a.ranges.set(bank, days, a.now())
	return days, nil
}

// fill writes the row into the model, or says what is wrong with it. Dapi tells neither id nor status.
func (w *transaction) fill(t *bankmux.Transaction) *bankmux.Error {
	t.Description, t.Details, t.Reference = w.Description, w.Details, w.Reference
	day, ok := normalize.Day(w.Date)
	if !ok {
		return normalize.Unreadable("a transaction whose date cannot be read")
	}
	t.Date = day
	if w.Amount.Absent() || w.Amount.Bad() {
		return normalize.Unreadable("an amount that cannot be read exactly")
	}
	amount, fault := normalize.Signed(w.Amount.Value, normalize.DirectionOf(w.Type), w.Currency.Code)
	if fault != nil {
		return fault
	}
	t.Amount = amount
	t.BalanceBefore, _ = money(w.BeforeAmount, w.Currency) // what cannot be read of these is not told
	t.BalanceAfter, _ = money(w.AfterAmount, w.Currency)
	if w.Category != "" || w.Brand.Name != "" {
		t.Enrichment = &bankmux.Enrichment{
			Category: bankmux.Category{Name: w.Category}, Merchant: bankmux.Merchant{Name: w.Brand.Name, LogoURL: w.Brand.Logo},
		}
	}
	return nil
}
