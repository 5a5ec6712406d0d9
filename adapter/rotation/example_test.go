package rotation_test

import (
	"context"
	"fmt"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rotation"
)

// An adapter makes one Tokens from its Config, and every request with a user's token passes it.
func ExampleTokens_Do() {
	errEnded := &bankmux.Error{Kind: bankmux.ErrReauth, Code: "token_expired", Status: 401}
	tokens, err := rotation.New(rotation.Config{
		Keeper: bankmux.NewMemoryKeeper(), // in production the application's
		Refresh: func(context.Context, bankmux.Connection, rotation.Grant) (rotation.Grant, error) {
			fmt.Println("POST /token")
			return rotation.Grant{
				Access: bankmux.NewSecret("second"), Refresh: bankmux.NewSecret("r2"), Lifetime: time.Hour,
			}, nil
		},
		Expired: func(e *bankmux.Error) bool { return e.Code == "token_expired" },
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	// ExchangeToken makes the first credential.
	credential, err := tokens.Credential(rotation.Grant{
		Access: bankmux.NewSecret("first"), Refresh: bankmux.NewSecret("r1"), Lifetime: time.Hour,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	conn := bankmux.NewConnection(bankmux.NewSession(bankmux.SessionRequest{User: "user-1"}), "consent-1", credential)

	// The read runs again with the renewed token, which is then in conn.
	err = tokens.Do(context.Background(), &conn, func(_ context.Context, access bankmux.Secret) error {
		fmt.Println("GET /accounts with the", access.Reveal(), "token")
		if access.Reveal() == "first" {
			return errEnded
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// GET /accounts with the first token
	// POST /token
	// GET /accounts with the second token
	// <nil>
}

// Once never repeats a one-shot. It renews a refused token, and the application makes the call
// again.
func ExampleTokens_Once() {
	errEnded := &bankmux.Error{Kind: bankmux.ErrReauth, Code: "token_ended"}
	tokens, err := rotation.New(rotation.Config{
		Environment: bankmux.Sandbox, // its default keeper is in memory
		Refresh: func(context.Context, bankmux.Connection, rotation.Grant) (rotation.Grant, error) {
			return rotation.Grant{Access: bankmux.NewSecret("second"), Lifetime: time.Hour}, nil
		},
		Expired: func(e *bankmux.Error) bool { return e.Code == "token_ended" },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	credential, err := tokens.Credential(rotation.Grant{
		Access: bankmux.NewSecret("first"), Refresh: bankmux.NewSecret("r1"), Lifetime: time.Hour,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	conn := bankmux.NewConnection(bankmux.NewSession(bankmux.SessionRequest{User: "user-1"}), "consent-1", credential)

	pay := func(_ context.Context, access bankmux.Secret) error {
		fmt.Println("POST /payments with the", access.Reveal(), "token")
		if access.Reveal() == "first" {
			return errEnded
		}
		return nil
	}
	err = tokens.Once(context.Background(), &conn, pay)
	fmt.Println(bankmux.KindOf(err))
	fmt.Println(tokens.Once(context.Background(), &conn, pay))
	// Output:
	// POST /payments with the first token
	// provider_unavailable
	// POST /payments with the second token
	// <nil>
}
