package bench

import (
	"fmt"
	"testing"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// churned is a reading of n rows of which each has another id than before, some were posted, some are new.
func churned(n int) (known []reconcile.Known, in reconcile.Reading) {
	first := bankmux.NewDate(2026, 1, 1)
	rows := make([]bankmux.Transaction, n)
	for i := range rows {
		amount, _ := bankmux.MoneyFromMinor(int64(-100-i%5000), "USD")
		rows[i] = bankmux.Transaction{
			ID: fmt.Sprint("old-", i), Date: first.AddDays(i * 90 / n), Amount: amount, Status: bankmux.StatusBooked,
			RawDescription: fmt.Sprintf("MERCHANT %d SEATTLE WA", i%700),
		}
		if i%50 == 0 {
			rows[i].Status = bankmux.StatusPending
		}
	}
	in = reconcile.Reading{Provider: "mk", Account: "main", From: first, To: first.AddDays(100), Rows: rows, Complete: true}
	known = reconcile.Compare(nil, in).Apply(nil)
	in.Rows = append([]bankmux.Transaction(nil), rows...)
	for i := range in.Rows {
		in.Rows[i].ID = fmt.Sprint("new-", i)
		if i%50 == 0 {
			in.Rows[i].Status, in.Rows[i].Date = bankmux.StatusBooked, in.Rows[i].Date.AddDays(2)
		}
	}
	return known, in
}

func TestAChurnedReadingIsRecognisedWhole(t *testing.T) {
	known, in := churned(10_000)
	res := reconcile.Compare(known, in)
	if len(res.Replaced) != 10_000 || len(res.Added)+len(res.Missing) > 0 {
		t.Errorf("%d replaced, %d added, %d missing", len(res.Replaced), len(res.Added), len(res.Missing))
	}
}

// BenchmarkCompare compares as many known rows with as many new ones.
func BenchmarkCompare(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		known, in := churned(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				reconcile.Compare(known, in)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/row")
		})
	}
}
