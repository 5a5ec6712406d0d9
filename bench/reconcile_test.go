package bench

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// churned is a reading of n rows, all under other ids. Some were posted, and some are new.
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
	in = reconcile.Reading{
		Provider: "mk",
		Account:  "main",
		From:     first,
		To:       first.AddDays(100),
		Rows:     rows,
		Complete: true,
	}
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

func TestCompare(t *testing.T) {
	t.Run("a churned reading is recognised", aChurnedReadingIsRecognised)
	t.Run("suggestions are bounded", suggestionsAreBounded)
	t.Run("memory per row is bounded", memoryPerRowIsBounded)
}

func aChurnedReadingIsRecognised(t *testing.T) {
	known, in := churned(10_000)
	res := reconcile.Compare(known, in)
	if len(res.Replaced) != 10_000 || len(res.Added)+len(res.Missing) > 0 {
		t.Errorf("%d replaced, %d added, %d missing", len(res.Replaced), len(res.Added), len(res.Missing))
	}
}

// steady is a reading of n known rows without a change.
func steady(n int) ([]reconcile.Known, reconcile.Reading) {
	_, in := churned(n)
	return reconcile.Compare(nil, in).Apply(nil), in
}

// reposted is a reading of n pending rows of one text, all posted with other amounts. Each known
// row may be any of the new ones.
func reposted(n int) (known []reconcile.Known, in reconcile.Reading) {
	first := bankmux.NewDate(2026, 1, 1)
	rows := make([]bankmux.Transaction, n)
	row := func(i int, id string, minor int64, status bankmux.TransactionStatus, day int) {
		amount, _ := bankmux.MoneyFromMinor(minor, "USD")
		rows[i] = bankmux.Transaction{
			ID:             fmt.Sprint(id, i),
			Date:           first.AddDays(day),
			Amount:         amount,
			Status:         status,
			RawDescription: "Fuel Station",
		}
	}
	for i := range rows {
		row(i, "hold-", int64(-10_000-i), bankmux.StatusPending, i%5)
	}
	in = reconcile.Reading{
		Provider: "mk",
		Account:  "main",
		From:     first,
		To:       first.AddDays(20),
		Rows:     rows,
		Complete: true,
	}
	known = reconcile.Compare(nil, in).Apply(nil)
	rows = make([]bankmux.Transaction, n)
	for i := range rows {
		row(i, "post-", int64(-1_000_000-i), bankmux.StatusBooked, 5+i%5)
	}
	in.Rows = rows
	return known, in
}

// retold is a reading of another provider: n rows with 40 equal amounts per day, in other words.
func retold(n int) (known []reconcile.Known, in reconcile.Reading) {
	last := bankmux.NewDate(2026, 1, 1).AddDays(n/40 + 3)
	rows := make([]bankmux.Transaction, n)
	amount, _ := bankmux.MoneyFromMinor(-500, "USD")
	for i := range rows {
		rows[i] = bankmux.Transaction{
			ID:             fmt.Sprint("a-", i),
			Date:           last.AddDays(-3 - i/40),
			Amount:         amount,
			Status:         bankmux.StatusBooked,
			RawDescription: fmt.Sprint("Fare ", i),
		}
	}
	in = reconcile.Reading{
		Provider: "mk",
		Account:  "main",
		From:     last.AddDays(-4 - n/40),
		To:       last,
		Rows:     rows,
		Complete: true,
	}
	known = reconcile.Compare(nil, in).Apply(nil)
	in.Provider, in.Rows = "dp", append([]bankmux.Transaction(nil), rows...)
	for i := range rows {
		in.Rows[i].ID, in.Rows[i].Status, in.Rows[i].RawDescription = "", "", fmt.Sprint("Metro Ride, Gate ", i*7919%n)
	}
	return known, in
}

