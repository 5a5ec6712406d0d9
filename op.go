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

// Request is a pointer to any request of this package, or to a [Connection]. Before a call it says
// in op whom the call concerns, and refuses what no adapter should see.
type Request interface {
	prepare(c *Client, op *Op) error
}

// Names of the operations, as [Op.Name], [Error.Op] and [Challenge.Op] have them. They never
// change. What only one adapter can do has a name that begins with the provider's, such as
// DapiOperation.
const (
	OpCreateSession          = "CreateSession"
	OpExchangeToken          = "ExchangeToken"
	OpConnectionStatus       = "ConnectionStatus"
	OpDisconnect             = "Disconnect"
	OpCheckCredentials       = "CheckCredentials"
	OpInstitutions           = "Institutions"
	OpInstitution            = "Institution"
	OpReadWebhook            = "ReadWebhook"
	OpAccounts               = "Accounts"
	OpBalances               = "Balances"
	OpAccountNumbers         = "AccountNumbers"
	OpIdentity               = "Identity"
	OpCards                  = "Cards"
	OpTransactions           = "Transactions"
	OpSync                   = "Sync"
	OpHoldings               = "Holdings"
	OpInvestmentTransactions = "InvestmentTransactions"
	OpRefresh                = "Refresh"
	OpAwaitRefresh           = "AwaitRefresh"
)

// What each operation shares, does and reads.
var (
	opCreateSession = Op{Name: OpCreateSession, Group: GroupLink, Effect: Idempotent}
	opExchangeToken = Op{
		Name:    OpExchangeToken,
		Group:   GroupLink,
		Effect:  OneShot,
		FindOut: "call ExchangeToken again with the same session and payload",
	}
	opStatus       = Op{Name: OpConnectionStatus, Group: GroupLink, Effect: Read}
	opDisconnect   = Op{Name: OpDisconnect, Group: GroupLink, Effect: Idempotent}
	opCheck        = Op{Name: OpCheckCredentials, Group: GroupLink, Effect: Read}
	opInstitutions = Op{Name: OpInstitutions, Group: GroupLink, Effect: Read}
	opInstitution  = Op{Name: OpInstitution, Group: GroupLink, Effect: Read}
	opWebhook      = Op{Name: OpReadWebhook, Group: GroupLink, Effect: Local}

	opAccounts       = Op{Name: OpAccounts, Group: GroupData, Effect: Read, Product: string(ProductAccounts)}
	opBalances       = Op{Name: OpBalances, Group: GroupData, Effect: Read, Product: string(ProductAccounts)}
	opAccountNumbers = Op{
		Name:    OpAccountNumbers,
		Group:   GroupData,
		Effect:  Read,
		Product: string(ProductAccountNumbers),
	}
	opIdentity     = Op{Name: OpIdentity, Group: GroupData, Effect: Read, Product: string(ProductIdentity)}
	opCards        = Op{Name: OpCards, Group: GroupData, Effect: Read, Product: string(ProductCards)}
	opTransactions = Op{
		Name:    OpTransactions,
		Group:   GroupData,
		Effect:  Read,
		Product: string(ProductTransactions),
	}
	opSync                   = Op{Name: OpSync, Group: GroupData, Effect: Read, Product: string(ProductTransactions)}
	opHoldings               = Op{Name: OpHoldings, Group: GroupData, Effect: Read, Product: string(ProductInvestments)}
	opInvestmentTransactions = Op{
		Name:    OpInvestmentTransactions,
		Group:   GroupData,
		Effect:  Read,
		Product: string(ProductInvestments),
	}
	opAwaitRefresh = Op{Name: OpAwaitRefresh, Group: GroupData, Effect: Read}
	opRefresh      = Op{
		Name:    OpRefresh,
		Group:   GroupData,
		Effect:  OneShot,
		FindOut: "call ConnectionStatus and compare when the products were last attempted",
	}
)
