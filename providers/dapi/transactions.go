package dapi

import (
	"cmp"
	"context"
	"strings"
	"sync"

	"github.com/govalues/decimal"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
)

// TransactionPage reads up to a month of one account or card, the newest first.
func (a *adapter) TransactionPage(
	ctx context.Context,
	req bankmux.TransactionsRequest,
) (bankmux.TransactionPage, error) {
	return a.byDays(req.Connection, endpoints.transactions).TransactionPage(ctx, req)
}

// EnrichedTransactionPage adds category and brand. Dapi has them for accounts only.
func (a *adapter) EnrichedTransactionPage(
	ctx context.Context,
	req bankmux.TransactionsRequest,
) (bankmux.TransactionPage, error) {
	if len(req.Cards) > 0 {
		return bankmux.TransactionPage{}, &bankmux.Error{
			Kind:    bankmux.ErrUnsupported,
			Field:   "TransactionsRequest.Enrich",
			Detail:  "Dapi does not enrich the transactions of cards",
			NotSent: true,
		}
	}
	return a.byDays(req.Connection, endpoints.enrichedTransactions).TransactionPage(ctx, req)
}

// rowBytes is about how long a row is on the wire, to guess from how many there are.
const rowBytes = 240

// fill writes the row into the model, or says what is wrong with it. What can be read is filled in
// all the same, since it tells which known row this may be. Dapi has neither id nor status.
func (w *transaction) fill(t *bankmux.Transaction) *bankmux.Error {
	if w.unreadable {
		return wire.RowError()
	}
	t.Description, t.Details, t.Reference = w.Description, w.Details, w.Reference
	day, fault := normalize.RowDay(w.Date)
	t.Date = day
	if odd := w.amount(t); odd != nil && fault == nil {
		fault = odd
	}
	if fault != nil {
		return fault
	}
	if w.held != "" || w.exact() {
		t.BalanceBefore, t.BalanceAfter = w.balances()
	}
	if w.Category != "" || w.Brand.Name != "" {
		t.Enrichment = &bankmux.Enrichment{
			Category: bankmux.Category{
				Name: w.Category,
			},
			Merchant: bankmux.Merchant{Name: w.Brand.Name, LogoURL: w.Brand.Logo},
		}
	}
	return nil
}

// amount fills in the amount with its sign.
func (w *transaction) amount(t *bankmux.Transaction) (fault *bankmux.Error) {
	if !w.Amount.Present() {
		return normalize.Unreadable("an amount that cannot be read exactly")
	}
	way, fault := w.direction()
	if fault != nil {
		return fault
	}
	t.Amount, fault = normalize.Signed(w.Amount.Value, way, w.Currency.Code)
	return fault
}

// direction says which way the money went, by this row alone, so that the sign of a row never
// changes with the rows beside it. The word decides, unless the running balances move the other
// way: a negative amount is then what the balances say, and of any other it is unknown. What a
// card's balances say is not known.
func (w *transaction) direction() (normalize.Direction, *bankmux.Error) {
	said := normalize.DirectionOf(w.Type)
	if w.card || said == normalize.Unknown {
		return said, nil
	}
	way := w.way()
	switch {
	case way == 0 || (way > 0) == (said == normalize.In):
		return said, nil
	case !w.Amount.Value.IsNeg():
		return said, normalize.Unreadable("a transaction whose running balances contradict its type")
	case way > 0:
		return normalize.In, nil
	}
	return normalize.Out, nil
}

// way is how the running balances move: above 0 for up, and 0 where they do not move or are not
// both told.
func (w *transaction) way() int {
	before, after := &w.BeforeAmount, &w.AfterAmount
	if !before.Present() || !after.Present() {
		return 0
	}
	if d, ok := difference(&before.Value, &after.Value); ok {
		return cmp.Compare(d, 0)
	}
	return after.Value.Cmp(before.Value)
}

// exact reports whether both running balances are told and differ by the amount.
func (w *transaction) exact() bool {
	before, after, amount := &w.BeforeAmount.Value, &w.AfterAmount.Value, &w.Amount.Value
	if !w.BeforeAmount.Present() || !w.AfterAmount.Present() || amount.IsZero() {
		return false
	}
	d, ok := difference(before, after)
	if missing := after.Scale() - amount.Scale(); ok && missing >= 0 && missing < len(powers) && amount.Coef() < 1<<40 {
		return max(d, -d) == int64(amount.Coef())*powers[missing]
	}
	apart, err := after.SubExact(*before, max(before.Scale(), after.Scale()))
	return err == nil && apart.CmpAbs(*amount) == 0
}

// powers are those of ten that an amount may lack decimals of a balance.
var powers = [...]int64{1, 10, 100, 1000, 10_000}

// difference is after - before without the point, quickly, where they have as many decimals and are
// not large.
func difference(before, after *decimal.Decimal) (int64, bool) {
	const large = 1 << 60
	if before.Scale() != after.Scale() || before.Coef() >= large || after.Coef() >= large {
		return 0, false
	}
	b, a := int64(before.Coef()), int64(after.Coef())
	if before.IsNeg() {
		b = -b
	}
	if after.IsNeg() {
		a = -a
	}
	return a - b, true
}

// balances are the running balances in the account's currency. Where that is not known, they are in
// the row's currency, and told only if they differ by the amount. What cannot be read of them is
// absent.
func (w *transaction) balances() (before, after bankmux.Money) {
	in := currency{string(w.held)}
	if w.held == "" {
		in = w.Currency
	}
	code := normalize.CurrencyCode(in.Code)
	if w.BeforeAmount.Present() {
		before, _ = bankmux.MoneyOf(w.BeforeAmount.Value, code)
	}
	if w.AfterAmount.Present() {
		after, _ = bankmux.MoneyOf(w.AfterAmount.Value, code)
	}
	return before, after
}

// currencies remembers the currencies of accounts and cards, as they were listed: a row has only
// its own. The zero value is ready, and it is safe for concurrent use.
type currencies struct {
	mu    sync.Mutex
	known map[string]bankmux.Currency
}

const (
	maxCurrencies = 10_000
	maxAccountID  = 256 // bytes; longer ones are not remembered
)

func currencyKey(conn *bankmux.Connection, account string) string {
	return strings.Join([]string{conn.ID, account}, "\x00")
}

func (c *currencies) of(conn *bankmux.Connection, account string) bankmux.Currency {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known[currencyKey(conn, account)]
}

func (c *currencies) note(conn *bankmux.Connection, account, code string) {
	found := normalize.CurrencyCode(code)
	if found == "" || account == "" || len(account) > maxAccountID {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= maxCurrencies {
		c.known = map[string]bankmux.Currency{}
	}
	c.known[currencyKey(conn, account)] = found
}
