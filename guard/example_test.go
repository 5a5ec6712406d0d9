package guard_test

// This file has the examples of the package.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// acme is a provider whose every call fails with err, if it is not nil.
type acme struct{ err error }

func (a *acme) CreateSession(_ context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	return bankmux.NewSession(req), a.err
}

func (a *acme) ExchangeToken(_ context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	conn := bankmux.NewConnection(req.Session, "conn-1", bankmux.NewSecret("credential"))
	return bankmux.ExchangeResult{Connection: conn}, a.err
}

// One guard protects the clients of all providers, and a health page shows its breakers.
func ExampleNew() {
	g := guard.New(guard.Options{
		Retry:    guard.RetryOptions{MaxAttempts: 2, Base: time.Millisecond},
		Deadline: guard.DeadlineOptions{Link: 10 * time.Second},
	})
	// The constructor of an adapter takes the guard and does this.
	client := bankmux.NewClient("acme", &acme{}, g.Interceptors()...)

	_, err := client.CreateSession(context.Background(), bankmux.SessionRequest{User: "user-1"})
	fmt.Println(err)
	for _, b := range g.Breakers() {
		fmt.Println(b.Client, b.Group, b.State, b.Requests, b.Failures)
	}
	// Output:
	// <nil>
	// acme link closed 1 0
}

// OnStateChange receives every change of a circuit breaker, for an alert or a metric.
func ExampleOptions_breakerEvents() {
	events := make(chan guard.BreakerState, 10)
	g := guard.New(guard.Options{
		Retry:         guard.RetryOptions{MaxAttempts: 1},
		OnStateChange: func(s guard.BreakerState) { events <- s },
	})
	down := &acme{err: &bankmux.Error{Kind: bankmux.ErrUnavailable, Status: 503}}
	client := bankmux.NewClient("acme", down, g.Interceptors()...)

	var err error
	for range 7 { // six failures in a row open the circuit
		_, err = client.CreateSession(context.Background(), bankmux.SessionRequest{User: "user-1"})
	}
	fmt.Println(bankmux.KindOf(err))
	event := <-events
	fmt.Println(event.Client, event.Group, event.State)
	// Output:
	// circuit_open
	// acme link open
}

// During the outage of one bank, calls to it fail at once and calls to other banks pass.
func ExampleInstitutions() {
	institutions := guard.NewInstitutions(guard.InstitutionOptions{}, nil)
	atBank := func(op bankmux.Op) bool { return op.Group == bankmux.GroupData }
	interceptor := institutions.Interceptor(atBank)

	call := func(institution string, err error) error {
		op := bankmux.Op{
			Name: bankmux.OpAccounts, Group: bankmux.GroupData, Effect: bankmux.Read,
			Client: "acme", Institution: institution, Connection: "conn-of-" + institution,
		}
		return interceptor(context.Background(), op, func(context.Context) error { return err })
	}
	outage := &bankmux.Error{Kind: bankmux.ErrInstitution, Status: 502}
	for range 5 { // five failures in a row open the circuit
		_ = call("bank-a", outage)
	}
	fmt.Println("bank-a:", bankmux.KindOf(call("bank-a", nil)))
	fmt.Println("bank-b:", call("bank-b", nil))
	for _, b := range institutions.States() {
		fmt.Println(b.Institution, b.State)
	}
	// Output:
	// bank-a: institution_unavailable
	// bank-b: <nil>
	// bank-a open
}

// Calls on one connection wait for each other. Calls on other connections do not wait.
func ExampleOnePerConnection() {
	queue := guard.OnePerConnection()
	op := bankmux.Op{Name: bankmux.OpAccounts, Effect: bankmux.Read, Client: "acme", Connection: "conn-1"}

	running, most := 0, 0
	var calls sync.WaitGroup
	for range 10 {
		calls.Go(func() {
			_ = queue(context.Background(), op, func(context.Context) error {
				running++ // no data race, since the calls run one by one
				most = max(most, running)
				running--
				return nil
			})
		})
	}
	calls.Wait()
	fmt.Println(most, "call at a time")
	// Output:
	// 1 call at a time
}

// Retry repeats a read that was rate limited. It sends a one-shot once.
func ExampleRetry() {
	retry := guard.Retry(guard.RetryOptions{Base: time.Millisecond})
	try := func(effect bankmux.Effect) {
		attempts := 0
		op := bankmux.Op{Name: "Call", Effect: effect}
		err := retry(context.Background(), op, func(context.Context) error {
			if attempts++; attempts < 3 {
				return &bankmux.Error{Kind: bankmux.ErrUnavailable}
			}
			return nil
		})
		fmt.Printf("%s: %d attempt(s), error %q\n", effect, attempts, bankmux.KindOf(err))
	}
	try(bankmux.Read)
	try(bankmux.OneShot)
	// Output:
	// read: 3 attempt(s), error ""
	// one_shot: 1 attempt(s), error "outcome_unknown"
}

