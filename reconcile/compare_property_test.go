package reconcile_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// someRows draws rows from few days, amounts and texts, so that many are alike.
func someRows(t *rapid.T, label string) []bankmux.Transaction {
	n := rapid.IntRange(0, 12).Draw(t, label)
	rows := make([]bankmux.Transaction, n)
	ids := rapid.Permutation([]string{"", "", "", "", "", "", "", "1", "2", "3", "4", "5", "6", "7", "8"}).
		Draw(t, "ids")
	for i := range rows {
		rows[i] = tx(
			ids[i],
			rapid.IntRange(0, 15).Draw(t, "day"),
			rapid.SampledFrom([]int64{-320, -400, 320}).
				Draw(t, "cents"),
			rapid.SampledFrom([]string{"", "COFFEE", "DINER"}).Draw(t, "text"),
			rapid.SampledFrom([]bankmux.TransactionStatus{"", booked, pending}).Draw(t, "status"),
		)
		rows[i].Reference = rapid.SampledFrom([]string{"", "", "FT1", "FT2"}).Draw(t, "reference")
	}
	return rows
}

func TestCompareProperties(t *testing.T) {
	t.Parallel()
	t.Run("no row is lost or repeated, in any order", noRowIsLostOrRepeated)
	t.Run("invalid known rows lose no new row", invalidKnownRowsLoseNothing)
}

func noRowIsLostOrRepeated(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		known := stored(someRows(t, "known")...)
		in := reading(rapid.SampledFrom([]string{"mk", "dp"}).Draw(t, "provider"), someRows(t, "rows")...)
		in.From, in.To = day1.AddDays(
			rapid.IntRange(-1, 5).Draw(t, "from"),
		), day1.AddDays(
			rapid.IntRange(10, 20).Draw(t, "to"),
		)
		in.Rows = slices.DeleteFunc(
			in.Rows,
			func(r bankmux.Transaction) bool { return r.Date.Before(in.From) || r.Date.After(in.To) },
		)
		res := reconcile.Compare(known, in)

		if n := len(res.Added) + len(res.Modified) + len(res.Replaced) + len(res.Unchanged); n != len(in.Rows) {
			t.Fatalf("%d rows became %d", len(in.Rows), n)
		}
		inside := 0
		for _, k := range known {
			if !k.Date.Before(in.From) && !k.Date.After(in.To) {
				inside++
			}
		}
		found := len(res.Modified) + len(res.Replaced) + len(res.Unchanged)
		if gone := len(res.Missing) + len(res.Removed); found+gone < inside || found+gone > len(known) {
			t.Fatalf("%d known rows became %d and %d", inside, found, gone)
		}
		after := res.Apply(known)
		if len(after) != len(known)+len(res.Added)-len(res.Removed) {
			t.Fatalf("%d and %d rows became %d", len(known), len(res.Added), len(after))
		}
		again := reconcile.Compare(after, in)
		if len(again.Added)+len(again.Replaced) > 0 {
			t.Fatalf("the same reading again: %v", story(again))
		}
		for _, c := range again.Modified {
			t.Fatalf("the same reading again: %+v", c)
		}
		shuffled := in
		shuffled.Rows = rapid.Permutation(in.Rows).Draw(t, "order")
		other := reconcile.Compare(rapid.Permutation(known).Draw(t, "known order"), shuffled)
		if fmt.Sprint(story(res)) != fmt.Sprint(story(other)) {
			t.Fatalf("%v is not %v", story(res), story(other))
		}
	})
}

// invalidKnownRowsLoseNothing supplies repeated rows, rows of other accounts and invented rows as
// known ones.
func invalidKnownRowsLoseNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		known := stored(someRows(t, "known")...)
		for range rapid.IntRange(1, 6).Draw(t, "garbage") {
			var k reconcile.Known
			if len(known) > 0 && rapid.Bool().Draw(t, "spoil one") {
				k = rapid.SampledFrom(known).Draw(t, "which")
			}
			k.Key = rapid.SampledFrom([]string{k.Key, "", "#", "t1:#9223372036854775807", "t1:x#-1"}).Draw(t, "key")
			k.Account = rapid.SampledFrom([]string{"main", "", "other"}).Draw(t, "account")
			aliases := [][]string{k.Aliases, nil, {""}, {"id:mk:"}, {"id:mk:1", "id:mk:1", "id:dp:1"}}
			k.Aliases = rapid.SampledFrom(aliases).Draw(t, "aliases")
			k.Amount = rapid.SampledFrom([]bankmux.Money{k.Amount, {}}).Draw(t, "amount")
			k.Date = rapid.SampledFrom([]bankmux.Date{k.Date, {}, bankmux.NewDate(9999, 12, 31)}).Draw(t, "date")
			k.Missed = rapid.SampledFrom([]int{0, -1, 1 << 40}).Draw(t, "missed")
			known = append(known, k)
		}
		in := reading(rapid.SampledFrom([]string{"mk", "dp"}).Draw(t, "provider"), someRows(t, "rows")...)
		in.Complete = rapid.Bool().Draw(t, "complete")
		res := reconcile.Compare(known, in)
		seen := map[*bankmux.Transaction]int{}
		for _, a := range res.Added {
			seen[a.Row]++
		}
		for _, c := range slices.Concat(res.Modified, res.Replaced) {
			seen[c.Row]++
		}
		for row, n := range seen {
			if n != 1 {
				t.Fatalf("%v is reported %d times", row, n)
			}
		}
		if len(seen)+len(res.Unchanged) != len(in.Rows) {
			t.Fatalf("%d rows became %d and %d", len(in.Rows), len(seen), len(res.Unchanged))
		}
		keys := map[string]bool{}
		for _, a := range res.Added {
			if keys[a.Known.Key] {
				t.Fatalf("two new rows have the key %s", a.Known.Key)
			}
			keys[a.Known.Key] = true
		}
	})
}
