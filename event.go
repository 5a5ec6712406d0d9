package bankmux

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/bankmux/bankmux/internal/plain"
)

// Event is what a provider announced by webhook, in the same form for every provider. It is a hint,
// not data: deliveries arrive late, twice, in any order or not at all. [EventKind] says which call
// to make to learn the facts. Without webhooks the same calls find everything too, only later.
//
// An Event marshals to JSON and back, for an application with a queue. JSON keeps the fields that
// identify the connection and the call to make. JSON, printing and logging leave out the reference,
// which is a credential at some providers, the body, and the payload of [EventLinkFinished]. A
// handler that needs these reads them before it queues the event.
type Event struct {
	Kind     EventKind `json:"kind"`
	Name     string    `json:"name,omitempty"` // the provider's word, such as "link.state_changed"
	Client   string    `json:"client"`         // registered name of the client it was delivered to
	Provider string    `json:"provider"`

	// Key names the event. A duplicate delivery has the same key.
	Key string    `json:"key"`
	At  time.Time `json:"at,omitzero"` // when the provider says it happened

	// ReferenceKey is [Connection.ReferenceKey] of the connection, "" if the provider does not name
	// it. The client sets it.
	ReferenceKey string `json:"reference_key,omitempty"`
	// Session is the id of the [Session] that made or last renewed the connection, "" if the
	// provider does not name it. An event may arrive before ExchangeToken has returned the
	// connection. The application then finds the user by the session.
	Session string `json:"session,omitempty"`

	// with EventConnectionStateChanged and EventConnectionDeleted: what is announced
	Status  Status       `json:"status,omitzero"`
	Product Product      `json:"product,omitempty"` // with EventProductRefreshed
	Refresh RefreshState `json:"refresh,omitempty"` // with EventProductRefreshed: how far it is

	reference    Secret
	exchange     Secret
	raw, payload hidden[[]byte]
}

// Reference returns [Connection.Reference] of the connection. It is "" if the provider does not
// name it, and after JSON. Treat it like a credential. [Event.ReferenceKey] finds the connection.
func (e Event) Reference() string { return e.reference.Reveal() }

// Raw returns the exact bytes of the body. They are shared, so do not change them. Raw is nil after
// JSON.
func (e Event) Raw() []byte { return e.raw.get() }

// Payload returns the decrypted body, if it came encrypted. It is shared, so do not change it. It
// is nil after JSON.
func (e Event) Payload() []byte { return e.payload.get() }

// ExchangePayload returns the [ExchangeRequest.Payload] for an [EventLinkFinished]. It is zero
// after JSON, and if the provider's exchange needs none.
func (e Event) ExchangePayload() Secret { return e.exchange }

// EventKind says what an event is about. An event that the library does not know is [EventUnknown].
type EventKind string

// The kinds of events.
const (
	// EventConnectionStateChanged means that the connection has another state. Call
	// [Client.ConnectionStatus].
	EventConnectionStateChanged EventKind = "connection_state_changed"
	// EventProductRefreshed means that a refresh made progress or ended. Call
	// [Client.ConnectionStatus] for its products, and read the product.
	EventProductRefreshed EventKind = "product_refreshed"
	// EventTransactionsAvailable means that there are transactions. Call [Client.Sync].
	EventTransactionsAvailable EventKind = "transactions_available"
	// EventConnectionDeleted means that the connection was deleted. Call [Client.ConnectionStatus],
	// and the state will be [StateGone].
	EventConnectionDeleted EventKind = "connection_deleted"
	// EventConsentExpiring means that the user's permission ends soon. Call
	// [Client.ConnectionStatus] for [Connection.Consent], and renew with
	// [SessionRequest.Reconnect].
	EventConsentExpiring EventKind = "consent_expiring"
	// EventLinkFinished means that the user finished the flow of [Event.Session], perhaps without
	// returning to the application. Call [Client.ExchangeToken] with that session, its user, and
	// [Event.ExchangePayload]. Do it before you queue the event as JSON, which loses the payload.
	// If the front end has done so already, the result is the same connection or [ErrTokenSpent].
	EventLinkFinished EventKind = "link_finished"
	// EventUnknown means a verified delivery of a name, a version or a form that this library does
	// not know. Name, [Event.Raw] and [Event.Payload] have its content.
	EventUnknown EventKind = "unknown"
)

// RefreshState is the progress of a refresh. Unknown values are kept.
type RefreshState string

// The states of a refresh.
const (
	RefreshPending   RefreshState = "pending"
	RefreshUnderWay  RefreshState = "in_progress"
	RefreshCompleted RefreshState = "completed"
	RefreshFailed    RefreshState = "failed"
)

// String returns the client, the kind, the name and the key of the event, and nothing else.
func (e Event) String() string {
	return plain.Line(
		e.Client,
	) + " " + plain.Line(
		string(e.Kind),
	) + " (" + plain.Word(
		e.Name,
	) + " " + plain.Quote(
		e.Key,
	) + ")"
}

// Format writes what [Event.String] returns, whatever the verb.
func (e Event) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.String()) }

// LogValue returns the client, the kind, the name and the key of the event, and nothing else.
func (e Event) LogValue() slog.Value {
	return slog.GroupValue(slog.String("client", plain.Line(e.Client)), slog.String("kind", plain.Line(string(e.Kind))),
		slog.String("name", plain.Line(e.Name)), slog.String("key", plain.Line(e.Key)))
}
