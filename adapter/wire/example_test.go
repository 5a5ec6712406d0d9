package wire_test

import (
	"fmt"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
)

// One odd row is a failure beside the others, and an amount is exact however it is written.
func Example() {
	var answer struct {
		Rows wire.List[struct {
			ID     wire.Text   `json:"id"`
			Amount wire.Number `json:"amount"`
		}] `json:"rows"`
		More wire.Exact[bool] `json:"more"`
	}
	body := `{"rows":[{"id":77,"amount":"0.10"},"out of order",{"id":"78","amount":1e1}],"more":true}`
	if err := wire.Decode([]byte(body), &answer); err != nil {
		fmt.Println(err)
		return
	}
	for _, row := range answer.Rows.Rows {
		fmt.Println(row.ID, row.Amount.Value)
	}
	for _, failure := range answer.Rows.Failures("account-1") {
		fmt.Println(failure.Account, failure.Transaction, bankmux.KindOf(failure.Err))
	}
	// Output:
	// 77 0.10
	// 78 10
	// account-1 row 2 malformed_response
}
