package bankhttp

// This file has what the handlers need of a store. *store.Store of package store fulfils all of it.

import (
	"context"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/inbox"
)

// Store is all that the handlers need. Package store has one on SQLite and PostgreSQL, and
// [NewMemory] makes one for trials. Each part is small, so an application can fulfil it with its
// own tables.
//
// All methods must be safe for concurrent use and must honour the context. What does not exist, and
// what belongs to another user, is [bankmux.ErrNotFound] without a difference. Any other error
// without a [bankmux.Kind] means that the store cannot be used now: the response is 503 then, and
// the request may be repeated. The text of such an error is logged and never sent.
type Store interface {
	Sessions
	Exchanges
	Connections
	Users
	Naming
	Challenges
	Reader
	Queue
	inbox.Seen
	bankmux.Ledger
}

// Sessions stores runs of the linking flow. They are secret: see [bankmux.Session.Seal].
type Sessions interface {
	// SaveSession stores a session of its user until it expires.
	SaveSession(ctx context.Context, session bankmux.Session) error
	// Session returns a session of a user. One that expired is [bankmux.ErrTokenSpent], or is gone.
	Session(ctx context.Context, ref bankmux.SessionRef) (bankmux.Session, error)
	// Sessions returns the user's sessions that have not expired, the newest first. A payload that
	// came back without the id of its session is tried with them. If some do not open, it returns
	// the others, and joins an error of [bankmux.ErrSeal] for each that does not.
	Sessions(ctx context.Context, user string) ([]bankmux.Session, error)
	// FindSession returns a session by its id alone. It is for webhooks, which name a session and
	// no user. Of a session that a browser names, [Service.Return] uses the RedirectURI alone. No
	// other handler calls it with an id from a browser. Errors are those of Session.
	FindSession(ctx context.Context, id string) (bankmux.Session, error)
}

// Exchanges makes each connection once.
type Exchanges interface {
	// Exchange calls exchange and stores its connections and its result, in one transaction. If the
	// same payload was posted for this session before, it returns that result and does not call
	// exchange. Connections that were deleted since are left out. If none is left, the error is
	// [bankmux.ErrTokenSpent]. [bankmux.PayloadDigest] says which payloads are the same. A second
	// call at the same time waits for the first, also in another process. The error is
	// [bankmux.ErrNotReady] if its time ends before.
	//
	// An open challenge of a connection that is stored again is closed, as by
	// [Challenges.CloseChallenge]. The bank asked the login that the new one replaces.
	//
	// If the result cannot be stored, the handlers call Exchange again, with an exchange that
	// returns it and sends nothing. After they have ended its access, the exchange returns
	// [bankmux.ErrTokenSpent] instead. Such a call must not wait for the first one, which has
	// ended.
	//
	// If the session was deleted meanwhile, such as with its user, the error is
	// [bankmux.ErrNotFound] and nothing is stored. The handlers then end the access that exchange
	// opened, and call [Users.ForgetExchange]. They do the same if the result could not be stored
	// and a further call for it is [bankmux.ErrTokenSpent].
	//
	// If exchange fails, nothing is stored and its error is returned. If the result has Failed, the
	// connections are stored, and posting the payload again calls exchange for the rest. The result
	// of that has the connections of the calls before too. If that call fails, it has these alone,
	// with Failed and no error. The callback reads the store, so no transaction may be open while
	// it runs.
	Exchange(
		ctx context.Context, ref bankmux.SessionRef, payload []byte,
		exchange func(ctx context.Context) (bankmux.ExchangeResult, error),
	) (bankmux.ExchangeResult, error)
	// HoldExchange says that this process still has the result of an exchange that it could not
	// store. Another process must not run the exchange meanwhile. The handlers call it as long as
	// they have the result, for an hour at most. It returns after which time to call it again. A
	// store in which no process takes over the exchange of another returns 0.
	HoldExchange(ctx context.Context, ref bankmux.SessionRef, payload []byte) (again time.Duration, err error)
}

