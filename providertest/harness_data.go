package providertest

import (
	"github.com/bankmux/bankmux"
)

// Data changes accounts and rows at the bank behind a connection. Amounts are decimal texts. The
// backend must send them digit by digit, in the provider's own form. A harness that converts them
// is a second statement of the provider's conventions, independent of the adapter.
//
// AddAccount is required. AddTransaction is required with [bankmux.CapTransactions] or
// [bankmux.CapSync], and SetBalance with [bankmux.CapBalances].
type Data struct {
	// Refetch makes a provider that serves stored data read the bank now. Leave it nil if every
	// call reads the bank.
	Refetch func(conn bankmux.Connection) error

	// AddAccount adds an account or card and returns the provider's id.
	AddAccount func(conn bankmux.Connection, kind bankmux.AccountKind, currency string) (string, error)

	// AddTransaction adds a row.
	AddTransaction func(conn bankmux.Connection, account string, row Row) error

	// SetBalance sets the booked balance of an account, with the sign of [bankmux.Money]: a debt is
	// negative. The empty text removes the amount.
	SetBalance func(conn bankmux.Connection, account, booked string) error

	// ChangeTransaction corrects a row, as banks do. It replaces the row that has the Text of row.
	// Leave it nil if the backend cannot. If nil, this is not checked. The same holds for the
	// fields that follow.
	ChangeTransaction func(conn bankmux.Connection, account string, row Row) error

	// RemoveTransaction removes the row with this Text, as banks do with a released hold.
	RemoveTransaction func(conn bankmux.Connection, account, text string) error

	// PostTransaction books the pending row that has the Text of row, and replaces it by row. The
	// provider may give it another id. Leave it nil also if the provider does not mark pending
	// rows.
	PostTransaction func(conn bankmux.Connection, account string, row Row) error

	// NamesPending reports whether a booked row has the id of the pending row that it replaces.
	NamesPending bool

	// SameAccount returns the id of an account in a later connection of the same user. Each call of
	// Harness.Link is then a login to the same accounts at the same bank. Leave it nil if a
	// new link never reaches the same accounts.
	SameAccount func(before, after bankmux.Connection, account string) (string, error)

	// Ask makes the bank ask for these inputs at the next data call of the connection. It returns
	// the right answers. Leave it nil if data calls of the provider never ask.
	Ask func(conn bankmux.Connection, kinds ...bankmux.InputKind) ([]string, error)
}

// Row is a transaction at the bank.
type Row struct {
	Amount   string       // without a sign, such as "42.90" or "1e3"; empty: the row has no amount
	In       bool         // money into the account
	Currency string       // empty: that of the account
	NoMoney  bool         // the row has no currency
	Date     bankmux.Date // the booking date
	Text     string       // the description; it identifies the row in calls of Data
	Pending  bool         // ignored where the provider does not mark pending rows
}

// Webhooks makes deliveries of the provider, signed at the current time. They change nothing at the
// backend. Sign, Signed, Forged and Rotate are required.
type Webhooks struct {
	// Sign returns a genuine delivery about the connection, a different one at each call. If the
	// signature covers method and URL, set them with [bankmux.WebhookRequest.SentTo]: POST, and a
	// URL without query.
	Sign func(conn bankmux.Connection) bankmux.WebhookRequest

	// Signed names the headers of the signature. The adapter must refuse a delivery that lacks one,
	// repeats one or changes a bit of one.
	Signed []string

	// Forged returns deliveries that are forged in ways of this provider, by description: another
	// key, another algorithm, too old, from the future.
	Forged func(conn bankmux.Connection) map[string]bankmux.WebhookRequest

	// UnknownKey returns a delivery that is signed by an unpublished key, with a new key id at each
	// call. Leave it nil if the adapter fetches no keys.
	UnknownKey func(conn bankmux.Connection) bankmux.WebhookRequest

	// KeysByID reports whether the adapter fetches keys one by one, by id, and not as a set. A
	// thousand unknown ids may then cause 16 requests; further ones return
	// [bankmux.ErrRateLimited].
	KeysByID bool

	// Finished returns a delivery that the user finished the flow of the session. Link played the
	// user before, and its payload is not used. Leave it nil if no delivery
	// announces this. If nil, this is not checked. The same holds for the field that follows.
	Finished func(s bankmux.Session) bankmux.WebhookRequest

	// Expiring returns a delivery that the consent of the connection ends soon.
	Expiring func(conn bankmux.Connection) bankmux.WebhookRequest

	// Rotate makes the provider sign with another key from now on. Earlier keys remain valid.
	Rotate func()
}
