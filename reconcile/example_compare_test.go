package reconcile_test

import (
	"fmt"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// statement returns a complete reading of November with some rows.
func statement(rows ...bankmux.Transaction) reconcile.Reading {
	return reconcile.Reading{
		Provider: "pond",
		Account:  "main",
		From:     bankmux.NewDate(2026, 11, 1),
		To:       bankmux.NewDate(2026, 11, 30),
		Rows:     rows,
		Complete: true,
	}
}

// row returns a row of a day in November.
func row(id string, day int, amount, text string, status bankmux.TransactionStatus) bankmux.Transaction {
	money, err := bankmux.NewMoney(amount, "USD")
	if err != nil {
		panic(err)
	}
	return bankmux.Transaction{
		ID: id, Date: bankmux.NewDate(2026, 11, day), Amount: money, Description: text, Status: status,
	}
}

// An application reads the same month twice. Between the readings the dinner is posted with a tip
// under another id, and the rent gets another id. The coffee disappears, and a taxi is new.
func ExampleCompare() {
	var stored []reconcile.Known // the rows of the application's database
	first := statement(
		row("1", 2, "-900.00", "RENT", bankmux.StatusBooked),
		row("2", 3, "-3.00", "COFFEE", bankmux.StatusBooked),
		row("3", 4, "-20.00", "DINNER", bankmux.StatusPending),
	)
	stored = reconcile.Compare(stored, first).Apply(stored)

	second := statement(
		row("7", 2, "-900.00", "RENT", bankmux.StatusBooked),
		row("8", 5, "-23.00", "DINNER", bankmux.StatusBooked),
		row("9", 6, "-12.00", "TAXI", bankmux.StatusBooked),
	)
	result := reconcile.Compare(stored, second)
	for _, a := range result.Added {
		fmt.Println("added:", a.Known.Text)
	}
	for _, c := range result.Replaced {
		fmt.Printf("replaced: %s %s by %s: %s\n", c.Was.Text, c.Was.Amount, c.Known.Amount, c.Reason)
	}
	for _, m := range result.Missing {
		fmt.Printf("missing: %s: %s\n", m.Known.Text, m.Reason)
	}
	stored = result.Apply(stored) // the coffee stays, since one reading removes nothing
	fmt.Println(len(stored), "rows are stored")

	third := reconcile.Compare(stored, second)
	for _, m := range third.Removed {
		fmt.Printf("removed: %s: %s\n", m.Known.Text, m.Reason)
	}
	fmt.Println(len(third.Apply(stored)), "rows are stored")
	// Output:
	// added: TAXI
	// replaced: RENT -900.00 USD by -900.00 USD: the provider gave the same row another id
	// replaced: DINNER -20.00 USD by -23.00 USD: the pending row was posted with another amount
	// missing: COFFEE: it was not there in a complete reading
	// 4 rows are stored
	// removed: COFFEE: it was not there in two complete readings in a row
	// 3 rows are stored
}

// A pending row may have become one of two booked rows. Nothing is merged: the pending row is
// missing, both booked rows are added, and the application may ask the user.
func ExampleCompare_suggestion() {
	pending := statement(row("1", 4, "-20.00", "DINNER", bankmux.StatusPending))
	stored := reconcile.Compare(nil, pending).Apply(nil)

	result := reconcile.Compare(stored, statement(
		row("2", 5, "-23.00", "DINNER", bankmux.StatusBooked),
		row("3", 6, "-31.00", "DINNER", bankmux.StatusBooked),
	))
	fmt.Println(len(result.Added), "added,", len(result.Missing), "missing,", len(result.Replaced), "replaced")
	for _, s := range result.Suggested {
		fmt.Println(s.Was.Amount, "may be one of", len(s.May), "rows:", s.Reason)
	}
	// Output:
	// 2 added, 1 missing, 0 replaced
	// -20.00 USD may be one of 2 rows: the text agrees and the amount does not
}

// A page of a longer list proves no absence. Without Gone, an equal row under another id is a
// second row. With Gone it is the same row, since its former id no longer exists.
func ExampleReading() {
	list := statement(row("1", 3, "-3.00", "COFFEE", bankmux.StatusBooked))
	stored := reconcile.Compare(nil, list).Apply(nil)

	page := statement(row("2", 3, "-3.00", "COFFEE", bankmux.StatusBooked))
	page.Complete = false
	result := reconcile.Compare(stored, page)
	fmt.Println(len(result.Added), "added,", len(result.Replaced), "replaced")

	page.Gone = func(alias string) bool { return alias == reconcile.Alias("pond", "1") }
	result = reconcile.Compare(stored, page)
	fmt.Println(len(result.Added), "added,", len(result.Replaced), "replaced:", result.Replaced[0].Reason)
	// Output:
	// 1 added, 0 replaced
	// 0 added, 1 replaced: the provider gave the same row another id
}

// Text is what rows are compared by. Letter case, spaces and invisible characters do not count.
// Punctuation counts in Text and does not in LettersAndDigits.
func ExampleText() {
	for _, text := range []string{"Harbor  Coffee 08:49", "HARBOR COFFEE\u200e 08.49"} {
		t := &bankmux.Transaction{Description: text}
		fmt.Println(reconcile.Text(t), "|", reconcile.LettersAndDigits(text))
	}
	// Output:
	// HARBOR COFFEE 08:49 | HARBORCOFFEE0849
	// HARBOR COFFEE 08.49 | HARBORCOFFEE0849
}
