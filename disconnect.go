package bankmux

// This file has the call that ends a connection.

import "context"

// DisconnectRequest ends a connection.
type DisconnectRequest struct{ Connection Connection }

func (r *DisconnectRequest) prepare(c *Client, op *Op) error { return r.Connection.prepare(c, op) }

// DisconnectResult holds the connection in [StateGone].
type DisconnectResult struct{ Connection Connection }

// Disconnect withdraws access to a connection and returns it in [StateGone]. It may be repeated. A
// connection that is gone already is a success. For the errors see [Disconnector].
func (c *Client) Disconnect(ctx context.Context, req DisconnectRequest) (DisconnectResult, error) {
	return call(ctx, c, &opDisconnect, &req, Disconnector.Disconnect)
}
