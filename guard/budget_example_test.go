package guard_test

import (
	"context"
	"fmt"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// limits returns the budgets of an application: what the providers publish, and a limit of its own.
func limits() (*guard.Budgets, error) {
	budgets := guard.PlaidBudgets()
	for i := range budgets {
		if budgets[i].Per == 0 { // of the application: spread the calls over each minute
			budgets[i] = budgets[i].Paced(time.Second)
		}
	}
	budgets = append(budgets, guard.MoneyKitBudgets()...)
	budgets = append(budgets, guard.PSD2Budget("plaid-eu"))
	return guard.NewBudgets(append(budgets, guard.Budget{
		Name: "one bank", Provider: "dapi", Group: bankmux.GroupData, Per: guard.PerInstitution,
		Limit: 120, Window: time.Minute, Reserve: 40, // 40 of 120 are for users who wait
	})...)
}

// Pass the budgets to the guard of the clients. With a Fleet, processes count together.
func ExampleNewBudgets() {
	budgets, err := limits()
	if err != nil {
		fmt.Println(err)
		return
	}
	g := guard.New(guard.Options{Budgets: budgets})
	night := bankmux.WithoutUser(context.Background())
	read := bankmux.Op{Name: bankmux.OpAccounts, Group: bankmux.GroupData, Client: "dapi", Provider: "dapi"}
	for _, call := range g.Interceptors() {
		fmt.Println(call(night, read, func(context.Context) error { return nil }))
	}
	// Output: <nil>
}

// The night's calls leave a reserve to users, and a refused call says when it is allowed.
func ExampleBudgets_Interceptor() {
	budgets, err := guard.NewBudgets(guard.Budget{
		Name: "refreshes", Ops: []string{bankmux.OpRefresh}, Limit: 5, Window: 24 * time.Hour, Reserve: 2,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	refresh := bankmux.Op{Name: bankmux.OpRefresh, Effect: bankmux.OneShot, Client: "plaid"}
	call := func(ctx context.Context) error {
		return budgets.Interceptor()(ctx, refresh, func(context.Context) error { return nil })
	}
	night, user := bankmux.WithoutUser(context.Background()), context.Background()
	for range 4 {
		err = call(night)
	}
	e := bankmux.ErrorOf(err)
	fmt.Println(e.Kind, e.Code, e.NotSent, e.RetryAfter <= 24*time.Hour)
	fmt.Println("a user:", call(user))
	fmt.Println("the night may go on today:", time.Until(budgets.NextAllowed(night, refresh)) <= 0)
	// Output:
	// rate_limited budget_used true true
	// a user: <nil>
	// the night may go on today: false
}
