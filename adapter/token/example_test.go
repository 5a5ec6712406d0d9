package token_test

import (
	"context"
	"fmt"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/token"
)

// A token that the provider refused is dropped, and the next call fetches another one.
func ExampleSource() {
	fetches := 0
	source := token.NewSource(10*time.Second, func(context.Context) (token.Token, error) {
		fetches++ // an adapter sends a request here
		return token.Token{Value: bankmux.NewSecret(fmt.Sprint("token-", fetches)), Lifetime: time.Hour}, nil
	})
	ctx := context.Background()
	first, _ := source.Token(ctx)
	again, _ := source.Token(ctx)
	fmt.Println(first == again, first)

	source.Invalidate(first)
	second, _ := source.Token(ctx)
	source.Invalidate(again) // of another call, which comes late: the new token stays
	third, _ := source.Token(ctx)
	fmt.Println(second == first, third == second, fetches)
	// Output:
	// true [redacted]
	// false true 2
}
