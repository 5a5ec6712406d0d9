package schedule_test

import (
	"fmt"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/schedule"
)

// A worker asks for the plan after each run, and stores it with the connection.
func ExampleAfter() {
	conn := bankmux.Connection{ID: "conn-1"}
	end := time.Date(2026, 3, 4, 1, 30, 0, 0, time.UTC)
	for _, err := range []error{
		nil,
		&bankmux.Error{Kind: bankmux.ErrRateLimited, RetryAfter: time.Hour},
		&bankmux.Error{Kind: bankmux.ErrReauth},
		&bankmux.Error{Kind: bankmux.ErrGone},
	} {
		plan := schedule.After(conn, schedule.Outcome{Err: err, Attempts: 1, End: end}, schedule.Night{})
		if plan.State == schedule.Due {
			fmt.Println("due after", plan.At.Sub(end).Round(time.Minute), plan.Reason)
			continue
		}
		fmt.Println(plan.State, plan.Turn, plan.Reason)
	}
	// Output:
	// due after 4h12m0s slot
	// due after 1h4m0s asked
	// blocked login login
	// dead never gone
}

// Each connection has its own slot of the night, the same in every process.
func ExampleNight() {
	night := schedule.Night{Start: 22 * time.Hour, Length: 8 * time.Hour}
	after := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	for _, id := range []string{"conn-1", "conn-2", "conn-3"} {
		fmt.Println(night.Next(id, after).Format("2 Jan 15:04:05"))
	}
	// Output:
	// 5 Mar 03:36:45
	// 5 Mar 00:43:13
	// 5 Mar 05:06:37
}

// One hour of outage is caught up in two hours if the workers can do one and a half times the load.
func ExampleCatchUp() {
	fmt.Println(schedule.CatchUp(time.Hour, 1.5))
	// Output: 2h0m0s
}
