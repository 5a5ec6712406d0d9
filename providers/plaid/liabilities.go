package plaid

// This file reads debts and their terms.

import (
	"cmp"
	"context"
	"slices"

	"github.com/govalues/decimal"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/plaid"
)

// productLiabilities is Plaid's product for debts, which the model has as balances.
const productLiabilities bankmux.Product = "liabilities"

// debtsOf reads what is due on the debts among some accounts, by account. It asks only if the user
// granted the product. If Plaid cannot serve it for this connection, it is a failure of its own.
func (a *adapter) debtsOf(
	ctx context.Context, conn bankmux.Connection, list []account,
) (map[string]liability, []bankmux.Failure, error) {
	owed := func(acc account) bool { return model.AccountKind(acc.Type, acc.Subtype).Liability() }
	if !slices.Contains(conn.Products, productLiabilities) || !slices.ContainsFunc(list, owed) {
		return nil, nil, nil
	}
	out, err := a.liabilities(ctx, conn)
	switch kind := bankmux.KindOf(err); {
	case err == nil:
	case kind == bankmux.ErrConsent, kind == bankmux.ErrUnsupported, kind == bankmux.ErrNotReady:
		return nil, []bankmux.Failure{{Product: productLiabilities, Err: bankmux.ErrorOf(err)}}, nil
	default:
		return nil, nil, err
	}
	debts := map[string]liability{}
	var failed []bankmux.Failure
	for _, list := range out.kinds() {
		failed = append(failed, list.Failures("")...)
		for i, l := range list.Rows {
			if l.AccountID == "" {
				failed = append(failed, list.Failure(i, "", "", noAccount()))
			} else {
				debts[l.AccountID] = l
			}
		}
	}
	return debts, failed, nil
}

// liabilities reads all debts. Plaid's error for a connection without any is an empty result.
func (a *adapter) liabilities(ctx context.Context, conn bankmux.Connection) (*liabilitiesResponse, error) {
	out, err := liabilitiesGet.ofItem(ctx, a.api, &conn)
	return out, normalize.Except(err, "NO_LIABILITY_ACCOUNTS")
}

// debtList has the debts of one kind.
type debtList struct {
	kind string
	*wire.List[liability]
}

// kinds returns the debts by Plaid's kinds. New kinds are ignored.
func (r *liabilitiesResponse) kinds() []debtList {
	of := cmp.Or(r.Liabilities, &liabilityLists{}) // nil for a connection without debts
	return []debtList{{"credit", &of.Credit}, {"mortgage", &of.Mortgage}, {"student", &of.Student}}
}

func noAccount() *bankmux.Error { return normalize.Unreadable("a debt without account") }

// due is the amount of the next payment.
func (l *liability) due() wire.Number { return cmp.Or(l.Monthly, l.Minimum) }

// Liability is a debt with its terms. Amounts that the user owes are negative, and absent amounts
// and days are zero.
type Liability struct {
	Account string
	Kind    string // "credit", "mortgage" or "student"

	Due     bankmux.Money // the next payment
	DueDate bankmux.Date
	Overdue bool          // a payment is late
	PastDue bankmux.Money // what is late, of a mortgage

	Statement       bankmux.Money // the balance of the last statement
	StatementDate   bankmux.Date
	LastPayment     bankmux.Money // positive
	LastPaymentDate bankmux.Date
	Rates           []Rate
}

// Rate is an interest rate a year.
type Rate struct {
	Kind    string // Plaid's word: "purchase_apr", "fixed", …; "" for a student loan
	Percent decimal.Decimal
}

// ReadLiabilities reads debts with their terms, POST /liabilities/get. What is due comes with
// [bankmux.Client.Balances] as well. A [*bankmux.PartialError] names what cannot be read, beside
// the rest. The product "liabilities" is required, see [SessionOptions]. It may be repeated.
func ReadLiabilities(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) ([]Liability, error) {
	var failed []bankmux.Failure
	read := func(ctx context.Context, a *adapter) (all []Liability, err error) {
		out, err := a.liabilities(ctx, conn)
		all, failed = out.read()
		return all, err
	}
	all, err := bankmux.DoOn(ctx, client, opLiabilities, &conn, read)
	return all, normalize.Partial(opLiabilities, failed, err)
}

// read returns the debts in the currencies of their accounts.
func (r *liabilitiesResponse) read() (all []Liability, failed []bankmux.Failure) {
	currency := map[string]string{}
	for _, acc := range r.Accounts.Rows {
		currency[acc.AccountID] = acc.Balances.Value.code()
	}
	for _, list := range r.kinds() {
		rows, odd := wire.Collect(list.List, func(l *liability) wire.Read[Liability] {
			return l.read(list.kind, currency[l.AccountID])
		})
		all, failed = append(all, rows...), append(failed, odd...)
	}
	return all, failed
}

// read returns the debt in the model's signs.
func (l *liability) read(kind, currency string) wire.Read[Liability] {
	if l.AccountID == "" {
		return wire.Read[Liability]{Fault: noAccount()}
	}
	read := wire.Values{Currency: currency}
	one := Liability{
		Account: l.AccountID, Kind: kind,
		Due:     read.Owed(l.due()),
		DueDate: read.Day(l.DueDay, "a due day"),
		Overdue: l.Overdue == wire.FlagTrue || l.PastDue.Value.Sign() > 0,
		PastDue: read.Owed(l.PastDue),

		Statement:       read.Owed(l.Statement),
		StatementDate:   read.Day(l.StatementDay, "a day of a statement"),
		LastPayment:     read.Money(l.LastPayment),
		LastPaymentDate: read.Day(l.PaymentDay, "a day of a payment"),
	}
	for _, apr := range l.APRs.Rows {
		one.Rates = append(one.Rates, Rate{apr.Type, read.Decimal(apr.Percent)})
	}
	if rate := l.Mortgage; !rate.Percent.Absent() {
		one.Rates = append(one.Rates, Rate{rate.Type, read.Decimal(rate.Percent)})
	}
	if !l.Student.Absent() {
		one.Rates = append(one.Rates, Rate{Percent: read.Decimal(l.Student)})
	}
	return wire.Read[Liability]{Row: one, Given: true, Account: l.AccountID, Fault: read.Fault}
}
