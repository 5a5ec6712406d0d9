package store

// This file stores balances and reads accounts with them.

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
)

// Accounts returns the accounts of a user, with the balances that were stored last. Without
// connections it returns all accounts. Otherwise it returns those that one of the given connections
// lists. Accounts that do not open are left out, and so are balances that were changed so that they
// cannot be read. The error names their connections as that of [Store.Connections].
func (s *Store) Accounts(
	ctx context.Context, user string, connections ...string,
) (all []bankhttp.Account, err error) {
	var lost []error
	err = s.read(ctx, "Accounts", func(w *work) error {
		all, lost, err = s.accounts(ctx, w, plainText(user))
		if err != nil || len(connections) == 0 {
			return err
		}
		listed, err := listedBy(ctx, w, plainText(user), connections)
		all = slices.DeleteFunc(all, func(a bankhttp.Account) bool {
			return !slices.Contains(connections, a.Connection) && !listed[a.Name]
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, errors.Join(lost...)
}

// listedBy returns the names of the accounts that one of some connections lists.
func listedBy(ctx context.Context, w *work, user string, connections []string) (map[string]bool, error) {
	type listing struct{ connection, account string }
	rows, err := each(ctx, w, "SELECT connection_id, account FROM bankmux_account_ids WHERE user_id = $1",
		[]any{user}, func(l *listing) []any { return []any{&l.connection, &l.account} })
	listed := map[string]bool{}
	for _, l := range rows {
		if slices.Contains(connections, l.connection) {
			listed[l.account] = true
		}
	}
	return listed, err
}

// accounts also returns an error for each account that does not open, and for each balance that
// cannot be read.
func (s *Store) accounts(
	ctx context.Context, w *work, user string,
) (all []bankhttp.Account, lost []error, err error) {
	rows, err := each(ctx, w, accountColumns+" WHERE user_id = $1 ORDER BY created_at, id",
		[]any{user}, (*accountRow).fields)
	if err != nil {
		return nil, nil, err
	}
	all = make([]bankhttp.Account, 0, len(rows)) // at points into it
	at := map[string]*bankhttp.Account{}
	for i := range rows {
		r := &rows[i]
		a := bankhttp.Account{Name: r.id, Connection: r.connection}
		if err := s.open(sealedAccount, r.sealed, &a.Account, r.user, r.id); err != nil {
			lost = append(lost, failed("Accounts", ofConnection(r.connection, err)))
			continue
		}
		if r.read > 0 {
			a.ReadAt = time.UnixMilli(r.read).UTC()
		}
		if a.Due.UnmarshalText([]byte(r.due)) != nil {
			lost = append(lost, ofConnection(r.connection, changedBalance("Accounts")))
		}
		all = append(all, a)
		at[r.id] = &all[len(all)-1]
	}
	// A balance of an earlier day or reading was not reported again.
	balances, err := each(ctx, w, balanceColumns+" WHERE user_id = $1 AND created_at ="+
		" (SELECT read_at FROM bankmux_accounts a WHERE a.id = account) ORDER BY account, kind, currency",
		[]any{user}, (*balanceRow).fields)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range balances {
		a := at[r.account]
		if a == nil {
			continue
		}
		b, ok := r.balance()
		if !ok {
			lost = append(lost, ofConnection(a.Connection, changedBalance("Accounts")))
			continue
		}
		a.Balances = append(a.Balances, b)
	}
	return all, lost, nil
}

// balanceRow is a row of bankmux_balances.
type balanceRow struct {
	account, kind, day, amount, currency string
	asOf                                 int64
}

func (r *balanceRow) fields() []any {
	return []any{&r.account, &r.kind, &r.day, &r.asOf, &r.amount, &r.currency}
}

const balanceColumns = "SELECT account, kind, day, as_of, amount, currency FROM bankmux_balances"

// balance returns the balance of a row, and false for a row that this package did not write.
func (r *balanceRow) balance() (b bankmux.Balance, ok bool) {
	b.Kind = bankmux.BalanceKind(r.kind)
	if r.asOf != 0 {
		b.AsOf = time.UnixMilli(r.asOf).UTC()
	}
	var err error
	b.Money, err = bankmux.NewMoney(r.amount, bankmux.Currency(r.currency))
	return b, err == nil
}

// changedBalance returns the error for what a method could not read of balances. They are not
// sealed, but a row that does not read was changed, as one that does not open.
func changedBalance(op string) error {
	return within(op, &bankmux.Error{Kind: bankmux.ErrSeal, Detail: "a stored balance was changed", NotSent: true})
}

// SaveBalances stores the balances that [bankmux.Client.Balances] returned for a connection. It
// keeps the last one of each account, kind, currency and day. Accounts that have no name are left
// out, and so are balances without money, which are absent. An account without balances keeps those
// that it has. The error is [bankmux.ErrGone] if the connection is not stored.
func (s *Store) SaveBalances(
	ctx context.Context, conn bankmux.Connection, balances []bankmux.AccountBalances,
) error {
	return s.write(ctx, "SaveBalances", func(w *work) error {
		if err := keepConnection(ctx, w, conn.User, conn.ID); err != nil {
			return err
		}
		names, err := s.namesOf(ctx, w, conn.ID)
		if err != nil {
			return err
		}
		for i := range balances {
			of := &balances[i]
			name, ok := names[of.Account]
			if !ok || !slices.ContainsFunc(of.Balances, hasMoney) {
				continue
			}
			if err := s.putBalances(ctx, w, conn.User, name, of); err != nil {
				return err
			}
		}
		return nil
	})
}

// putBalances stores the balances of one account.
func (s *Store) putBalances(
	ctx context.Context, w *work, user, account string, of *bankmux.AccountBalances,
) error {
	now := bankmux.Moment(s.now())
	_, err := w.exec(ctx, "UPDATE bankmux_accounts SET due = $1, read_at = $2 WHERE id = $3 AND user_id = $4",
		of.Due.String(), now.UnixMilli(), account, user)
	if err != nil {
		return err
	}
	for _, b := range of.Balances {
		if !hasMoney(b) {
			continue
		}
		day := bankmux.DateOf(now)
		if !b.AsOf.IsZero() {
			day = bankmux.DateOf(b.AsOf.UTC())
		}
		_, err := w.exec(ctx, "INSERT INTO bankmux_balances (account, kind, currency, day, user_id, created_at, as_of,"+
			" amount) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (account, kind, currency, day) DO UPDATE"+
			" SET created_at = excluded.created_at, as_of = excluded.as_of, amount = excluded.amount",
			account, plainText(string(b.Kind)), string(b.Money.Currency()), day.String(), user, now.UnixMilli(),
			millis(b.AsOf), b.Money.Amount())
		if err != nil {
			return err
		}
	}
	return nil
}

// hasMoney reports whether the bank reported a balance.
func hasMoney(b bankmux.Balance) bool { return !b.Money.IsZero() }

// DayBalance is the last balance of a day.
type DayBalance struct {
	Day bankmux.Date // in UTC
	bankmux.Balance
}

// HistoryQuery asks for the balances of an account by day. User, Account and Kind are required.
type HistoryQuery struct {
	User    string
	Account string // the application's own name
	Kind    bankmux.BalanceKind
	From    bankmux.Date // included; zero means the first one
	To      bankmux.Date // included; zero means the last one
}

// BalanceHistory returns stored balances of an account, the oldest first, one per day and currency.
// If a stored balance was changed so that it cannot be read, BalanceHistory returns the others and
// an error of [bankmux.ErrSeal].
func (s *Store) BalanceHistory(ctx context.Context, q HistoryQuery) (all []DayBalance, err error) {
	const op = "BalanceHistory"
	var lost []error
	until := lastDay
	if !q.To.IsZero() {
		until = q.To.String()
	}
	err = s.read(ctx, op, func(w *work) error {
		rows, err := each(ctx, w, balanceColumns+" WHERE user_id = $1 AND account = $2 AND kind = $3"+
			" AND day >= $4 AND day <= $5 ORDER BY day, currency",
			[]any{plainText(q.User), plainText(q.Account), plainText(string(q.Kind)), q.From.String(), until},
			(*balanceRow).fields)
		if err != nil {
			return err
		}
		all = make([]DayBalance, 0, len(rows))
		for _, r := range rows {
			var one DayBalance
			balance, ok := r.balance()
			if !ok || one.Day.UnmarshalText([]byte(r.day)) != nil {
				lost = append(lost, changedBalance(op))
				continue
			}
			one.Balance = balance
			all = append(all, one)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, errors.Join(lost...)
}

// lastDay is the last day that a [bankmux.Date] can be.
const lastDay = "9999-12-31"
