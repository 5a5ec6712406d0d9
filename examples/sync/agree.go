package main

// This file compares the tables with the bank.

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/bankmux/bankmux"
)

// movement is what both sides know of a row: the amount in minor units, and the bank's own text
// without what a provider adds.
type movement struct{ account, date, amount, text string }

// is completes a movement from the amount and text of a row.
func (m *movement) is(amount string) error {
	money, err := bankmux.NewMoney(amount, "USD")
	if err != nil {
		return err
	}
	units, err := money.Minor()
	if err != nil {
		return err
	}
	m.amount = strconv.FormatInt(units, 10)
	m.text, _, _ = strings.Cut(strings.ToUpper(m.text), " #") // banks write in capitals and append a number
	return nil
}

// remembered is a note, and the bank's own event of the row on which it was written.
type remembered struct{ note, event string }

// annotate writes notes on rows, also on pending ones. It remembers the notes for the proof.
func (s *story) annotate(ctx context.Context) error {
	if err := s.store.annotate(ctx); err != nil {
		return err
	}
	truth, err := s.truth()
	if err != nil {
		return err
	}
	events := map[movement][]string{}
	for event, m := range truth {
		events[m] = append(events[m], event)
	}
	rows, err := s.store.annotated(ctx)
	for _, a := range rows {
		// one of two equal rows has no event of its own
		if on := events[a.row]; s.notes[a.id].note == "" && len(on) == 1 {
			s.notes[a.id] = remembered{a.note, on[0]}
		}
	}
	return err
}

// agree compares the file with what really happened, row for row and to the cent. It also checks
// that each note is still on the row it was written on. The row's ids, day and amount may have
// changed since.
func (s *story) agree(ctx context.Context) error {
	truth, err := s.truth()
	if err != nil {
		return err
	}
	bank := map[movement]int{}
	for _, m := range truth {
		bank[m]++
	}
	file, err := s.store.movements(ctx)
	if err != nil {
		return err
	}
	if different := differences(bank, file); len(different) > 0 {
		return disagree("rows", different)
	}
	rows, err := s.store.annotated(ctx)
	if err != nil {
		return err
	}
	now := map[int64]annotated{}
	for _, a := range rows {
		now[a.id] = a
	}
	asked, err := s.store.questions(ctx)
	if err != nil {
		return err
	}
	var lost []string
	kept, gone, questions := 0, 0, 0
	for _, id := range slices.Sorted(maps.Keys(s.notes)) {
		was := s.notes[id]
		m, there := truth[was.event]
		switch {
		case now[id].note == was.note && now[id].row == m:
			kept++
		case !there: // a hold that was released, or a row that was withdrawn
			gone++
		case asked[id]:
			questions++
		default:
			lost = append(
				lost,
				fmt.Sprintf("  %q, on account %s %s %s cents %q", was.note, m.account, m.date, m.amount, m.text),
			)
		}
	}
	if len(lost) > 0 {
		return disagree("notes", lost)
	}
	fmt.Fprintf(
		s.out,
		"file and bank agree: %d rows, to the cent; %d notes are on their rows, "+
			"%d were on rows that the bank removed, %d wait for the user's decision\n",
		len(truth),
		kept,
		gone,
		questions,
	)
	return nil
}

func disagree(about string, different []string) error {
	const most = 10
	return fmt.Errorf(
		"file and bank disagree about %d %s:\n%s",
		len(different),
		about,
		strings.Join(different[:min(most, len(different))], "\n"),
	)
}

// truth returns what really happened, from the bank's own ledger and its names of events.
func (s *story) truth() (map[string]movement, error) {
	all, err := s.bank.Transactions(s.conn.Reference())
	if err != nil {
		return nil, err
	}
	name, truth := s.store.name(s.conn.Provider), make(map[string]movement, len(all))
	for _, row := range all {
		m := movement{account: name(row.AccountID), date: row.Date, text: row.Text}
		if err := m.is(row.Amount); err != nil {
			return nil, err
		}
		truth[row.Event] = m
	}
	return truth, nil
}

// movements counts the rows of the file.
func (s *store) movements(ctx context.Context) (map[movement]int, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT account, date, amount, text FROM entry")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[movement]int{}
	for rows.Next() {
		var m movement
		var amount string
		if err := rows.Scan(&m.account, &m.date, &amount, &m.text); err != nil {
			return nil, err
		}
		if err := m.is(amount); err != nil {
			return nil, err
		}
		found[m]++
	}
	return found, rows.Err()
}

func differences(bank, file map[movement]int) (all []string) {
	seen := maps.Clone(bank)
	maps.Copy(seen, file)
	for _, m := range slices.SortedFunc(maps.Keys(seen), func(a, b movement) int {
		return cmp.Or(
			cmp.Compare(a.date, b.date), cmp.Compare(a.account, b.account),
			cmp.Compare(a.amount, b.amount), cmp.Compare(a.text, b.text),
		)
	}) {
		if bank[m] != file[m] {
			all = append(
				all,
				fmt.Sprintf(
					"  %s account %s %s cents %q: the bank has %d, the file %d",
					m.date,
					m.account,
					m.amount,
					m.text,
					bank[m],
					file[m],
				),
			)
		}
	}
	return all
}
