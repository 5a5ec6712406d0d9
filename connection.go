package bankmux

import "time"

// Connection is one user's access to one bank. It is a value: a row in the application's database,
// with ID as its key.
//
// [Connection.Seal] encrypts it for a database, and [Open] reads it back. [Connection.View] is for
// a browser. Printing, logging and json.Marshal are safe, because they leave out the credential and
// the provider's reference. Every call rejects a connection that comes from neither
// [Provider.ExchangeToken] nor Open.
type Connection struct {
	ID          string      `json:"id"`       // the library's; never changes, so upsert by it
	Provider    string      `json:"provider"` // name of the adapter
	Client      string      `json:"client"`   // name of the client that serves it
	Environment Environment `json:"environment,omitempty"`
	User        string      `json:"user"`
	Institution Institution `json:"institution"`
	// ReferenceKey is a digest of [Connection.Reference]: the key under which a webhook's [Event]
	// finds the connection. It is safe to store, index, print and log. The client sets it.
	ReferenceKey string    `json:"reference_key,omitempty"`
	Status       Status    `json:"status"`
	Products     []Product `json:"products,omitempty"` // what the user granted, if the provider says it
	Consent      Consent   `json:"consent,omitzero"`   // how long the permission lasts, if the provider says it
	CreatedAt    time.Time `json:"created_at,omitzero"`
	UpdatedAt    time.Time `json:"updated_at,omitzero"`
	// LinkedAt is when the user last finished the flow for it. Each reconnect changes it.
	LinkedAt time.Time `json:"linked_at,omitzero"`

	reference  Secret
	credential Secret
}

// own completes a connection that the client's adapter returned.
func (conn *Connection) own(client *Client) {
	conn.Client, conn.Provider, conn.Environment = client.name, client.desc.Provider, client.desc.Environment
	conn.ReferenceKey = referenceKey(conn.Provider, conn.Environment, conn.reference)
	conn.Consent = conn.Consent.withoutPlaceholders()
}

// Environment says what a set of credentials reaches.
type Environment string

// The environments.
const (
	Sandbox    Environment = "sandbox"
	Production Environment = "production"
)

func (conn *Connection) prepare(client *Client, op *Op) error {
	op.Connection, op.Reference = conn.ID, conn.reference
	op.User, op.Institution = conn.User, conn.Institution.ID
	op.LinkedAt = conn.LinkedAt
	op.Asked = !conn.Status.AskedAt.IsZero()
	return client.accept(conn, op)
}
