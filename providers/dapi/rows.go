package dapi

import (
	"cmp"
	"context"
	"strings"
	"sync"

	"github.com/govalues/decimal"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/wire"
	"github.com/bankmux/bankmux/normalize"
)

// transactions is POST to one of the paths. The rows go to each as they are read; i is the place of a row in the answer,
// from 0. Rows whose running balances contradict their word come last, for what they mean depends on the others.
func (a *api) transactions(ctx context.Context, op, path string, conn bankmux.Connection, answers *bankmux.Answers, body dataBody, each func(i, left int, row *transaction)) error {
	type held struct {
		i   int
		row transaction
	}
	var (
		out      transactionsAnswer
		contrary []held
		agreed   bool
	)
	list := &out.Transactions
	list.Bad = func(i int) { each(i, list.Left, &transaction{unreadable: true}) }
	list.Each = func(i int, row *transaction) {
		row.held = body.currency
		verdict := row.judge()
		if body.CardID != "" { // its running balance may be what is owed
			verdict = balancesSilent
		}
		if agreed = agreed || verdict == balancesAgree; verdict == balancesContradict {
			contrary = append(contrary, held{i, *row})
			return
		}
		each(i, list.Left, row)
	}
	res, err := a.data(ctx, op, path, conn, answers, body, &out)
	if err == nil && !list.Told {
		err = res.Lacks("transactions")
	}
	if err != nil {
		return err
	}
	other := !agreed && len(contrary) >= convention
	for k := range contrary {
		contrary[k].row.contrary = !other
		each(contrary[k].i, list.Left, &contrary[k].row)
	}
	return nil
}

// rowsOf is the body of calls for the rows of an account or card. It is made once for a reading, so that the reading knows
// the account's currency throughout or not at all.
func (a *api) rowsOf(conn *bankmux.Connection, account string, card bool) dataBody {
	body := dataBody{currency: a.currencies.of(conn, account)}
	if card {
		body.CardID = account
	} else {
		body.AccountID = account
	}
	return body
}

// convention is how many rows of an answer must contradict their words, and none agree, to say that the bank writes its
// running balances the other way round, as what is owed. One or two rows may be mistakes or money back.
const convention = 5

// What the running balances of a row say about its word.
type judgement int

const (
	balancesSilent judgement = iota
	balancesAgree
	balancesContradict
)

// judge compares the running balances of a row with its word, and notes whether they differ by its amount. They speak
// where both are told, differ, and are about this row: their difference is its amount, or they are in the account's
// currency and the row in another, or the amount is negative, which may be a way to write a debit as well as money back.
func (w *transaction) judge() judgement {
	if !w.BeforeAmount.Present() || !w.AfterAmount.Present() || !w.Amount.Present() {
		return balancesSilent
	}
	var way int
	if d, ok := difference(&w.BeforeAmount.Value, &w.AfterAmount.Value); ok {
		way = cmp.Compare(d, 0)
		w.exact = w.differsBy(d)
	} else {
		before, after := w.BeforeAmount.Value, w.AfterAmount.Value
		way = after.Cmp(before)
		apart, err := after.SubExact(before, max(before.Scale(), after.Scale()))
		w.exact = err == nil && apart.CmpAbs(w.Amount.Value) == 0
	}
	said := normalize.DirectionOf(w.Type)
	switch {
	case way == 0 || said == normalize.Unknown:
		return balancesSilent
	case (way > 0) == (said == normalize.In):
		return balancesAgree
	case w.exact || w.Amount.Value.IsNeg() || w.foreign():
		return balancesContradict
	}
	return balancesSilent
}

// difference is after - before without the point, quickly, where they have as many decimals and are not large.
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

// differsBy reports whether a difference of the running balances, without its point, is the amount.
func (w *transaction) differsBy(d int64) bool {
	amount := w.Amount.Value
	missing := w.AfterAmount.Value.Scale() - amount.Scale()
	if missing < 0 || missing >= len(powers) || amount.Coef() >= 1<<40 {
		apart, err := decimal.New(d, w.AfterAmount.Value.Scale())
		return err == nil && apart.CmpAbs(amount) == 0
	}
	return max(d, -d) == int64(amount.Coef())*powers[missing]
}

// powers are those of ten that an amount may lack decimals of a balance.
var powers = [...]int64{1, 10, 100, 1000, 10_000}

// foreign reports whether the row is known to be in another currency than its account.
func (w *transaction) foreign() bool {
	code := normalize.CurrencyCode(w.Currency.Code)
	return w.held != "" && code != "" && code != w.held
}

// direction says which way the money went. The word decides, unless the running balances contradict it: a negative
// amount is then what the balances say, and of any other nobody knows.
func (w *transaction) direction() (normalize.Direction, *bankmux.Error) {
	said := normalize.DirectionOf(w.Type)
	switch {
	case !w.contrary:
		return said, nil
	case !w.Amount.Value.IsNeg():
		return said, normalize.Unreadable("a transaction whose running balances contradict its type")
	case said == normalize.In:
		return normalize.Out, nil
	}
	return normalize.In, nil
}

// balances are the running balances in the account's currency. Where that is not known, they are in the row's currency,
// and told only if they differ by the amount. What cannot be read of them is absent.
func (w *transaction) balances() (before, after bankmux.Money) {
	in := currency{string(w.held)}
	if w.held == "" {
		in = w.Currency
	}
	before, _ = money(w.BeforeAmount, in)
	after, _ = money(w.AfterAmount, in)
	return before, after
}

// fill writes the row into the model, or says what is wrong with it. Dapi has neither id nor status.
func (w *transaction) fill(t *bankmux.Transaction) *bankmux.Error {
	if w.unreadable {
		return wire.NotARow()
	}
	t.Description, t.Details, t.Reference = w.Description, w.Details, w.Reference
	day, fault := normalize.RowDay(w.Date)
	if fault != nil {
		return fault
	}
	t.Date = day
	if !w.Amount.Present() {
		return normalize.Unreadable("an amount that cannot be read exactly")
	}
	way, fault := w.direction()
	if fault != nil {
		return fault
	}
	if t.Amount, fault = normalize.Signed(w.Amount.Value, way, w.Currency.Code); fault != nil {
		return fault
	}
	if w.exact || w.held != "" {
		t.BalanceBefore, t.BalanceAfter = w.balances()
	}
	if w.Category != "" || w.Brand.Name != "" {
		t.Enrichment = &bankmux.Enrichment{
			Category: bankmux.Category{Name: w.Category}, Merchant: bankmux.Merchant{Name: w.Brand.Name, LogoURL: w.Brand.Logo},
		}
	}
	return nil
}

// currencies remembers the currencies of accounts and cards, as they were listed: a row has only its own. The zero value
// is ready, and it is safe for concurrent use.
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
