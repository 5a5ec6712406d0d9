package bankmux

import (
	"context"
	"time"
)

// Op describes one call to the interceptors around it.
type Op struct {
	Name        string // [OpExchangeToken]
	Group       Group
	Effect      Effect
	Client      string    // registered name of the client
	Provider    string    // name of the adapter
	Institution string    // the provider's id of the bank, where the call concerns one
	Connection  string    // our id of the connection, where the call concerns one
	Reference   Secret    // the provider's id of it; changes with a new login at some
	LinkedAt    time.Time // [Connection.LinkedAt]; changes with a new login at all
	User        string    // the application's id of the user; do not log it
	Product     string

	Reconnect bool // an existing connection is being renewed
	Once      bool // the caller has another way to go on: do not repeat

	// FindOut is, of a one-shot, what the application calls to learn what became of one whose
	// answer was lost. It becomes [Error.FindOut] of an [ErrOutcomeUnknown].
	FindOut string

	Challenge string // id of the [Challenge] this call answers
	Abandon   bool   // the user gave that challenge up: nothing will be sent

	// Asked is set if the connection says that its bank asked the user before ([Status.AskedAt]).
	Asked bool

	// Aside is set for a call that asks the provider about an earlier call and does not reach the
	// bank, so that an open challenge survives it.
	Aside bool
}

// Group divides operations by what they share when a provider is slow: a
// circuit breaker and a deadline.
type Group string

// The groups.
const (
	GroupLink Group = "link" // sessions, exchange, status, disconnect
	GroupData Group = "data" // reads of accounts and transactions
	GroupPay  Group = "pay"  // payments
)

// Effect says what sending a call twice would do.
type Effect string

// The effects.
const (
	Read       Effect = "read"       // changes nothing
	Idempotent Effect = "idempotent" // twice is the same as once
	OneShot    Effect = "one_shot"   // must never be sent twice
	Local      Effect = "local"      // sends nothing at all
)

// Interceptor is a function around a call. It calls next once, more often (to
// repeat), or not at all (to refuse), and returns what the caller shall see. It
// must be safe for concurrent use.
type Interceptor func(ctx context.Context, op Op, next func(context.Context) error) error
