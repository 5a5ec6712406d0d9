package paging_test

import (
	"fmt"

	"github.com/bankmux/bankmux/adapter/paging"
)

// A list that is newest first is read in pages of three. Two rows are removed after the first page,
// so the second page skips two rows. The pages after it start that much earlier. They repeat rows,
// and leave out none.
func ExampleOffset() {
	rows := []string{"g", "f", "e", "d", "c", "b", "a"}
	next := ""
	for {
		at, err := paging.ParseOffset(next, "TransactionsRequest.Page")
		if err != nil {
			fmt.Println(err)
			return
		}
		page := rows[at.Start():min(at.Start()+3, len(rows))]
		fmt.Println(at.Start(), page)
		if next, err = at.Next(len(page), len(rows)); err != nil || next == "" {
			fmt.Println("the list has changed:", at.Moved(), err)
			return
		}
		if at.First() {
			rows = rows[2:]
		}
	}
	// Output:
	// 0 [g f e]
	// 3 [b a]
	// 1 [d c b]
	// 4 [a]
	// the list has changed: true <nil>
}