// Connections reads, changes and deletes connections. [Exchanges] stores new ones.
type Connections interface {
	// Connection returns a connection of a user. Of the user's own, one that does not open is
	// [bankmux.ErrSeal].
	Connection(ctx context.Context, user, id string) (bankmux.Connection, error)
	// Connections returns all connections of a user, in the order in which they were made. If some
	// do not open, it returns the others, and joins an error of [bankmux.ErrSeal] for each that
	// does not. [bankmux.Error.Connection] names it.
	Connections(ctx context.Context, user string) ([]bankmux.Connection, error)
	// Update changes the status of a stored connection.
	bankmux.Keeper
	// DeleteConnection deletes a connection of a user, with its challenges and the state of its
	// syncs. The store decides whether accounts and transactions stay for a later link. It is
	// called after the provider ended the access. A connection that is gone already is a success.
	DeleteConnection(ctx context.Context, user, id string) error
}

// Users deletes users.
type Users interface {
	// DeleteUser calls disconnect for each connection of a user, which ends the access at the
	// provider, and deletes the connection. After the last one it deletes everything of the user.
	// Links that are not finished end first.
	//
	// The calls of disconnect follow each other, and each gets an equal share of the time that ctx
	// has left. So a provider that hangs leaves time for the others.
	//
	// If disconnect fails, the connection stays, and the others are still ended and deleted. The
	// error then joins those of disconnect, and one of [bankmux.ErrSeal] for each connection that
	// does not open, as in [Connections]. A repeat continues. A user of whom nothing is stored is a
	// success.
	//
	// It returns the exchanges of the user that have no stored outcome, because they run or because
	// their process died. Their provider may have given an access that no connection has. The store
	// keeps them until ForgetExchange is called, or until somebody has looked at the provider. A
	// repeat returns them again. A store that ends with its process returns none.
	DeleteUser(
		ctx context.Context, user string, disconnect func(ctx context.Context, conn bankmux.Connection) error,
	) ([]Unfinished, error)
	// ForgetExchange takes the exchange of a payload from what DeleteUser returns, because each
	// access that it may have opened has ended. It may be repeated.
	ForgetExchange(ctx context.Context, ref bankmux.SessionRef, payload []byte) error
}

// Unfinished is an exchange whose outcome is not stored. The provider may have given access to a
// bank that no stored connection has.
type Unfinished struct {
	User    string    `json:"user"`
	Session string    `json:"session"`        // [bankmux.Session.ID]
	Since   time.Time `json:"since,omitzero"` // when the exchange was started
}

// Naming lets the user identify accounts that [bankmux.Ledger] NameAccounts left out.
type Naming interface {
	// Unnamed returns the accounts of a user that were left out, and have no name yet. With
	// connections it returns the accounts of these alone. Those that do not open are named by the
	// error, as in [Connections].
	Unnamed(ctx context.Context, user string, connections ...string) ([]Unnamed, error)
	// IdentifyAccount stores that an unnamed account of a user is the stored account with that
	// name, or a new one if account is "". It returns the connection and the name. It may be
	// repeated with the same decision. The error is [bankmux.ErrInvalid] for an account of the user
	// that is not in [Unnamed.MayBe], or that an active connection has by now. It is also
	// ErrInvalid if the user decided otherwise before.
	IdentifyAccount(ctx context.Context, user, id, account string) (bankmux.Connection, string, error)
}

// Unnamed is an account that only the user can identify.
type Unnamed struct {
	ID         string          // for the browser; it opens nothing
	Connection string          // [bankmux.Connection.ID]
	Account    bankmux.Account // as the provider listed it
	MayBe      []string        // [Account.Name] of the stored accounts that it may be
}