// crowded has n rows of one day and amount, and a later reading of the same provider. Its rows have
// other references and no ids. text makes the texts of both.
func crowded(n int, text func(i int, later bool) string) (known []reconcile.Known, in reconcile.Reading) {
	first := bankmux.NewDate(2026, 1, 1)
	amount, _ := bankmux.MoneyFromMinor(-500, "USD")
	rows := func(later bool) []bankmux.Transaction {
		all := make([]bankmux.Transaction, n)
		for i := range all {
			id := fmt.Sprint(later, i)
			all[i] = bankmux.Transaction{
				Date:           first,
				Amount:         amount,
				Status:         bankmux.StatusBooked,
				Reference:      id,
				RawDescription: text(i, later),
			}
		}
		return all
	}
	in = reconcile.Reading{
		Provider: "mk",
		Account:  "main",
		From:     first,
		To:       first.AddDays(20),
		Rows:     rows(false),
		Complete: true,
	}
	known = reconcile.Compare(nil, in).Apply(nil)
	in.Rows = rows(true)
	return known, in
}

// alike has 16 long texts in all, so that only the references differ.
func alike(n int) ([]reconcile.Known, reconcile.Reading) {
	const place = "COFFEE SHOP NUMBER AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA SEATTLE "
	return crowded(n, func(i int, _ bool) string { return fmt.Sprintf(place+"%x", i%16) })
}

// near has a text for each row, and all of them resemble each other.
func near(n int) ([]reconcile.Known, reconcile.Reading) {
	return crowded(n, func(i int, later bool) string {
		if later {
			i += n
		}
		return fmt.Sprintf("COFFEE SHOP NUMBER %07d SEATTLE", i*7919%10_000_000)
	})
}

type history struct {
	name string
	make func(int) ([]reconcile.Known, reconcile.Reading)
}

// crowds are histories without a goal for bytes.
var crowds = []history{{"alike", alike}, {"near", near}}

var histories = []history{{"churned", churned}, {"steady", steady}, {"reposted", reposted}, {"retold", retold}}

func suggestionsAreBounded(t *testing.T) {
	for _, h := range histories[2:] {
		known, in := h.make(3_600)
		res := reconcile.Compare(known, in)
		if len(res.Suggested) != 3_600 || len(res.Added) != 3_600 {
			t.Fatalf("%s: %d suggestions for %d new rows", h.name, len(res.Suggested), len(res.Added))
		}
		for _, s := range res.Suggested {
			if len(s.May) != reconcile.MaxSuggested || s.More < 100 {
				t.Fatalf("%s: %d rows, and %d more", h.name, len(s.May), s.More)
			}
		}
	}
}

// allocated returns the bytes that one comparison allocates.
func allocated(known []reconcile.Known, in reconcile.Reading) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	reconcile.Compare(known, in)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Known and new rows are compared, so there are twice as many rows as new ones.
func memoryPerRowIsBounded(t *testing.T) {
	sizes := []int{1_000, 10_000}
	if os.Getenv("BANKMUX_FULL") != "" {
		sizes = append(sizes, 100_000)
	}
	for _, h := range histories {
		perRow := make([]float64, len(sizes))
		for i, n := range sizes {
			perRow[i] = float64(allocated(h.make(n))) / float64(2*n)
			if perRow[i] >= 400 {
				t.Errorf("%s, %d with %d rows: %.0f bytes a row", h.name, n, n, perRow[i])
			}
			if growth := perRow[i] / perRow[0]; growth > 1.15 {
				t.Errorf("%s: a row takes %.2f times as much of %d as of %d", h.name, growth, n, sizes[0])
			}
		}
		t.Logf("%s, of %d rows: %.0f bytes a row", h.name, sizes, perRow)
	}
}

// BenchmarkCrowdedDay measures the histories without a goal. Texts and references are compared for
// rows of one day and amount.
func BenchmarkCrowdedDay(b *testing.B) {
	for _, h := range crowds {
		for _, n := range []int{1_000, 10_000} {
			b.Run(fmt.Sprintf("%s/%d", h.name, n), func(b *testing.B) {
				known, in := h.make(n)
				bytes := 0.0
				for b.Loop() {
					bytes = float64(allocated(known, in)) / float64(2*n)
				}
				b.ReportMetric(bytes, "bytes/row")
			})
		}
	}
}

// BenchmarkCompare compares as many known rows with as many new ones.
func BenchmarkCompare(b *testing.B) {
	for _, h := range histories {
		for _, n := range []int{1_000, 10_000, 100_000} {
			b.Run(fmt.Sprint(h.name, "/", n), func(b *testing.B) {
				known, in := h.make(n)
				b.ReportAllocs()
				for b.Loop() {
					reconcile.Compare(known, in)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(2*n), "ns/row")
			})
		}
	}
}
