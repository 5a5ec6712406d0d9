package reconcile_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// An application may hand in anything: rows twice, rows of others, rows that it made up.
func TestGarbageAmongTheKnownRowsLosesNoNewRow(t *testing.T) {
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
			k.Aliases = rapid.SampledFrom([][]string{k.Aliases, nil, {""}, {"id:mk:"}, {"id:mk:1", "id:mk:1", "id:dp:1"}}).
				Draw(t, "aliases")
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
				t.Fatalf("%v is told %d times", row, n)
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