// A request handler passes an Interactive context. A rate limit then returns at once, and the
// response of the handler says when to try again.
func ExampleInteractive() {
	retry := guard.Retry(guard.RetryOptions{})
	op := bankmux.Op{Name: bankmux.OpAccounts, Effect: bankmux.Read}
	attempts := 0
	err := retry(guard.Interactive(context.Background()), op, func(context.Context) error {
		attempts++
		return &bankmux.Error{Kind: bankmux.ErrRateLimited, RetryAfter: 7 * time.Second}
	})
	if e, ok := errors.AsType[*bankmux.Error](err); ok {
		fmt.Println(attempts, e.Kind, e.RetryAfter)
	}
	// Output:
	// 1 rate_limited 7s
}

// While a challenge is open, another call on the connection returns it and sends nothing.
func ExampleHold() {
	hold := guard.Hold()
	op := bankmux.Op{Name: bankmux.OpAccounts, Effect: bankmux.Read, Client: "acme", Connection: "conn-1"}
	challenge := &bankmux.Challenge{ID: "c-1", ExpiresAt: time.Now().Add(time.Minute)}
	_ = hold(context.Background(), op, func(context.Context) error {
		return &bankmux.Error{Kind: bankmux.ErrUserAction, Challenge: challenge}
	})

	sent := false
	err := hold(context.Background(), op, func(context.Context) error { sent = true; return nil })
	fmt.Println(bankmux.KindOf(err), sent)

	op.Challenge = "c-1" // the user's answer
	err = hold(context.Background(), op, func(context.Context) error { sent = true; return nil })
	fmt.Println(err, sent)
	// Output:
	// user_action_required false
	// <nil> true
}

// Once a bank has asked the user, a job of the night no longer reaches it. A user who is there
// does.
func ExampleUnattended() {
	unattended := guard.Unattended(nil)
	op := bankmux.Op{
		Name: bankmux.OpBalances, Group: bankmux.GroupData, Effect: bankmux.Read,
		Client: "acme", Connection: "conn-1", Asked: true, // as Connection.Status.AskedAt says
	}
	send := func(context.Context) error { fmt.Println("sent"); return nil }

	err := unattended(bankmux.WithoutUser(context.Background()), op, send)
	fmt.Println(bankmux.KindOf(err), bankmux.ErrorOf(err).Code)
	fmt.Println(unattended(context.Background(), op, send))
	// Output:
	// user_action_required user_absent
	// sent
	// <nil>
}

// An interceptor outside Retry reads the attempts of an operation, for example for OpenTelemetry.
func ExampleWithRecord() {
	retry := guard.Retry(guard.RetryOptions{Base: time.Millisecond})
	observe := func(ctx context.Context, op bankmux.Op, next func(context.Context) error) error {
		ctx, record := guard.WithRecord(ctx)
		err := next(ctx)
		for _, a := range record.Attempts() {
			fmt.Printf("%s: kind %q, status %d\n", op.Name, a.Kind, a.Status)
		}
		return err
	}
	attempts := 0
	op := bankmux.Op{Name: bankmux.OpAccounts, Effect: bankmux.Read}
	_ = observe(context.Background(), op, func(ctx context.Context) error {
		return retry(ctx, op, func(context.Context) error {
			if attempts++; attempts == 1 {
				return &bankmux.Error{Kind: bankmux.ErrUnavailable, Status: 503}
			}
			return nil
		})
	})
	// Output:
	// Accounts: kind "provider_unavailable", status 503
	// Accounts: kind "", status 0
}

// Trace writes one record per operation. It never has the name of a user.
func ExampleTrace() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == "time" || a.Key == "took" { // they differ in each run
				return slog.Attr{}
			}
			return a
		},
	}))
	op := bankmux.Op{Name: bankmux.OpAccounts, Effect: bankmux.Read, Client: "acme", Provider: "acme", User: "user-1"}
	_ = guard.Trace(logger)(context.Background(), op, func(context.Context) error { return nil })
	// Output:
	// level=INFO msg=bankmux op=Accounts client=acme provider=acme effect=read attempts=0
}

// An adapter marks error codes that its catalogue does not list. The guard counts them.
func ExampleGuard_UnlistedCodes() {
	g := guard.New(guard.Options{Retry: guard.RetryOptions{MaxAttempts: 1}})
	unlisted := &bankmux.Error{Kind: bankmux.ErrInvalid, Provider: "acme", Code: "NEW_CODE", Unlisted: true}
	client := bankmux.NewClient("acme", &acme{err: unlisted}, g.Interceptors()...)

	_, _ = client.CreateSession(context.Background(), bankmux.SessionRequest{User: "user-1"})
	fmt.Println(g.UnlistedCodes())
	// Output: map[acme NEW_CODE:1]
}