// Challenges stores open questions of banks. They may hold data of the user, so encrypt them.
type Challenges interface {
	// SaveChallenge stores a challenge for its user and returns an id for the browser. If a
	// challenge of the connection with the same ID is stored already, it returns that one's id and
	// changes nothing.
	SaveChallenge(ctx context.Context, user string, challenge bankmux.Challenge) (id string, err error)
	// Challenge returns an open challenge of a user. One that was closed is
	// [bankmux.ErrChallengeExpired], or is gone.
	Challenge(ctx context.Context, user, id string) (bankmux.Challenge, error)
	// CloseChallenge deletes an open challenge of a user. Of two calls at the same time, one gets
	// nil, so an answer is sent once. The other gets [bankmux.ErrChallengeExpired], or
	// [bankmux.ErrNotFound] if the store keeps nothing of closed ones.
	CloseChallenge(ctx context.Context, user, id string) error
}

// Reader reads what is stored for the pages of a user.
type Reader interface {
	// Accounts returns the accounts of a user with the last balances that were stored. With
	// connections it returns the accounts that one of these lists, and otherwise all. Those that do
	// not open are named by the error, as in [Connections].
	Accounts(ctx context.Context, user string, connections ...string) ([]Account, error)
	// SaveBalances stores balances of a connection. They name accounts by the provider's ids. An
	// account without balances keeps those that it has.
	SaveBalances(ctx context.Context, conn bankmux.Connection, balances []bankmux.AccountBalances) error
	// Transactions returns stored rows of a user, the newest first. A row that does not open takes
	// its place on the page, in [Page.Unreadable].
	Transactions(ctx context.Context, query Query) (Page, error)
}

// Queue stores what webhooks announced, until a worker has done it.
type Queue interface {
	// Queue stores an event. Once it returns nil, the event cannot be lost, although its connection
	// may be stored only later.
	//
	// A queue may refuse events of webhooks when it is full, because providers deliver them again.
	// It must have room for [EventLinked] and [EventNamed] of stored connections. The user would
	// otherwise see a link fail that is stored, and link again.
	Queue(ctx context.Context, event bankmux.Event) error
}

// EventLinked is the [bankmux.Event.Name] of the event that asks for the first sync of a connection
// after each link and reconnect.
const EventLinked = "linked"

// EventNamed is the [bankmux.Event.Name] of the event that asks for the first sync of an account
// that the user has identified.
const EventNamed = "named"

// Account is a stored account.
type Account struct {
	Name       string            // the application's own, as [bankmux.Ledger] gave it
	Connection string            // [bankmux.Connection.ID] of the last one that listed it, if that is stored
	Account    bankmux.Account   // as the provider listed it last
	Balances   []bankmux.Balance // nil if none was stored; absent is not zero
	Due        bankmux.Date      // of the balance that is due, zero if the bank does not say
	ReadAt     time.Time         `json:",omitzero"` // when Balances were stored, zero if none was
}

// Query asks for stored transactions. User is required. Zero fields do not narrow the search.
type Query struct {
	User    string
	Text    string       // words of description or counterparty, whatever the case
	Account string       // [Account.Name]
	From    bankmux.Date // included
	To      bankmux.Date // included
	Limit   int          // rows per page, at least 1
	After   string       // [Page.Next] of the page before; the error is [bankmux.ErrInvalid] for another text
}

// Page is one page of stored transactions.
type Page struct {
	Transactions []Transaction
	Unreadable   []Unreadable // rows of the page that do not open, because their key is lost
	Next         string       // [Query.After] of the next page, "" at the end
}

// Unreadable is a stored transaction that does not open.
type Unreadable struct {
	Key     string // [bankmux.Known.Key]
	Account string // [Account.Name]
	Err     error  // of [bankmux.ErrSeal]
}

// Transaction is a stored transaction.
type Transaction struct {
	Key     string // [bankmux.Known.Key]
	Account string // [Account.Name]
	Row     bankmux.Transaction
	// PerhapsReplaces has the keys of stored rows of the account that may be the same movement of
	// money ([bankmux.Delta.Suggested]). Nothing was merged. A key goes when its row goes.
	PerhapsReplaces []string
}
