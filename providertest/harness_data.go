package providertest

import (
	"github.com/bankmux/bankmux"
)

// Data writes into the bank behind a connection. Amounts are decimal text that the
// backend must put on the wire digit by digit, in the provider's own form. What a harness does to
// bring them there is a second statement of the provider's conventions, beside the adapter's.
type Data struct {
	// Refetch makes a provider that serves stored data fetch everything now. nil where every read
	// goes to the bank.
	Refetch func(conn bankmux.Connection) error

	// AddAccount adds an account or card and returns the provider's id.
	AddAccount func(conn bankmux.Connection, kind bankmux.AccountKind, currency string) (string, error)

	// AddTransaction adds a row.
	AddTransaction func(conn bankmux.Connection, account string, row Row) error

	// SetBalance sets what an account holds: what is booked, by the sign rule of [bankmux.Money].
	// "" means that there is no amount.
	SetBalance func(conn bankmux.Connection, account, booked string) error

	// ChangeTransaction corrects a row at the bank, as banks do: the row that AddTransaction added
	// with the same Text says from now on what row says. nil where the backend cannot; the suite
	// then says that it was not checked. So it does for the fields that follow.
	ChangeTransaction func(conn bankmux.Connection, account string, row Row) error

	// RemoveTransaction takes the row with that Text from the bank, as when a hold is released.
	RemoveTransaction func(conn bankmux.Connection, account, text string) error

	// PostTransaction books the pending row with the Text of row, which is as row says from now on.
	// The provider may give it another id. nil also where the provider does not tell pending rows
	// from booked ones.
	PostTransaction func(conn bankmux.Connection, account string, row Row) error

	// NamesPending says that the provider names the pending row that a posted one replaces.
	NamesPending bool

	// SameAccount returns the id that an account of a connection has in a later connection of the
	// same user: each call of Harness.Link is then a login to the same accounts at the same bank.
	// nil where a new link never leads to them.
	SameAccount func(before, after bankmux.Connection, account string) (string, error)

	// Ask makes the bank want these inputs at the next call that it serves for the connection, and
	// returns the right answers. nil where the provider's data calls never ask.
	Ask func(conn bankmux.Connection, kinds ...bankmux.InputKind) ([]string, error)
}

// Row is a transaction to add.
type Row struct {
	Amount   string // without a sign: "42.90", "1e3"
	In       bool   // money into the account
	Currency string // "" is that of the account
	NoMoney  bool   // no currency is told
	Date     bankmux.Date
	Text     string
	Pending  bool // where the provider tells
}

// Webhooks makes deliveries of the provider, signed now. None changes anything at the backend.
type Webhooks struct {
	// Sign returns a genuine delivery about the connection, each time another. Where the signature
	// covers method and URL, it says them by [bankmux.WebhookRequest.SentTo]: POST, and a URL
	// without query.
	Sign func(conn bankmux.Connection) bankmux.WebhookRequest

	// Signed names the headers that belong to the signature. Each must be there once and hold, to
	// the bit.
	Signed []string

	// Forged returns deliveries that are wrong in the provider's own ways, by name: another key,
	// another algorithm, stale, of the future.
	Forged func(conn bankmux.Connection) map[string]bankmux.WebhookRequest

	// UnknownKey returns a delivery signed by a key that was not published, each time another under
	// another id. nil where keys are not fetched.
	UnknownKey func(conn bankmux.Connection) bankmux.WebhookRequest

	// KeysByID says that keys are fetched one by one, by their id, and not as a set. A thousand
	// unknown ids may then cause 16 requests, and after those be [bankmux.ErrRateLimited].
	KeysByID bool

	// Finished returns a delivery that the user finished the flow of the session, after Link played
	// the user, whose own payload is thrown away. nil where nothing announces that; the suite then
	// says that it was not checked. So it does for the field that follows.
	Finished func(s bankmux.Session) bankmux.WebhookRequest

	// Expiring returns a delivery that the permission of the connection ends soon.
	Expiring func(conn bankmux.Connection) bankmux.WebhookRequest

	// Rotate makes the provider sign with another key from now on, while those before it still
	// hold.
	Rotate func()
}
