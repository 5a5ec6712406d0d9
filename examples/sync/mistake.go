package main

// This file has mistakes of an application, which the comparison must find.

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bankmux/bankmux"
)

// mistake is an error of an application between the matcher and its tables.
type mistake func(context.Context, *sql.Tx, bankmux.Delta) (bankmux.Delta, error)

// mistakes are those that applications make most often. A run with one of them must fail.
var mistakes = map[string]mistake{
	"":       nil,
	"new-id": newIDs,
	"amount": amounts,
	"twins":  twins,
}

func names(m map[string]mistake) string {
	return strings.Join(slices.Sorted(maps.Keys(m))[1:], ", ")
}

// newIDs stores a known row under a new id as a further row.
func newIDs(_ context.Context, _ *sql.Tx, page bankmux.Delta) (bankmux.Delta, error) {
	for _, c := range page.Replaced {
		k := c.Known
		k.Key = fmt.Sprint(k.Key, "/", len(page.Added), page.Next)
		page.Added = append(page.Added, bankmux.Added{Row: c.Row, Known: k})
	}
	page.Replaced = nil
	return page, nil
}

// amounts drops a new row if the account has one of the same day and amount.
func amounts(ctx context.Context, tx *sql.Tx, page bankmux.Delta) (bankmux.Delta, error) {
	var added []bankmux.Added
	seen := map[movement]bool{}
	for _, a := range page.Added {
		m := movement{account: a.Known.Account, date: a.Known.Date.String(), amount: a.Known.Amount.Amount()}
		var n int
		row := tx.QueryRowContext(ctx,
			"SELECT COUNT(*) FROM entry WHERE account = ? AND date = ? AND amount = ?", m.account, m.date, m.amount)
		if err := row.Scan(&n); err != nil {
			return page, err
		}
		if n == 0 && !seen[m] {
			added = append(added, a)
		}
		seen[m] = true
	}
	page.Added = added
	return page, nil
}

// twins stores equal rows once.
func twins(_ context.Context, _ *sql.Tx, page bankmux.Delta) (bankmux.Delta, error) {
	page.Added = slices.DeleteFunc(
		slices.Clone(page.Added),
		func(a bankmux.Added) bool { return !strings.HasSuffix(a.Known.Key, "#1") },
	)
	return page, nil
}
