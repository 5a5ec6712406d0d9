package dapi

// This file reads pages of transactions.

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

// TransactionPage reads up to a month of one account or card, newest first.
func (a *adapter) TransactionPage(
	ctx context.Context,
	req bankmux.TransactionsRequest,
) (bankmux.TransactionPage, error) {
	return a.byDays(req.Connection, getTransactions).TransactionPage(ctx, req)
}

// EnrichedTransactionPage adds category and brand. Dapi has them for accounts only.
func (a *adapter) EnrichedTransactionPage(
	ctx context.Context,
	req bankmux.TransactionsRequest,
) (bankmux.TransactionPage, error) {
	if len(req.Cards) > 0 {
		return bankmux.TransactionPage{}, normalize.Unsupported(
			"TransactionsRequest.Enrich", "Dapi does not enrich the transactions of cards")
	}
	return a.byDays(req.Connection, getEnriched).TransactionPage(ctx, req)
}

// rowBytes is about the length of a row on the wire. The number of rows is estimated from it.
const rowBytes = 240

// fill writes the row into the model and returns what is wrong with it. It fills in everything that
// can be read, because that identifies a stored row. A row has neither an id nor a status.
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
	if w.listed != "" || w.exact() {
		t.BalanceBefore, t.BalanceAfter = w.balances()
	}
	if w.Category != "" || w.Brand.Name != "" {
		t.Enrichment = &bankmux.Enrichment{
			Category: bankmux.Category{Name: w.Category},
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

// direction returns which way the money went. It uses this row alone, so the sign of a row never
// changes with other rows. The type decides, unless the running balances move the other way. Then a
// negative amount takes the direction of the balances, and any other amount is an error. The
// meaning of a card's balances is not known, so they do not count.
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

// way is how the running balances move. It is above 0 for up, and 0 if they do not move or one is
// absent.
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

// exact reports whether both running balances are present and differ by the amount.
func (w *transaction) exact() bool {
	before, after, amount := &w.BeforeAmount.Value, &w.AfterAmount.Value, &w.Amount.Value
	if !w.BeforeAmount.Present() || !w.AfterAmount.Present() || amount.IsZero() {
		return false
	}
	d, ok := difference(before, after)
	if missing := after.Scale() - amount.Scale(); ok && missing >= 0 && missing < len(powers) && amount.Coef() < 1<<40 {
		return max(d, -d) == int64(amount.Coef())*powers[missing] //nolint:gosec // under 40 bits
	}
	apart, err := after.SubExact(*before, max(before.Scale(), after.Scale()))
	return err == nil && apart.CmpAbs(*amount) == 0
}

// powers are the powers of ten by which an amount is scaled to the decimals of a balance.
var powers = [...]int64{1, 10, 100, 1000, 10_000}

// difference returns after - before in units of the last decimal. It reports false if the two have
// different decimals or are large.
func difference(before, after *decimal.Decimal) (int64, bool) {
	const large = 1 << 60
	if before.Scale() != after.Scale() || before.Coef() >= large || after.Coef() >= large {
		return 0, false
	}
	b, a := int64(before.Coef()), int64(after.Coef()) //nolint:gosec // under 60 bits
	if before.IsNeg() {
		b = -b
	}
	if after.IsNeg() {
		a = -a
	}
	return a - b, true
}

// balances returns the running balances in the account's currency. If that is not known, they are
// in the currency of the row, and fill then uses them only if exact. Balances that cannot be read
// are absent.
func (w *transaction) balances() (before, after bankmux.Money) {
	in := currency{string(w.listed)}
	if w.listed == "" {
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

// currencies remembers the currencies of listed accounts and cards, since a row names only its own
// currency. The zero value is ready. It is safe for concurrent use.
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
