package bankmux

// This file describes calls to the interceptors around them.

import (
	"context"
	"time"
)

// Op describes one call, for the interceptors around it.
type Op struct {
	Name        string // such as [OpExchangeToken]
	Group       Group
	Effect      Effect
	Client      string    // registered name of the client
	Provider    string    // name of the adapter
	Institution string    // the provider's id of the bank, if the call concerns one
	Connection  string    // [Connection.ID], if the call concerns a connection; see StoredConnection
	Reference   Secret    // the provider's id of the connection; some providers change it at a new login
	LinkedAt    time.Time // [Connection.LinkedAt]; it changes with every new login
	User        string    // the application's id of the user; do not log it
	Product     string

	Reconnect bool // an existing connection is being renewed
	Once      bool // the caller has an alternative, so do not repeat

	// FindOut names the call that reveals the outcome of a one-shot whose response was lost. It
	// becomes [Error.FindOut] of an [ErrOutcomeUnknown].
	FindOut string

	Challenge string // id of the [Challenge] this call answers
	Abandon   bool   // the user gave that challenge up, so nothing is sent

	// Asked says that the bank of the connection asked the user before ([Status.AskedAt]).
	Asked bool

	// Aside says that the call asks the provider about an earlier call and does not reach the bank.
	// An open challenge survives it.
	Aside bool
}

// StoredConnection returns the id of the connection that the call concerns, for logs. It is "" for
// the exchange of a new link, because no connection has the id then. At some providers no
// connection ever has it: see [Session.ConnectionOf].
func (op *Op) StoredConnection() string {
	if op.Name == OpExchangeToken && !op.Reconnect {
		return ""
	}
	return op.Connection
}

// Group is a group of operations. The operations of one group share a circuit breaker and a
// deadline.
type Group string

// The groups.
const (
	GroupLink Group = "link" // sessions, exchange, status, disconnect
	GroupData Group = "data" // reads of accounts and transactions
	GroupPay  Group = "pay"  // payments
)

// Effect says what happens if a call is sent twice.
type Effect string

// The effects.
const (
	Read       Effect = "read"       // changes nothing
	Idempotent Effect = "idempotent" // twice is the same as once
	OneShot    Effect = "one_shot"   // must never be sent twice
	Local      Effect = "local"      // sends nothing at all
)

// Interceptor is a function around every call of a client. It calls next once, several times (to
// retry), or not at all (to refuse the call). The caller gets the error that it returns. If that is
// not an [*Error], the client makes it one, which the interceptors outside of it get too. An
// interceptor must be safe for concurrent use.
type Interceptor func(ctx context.Context, op Op, next func(context.Context) error) error
