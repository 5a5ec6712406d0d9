package reconcile_test

import (
	"context"
	"fmt"

	"github.com/bankmux/bankmux"
)

// TransactionPage lists the rows of an account, about a month per page, the newest first. Each row
// is on one page.
func ExampleDays_TransactionPage() {
	provider := &wren{rows: []wrenRow{
		{"main", "-900.00", "2026-09-10", "RENT"},
		{"main", "-900.00", "2026-10-10", "RENT"},
		{"main", "-3.00", "2026-11-25", "COFFEE"},
	}}
	req := bankmux.TransactionsRequest{
		Accounts: []string{"main"},
		From:     bankmux.NewDate(2026, 9, 1),
	}
	for {
		page, err := provider.TransactionPage(context.Background(), req)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, t := range page.Transactions {
			fmt.Println(t.Date, t.Description, t.Amount)
		}
		if req.Page = page.Next; page.Next == "" {
			return
		}
		fmt.Println("next page")
	}
	// Output:
	// 2026-11-25 COFFEE -3.00 AED
	// next page
	// 2026-10-10 RENT -900.00 AED
	// next page
	// 2026-09-10 RENT -900.00 AED
}
