package wire_test

import (
	"fmt"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
)

// An unreadable row is a failure and does not affect the others. An amount is exact in any
// notation.
func Example() {
	var response struct {
		Rows wire.List[struct {
			ID     wire.Text   `json:"id"`
			Amount wire.Number `json:"amount"`
		}] `json:"rows"`
		More wire.Exact[bool] `json:"more"`
	}
	body := `{"rows":[{"id":77,"amount":"0.10"},"out of order",{"id":"78","amount":1e1}],"more":true}`
	if err := wire.Decode([]byte(body), &response); err != nil {
		fmt.Println(err)
		return
	}
	for _, row := range response.Rows.Rows {
		fmt.Println(row.ID, row.Amount.Value)
	}
	for _, failure := range response.Rows.Failures("account-1") {
		fmt.Println(failure.Account, failure.Transaction, bankmux.KindOf(failure.Err))
	}
	// Output:
	// 77 0.10
	// 78 10
	// account-1 row 2 malformed_response
}

// An unexpected value of a member counts as absent. Of an Exact member it is an error.
func ExampleDecode() {
	var response struct {
		Name string           `json:"name"`
		More wire.Exact[bool] `json:"more"`
	}
	err := wire.Decode([]byte(`{"name":["not","a","text"],"more":true,"new":1}`), &response)
	fmt.Printf("%q %v %v\n", response.Name, response.More.Value, err)

	err = wire.Decode([]byte(`{"name":"x","more":"maybe"}`), &response)
	fmt.Println(bankmux.KindOf(err))
	// Output:
	// "" true <nil>
	// malformed_response
}

// A Number distinguishes an absent value from zero.
func ExampleNumber() {
	var response struct {
		Balance, Limit, Fee wire.Number
	}
	err := wire.Decode([]byte(`{"Balance":"12.50","Limit":null,"Fee":"none"}`), &response)
	fmt.Println(response.Balance.Value, response.Limit.Absent(), response.Fee.Bad(), err)
	// Output:
	// 12.50 true true <nil>
}

// A Flag is true or false in any notation.
func ExampleFlag() {
	var response struct{ Active, Closed, Frozen wire.Flag }
	err := wire.Decode([]byte(`{"Active":"true","Closed":0,"Frozen":null}`), &response)
	fmt.Println(response.Active == wire.FlagTrue, response.Closed == wire.FlagFalse, err)
	fmt.Println(response.Frozen == wire.FlagAbsent)
	// Output:
	// true true <nil>
	// true
}

// An accountsResponse without its list is an error. An empty list is a success.
type accountsResponse struct {
	Accounts wire.List[struct {
		ID string `json:"id"`
	}] `json:"accounts"`
}

func (r *accountsResponse) Lacks() string { return wire.Need(r.Accounts.Present, "accounts") }

func ExampleRequired() {
	for _, body := range []string{`{"accounts":[]}`, `{"accounts":null}`, `{}`} {
		var out accountsResponse
		if err := wire.Decode([]byte(body), &out); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s lacks %q\n", body, out.Lacks())
	}
	// Output:
	// {"accounts":[]} lacks ""
	// {"accounts":null} lacks "accounts"
	// {} lacks "accounts"
}
