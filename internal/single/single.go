// Package single is for tests that link one login and go on with its connection.
package single

import "github.com/bankmux/bankmux"

// Connection returns the only connection of an exchange. Wrap the call:
// Connection(client.ExchangeToken(ctx, req)). Where the exchange made more, the error says so.
func Connection(res bankmux.ExchangeResult, err error) (bankmux.Connection, error) {
	if err == nil && len(res.More) > 0 {
		err = &bankmux.Error{Kind: bankmux.ErrMalformed, Detail: "the exchange made more than one connection"}
	}
	return res.Connection, err
}
