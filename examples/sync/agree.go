package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bankmux/bankmux"
)

// movement is a row as both sides have it.
type movement struct{ account, date, amount string }

// agree compares the file with what really happened, row for row and to the cent, and looks whether the users' notes are where they were written.
func (s *story) agree(ctx context.Context, notes map[int64]string) error {
	truth, err := s.bank.Transactions(s.conn.Reference)
	if err != nil {
		return err
	}
	bank, file := map[movement]int{}, map[movement]int{}
	for _, row := range truth {
		amount, err := bankmux.NewMoney(row.Amount, "USD")
		if err != nil {
			return err
		}
		bank[movement{s.store.name(row.AccountID), row.Date, cents(amount)}]++
	}
	rows, err := s.store.db.QueryContext(ctx, "SELECT account, date, amount FROM entry")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var m movement
		if err := rows.Scan(&m.account, &m.date, &m.amount); err != nil {
			return err
		}
		amount, err := bankmux.NewMoney(m.amount, "USD")
		if err != nil {
			return err
		}
		m.amount = cents(amount)
		file[m]++
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if different := differences(bank, file); len(different) > 0 {
		const most = 10
		return fmt.Errorf("file and bank disagree about %d rows:\n%s", len(different), strings.Join(different[:min(most, len(different))], "\n"))
	}
	kept, err := s.store.notes(ctx)
	if err != nil {
		return err
	}
	lost := 0
	for id, note := range notes {
		if kept[id] != note {
			lost++
		}
	}
	if lost > len(notes)/100 { // a hold that came to nothing is gone, and its note with it
		return fmt.Errorf("%d of %d notes are lost", lost, len(notes))
	}
	fmt.Fprintf(s.out, "file and bank agree: %d rows, to the cent; %d of %d notes are where they were written\n", len(truth), len(notes)-lost, len(notes))
	return nil
}

// cents writes an amount with as many digits as its currency has.
func cents(m bankmux.Money) string {
	units, err := m.Minor()
	if err != nil {
		return m.Amount()
	}
	return fmt.Sprint(units)
}

func differences(bank, file map[movement]int) (all []string) {
	seen := maps.Clone(bank)
	maps.Copy(seen, file)
	for _, m := range slices.SortedFunc(maps.Keys(seen), func(a, b movement) int { return cmp.Or(cmp.Compare(a.date, b.date), cmp.Compare(a.amount, b.amount)) }) {
		if bank[m] != file[m] {
			all = append(all, fmt.Sprintf("  %s account %s %s cents: the bank has %d, the file %d", m.date, m.account, m.amount, bank[m], file[m]))
		}
	}
	return all
}
