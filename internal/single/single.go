// Package single helps tests that link one login and use its connection.
package single

import "github.com/bankmux/bankmux"

// Connection returns the only connection of an exchange. Wrap the call:
// Connection(client.ExchangeToken(ctx, req)). It is an error if the exchange made more than one.
func Connection(res bankmux.ExchangeResult, err error) (bankmux.Connection, error) {
	if err == nil && len(res.More) > 0 {
		err = &bankmux.Error{Kind: bankmux.ErrMalformed, Detail: "the exchange made more than one connection"}
	}
	return res.Connection, err
}
