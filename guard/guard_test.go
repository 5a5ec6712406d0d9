package guard_test

// This file has the operations, errors and calls that all tests use, and the benchmarks.

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

var (
	read = bankmux.Op{
		Name:       "Read",
		Client:     "c",
		Provider:   "p",
		Group:      bankmux.GroupLink,
		Effect:     bankmux.Read,
		Connection: "conn-1",
	}
	oneShot = bankmux.Op{
		Name:     "Exchange",
		Client:   "c",
		Provider: "p",
		Group:    bankmux.GroupLink,
		Effect:   bankmux.OneShot,
	}
	local    = bankmux.Op{Name: "Create", Client: "c", Provider: "p", Group: bankmux.GroupLink, Effect: bankmux.Local}
	errDown  = &bankmux.Error{Kind: bankmux.ErrUnavailable, Status: 503}
	errLimit = &bankmux.Error{Kind: bankmux.ErrRateLimited, Code: "slow", Status: 429}
)

// chain joins interceptors, outermost first.
func chain(in []bankmux.Interceptor, op bankmux.Op, call func(context.Context) error) func(context.Context) error {
	for _, i := range slices.Backward(in) {
		next, interceptor := call, i
		call = func(ctx context.Context) error { return interceptor(ctx, op, next) }
	}
	return call
}

// answers returns a call that fails with each error in turn, then succeeds.
func answers(calls *int, errs ...error) func(context.Context) error {
	return func(context.Context) error {
		*calls++
		if *calls <= len(errs) {
			return errs[*calls-1]
		}
		return nil
	}
}

func hang(ctx context.Context) error {
	<-ctx.Done()
	return &bankmux.Error{Kind: bankmux.ErrContextDone, Err: ctx.Err()}
}

func BenchmarkChain(b *testing.B) {
	g := guard.New(guard.Options{OnePerConnection: true})
	call := chain(g.Interceptors(), read, func(context.Context) error { return nil })
	b.ReportAllocs()
	for b.Loop() {
		if err := call(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRefusal(b *testing.B) {
	g := guard.New(
		guard.Options{Retry: guard.RetryOptions{MaxAttempts: 1}, Breaker: guard.BreakerOptions{OpenFor: time.Hour}},
	)
	for range 6 {
		_ = chain(g.Interceptors(), read, answers(new(int), errDown))(b.Context())
	}
	call := chain(g.Interceptors(), read, func(context.Context) error { return nil })
	b.ReportAllocs()
	for b.Loop() {
		if err := call(b.Context()); !errors.Is(err, bankmux.ErrCircuitOpen) {
			b.Fatal(err)
		}
	}
}
