package bankmux

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/bankmux/bankmux/internal/plain"
)

// Event is what a provider announced by webhook, in the same words for every provider. It is a
// hint, not data: deliveries come late, twice, in any order or not at all. Ask the provider before
// believing it; [EventKind] says with which call. All it announces of a connection is found by
// those calls without any webhook.
//
// It marshals to JSON and back, for an application that queues events: what is left finds the
// connection and says what to ask. JSON, printing and logging leave out the reference, which is a
// credential at some providers, the body, and the payload of [EventLinkFinished]. A handler that
// needs those takes them before it queues the event.
type Event struct {
	Kind     EventKind `json:"kind"`
	Name     string    `json:"name,omitempty"` // the provider's word, such as "link.state_changed"
	Client   string    `json:"client"`         // registered name of the client it was delivered to
	Provider string    `json:"provider"`

	// Key names the event; a delivery that is repeated has the same.
	Key string    `json:"key"`
	At  time.Time `json:"at,omitzero"` // when the provider says it happened

	// ReferenceKey is [Connection.ReferenceKey] of the connection, "" where the provider does not
	// say. The client sets it.
	ReferenceKey string `json:"reference_key,omitempty"`
	// Session is the id of the [Session] that made or last renewed the connection, where the
	// provider tells. An event may come before ExchangeToken has returned the connection; the
	// session is known by then.
	Session string `json:"session,omitempty"`

	// with EventConnectionStateChanged and EventConnectionDeleted: what is announced
	Status  Status       `json:"status,omitzero"`
	Product Product      `json:"product,omitempty"` // with EventProductRefreshed
	Refresh RefreshState `json:"refresh,omitempty"` // with EventProductRefreshed: how far it is

	reference    Secret
	exchange     Secret
	raw, payload hidden[[]byte]
}

// Reference returns [Connection.Reference] of the connection, "" where the provider does not say
// and after JSON. Treat it like a credential; [Event.ReferenceKey] is for finding the connection.
func (e Event) Reference() string { return e.reference.Reveal() }

// Raw returns the body, byte for byte. It is shared: do not change it. It is nil after JSON.
func (e Event) Raw() []byte { return e.raw.get() }

// Payload returns the body in clear, where it came encrypted. It is shared: do not change it. It is
// nil after JSON.
func (e Event) Payload() []byte { return e.payload.get() }

// ExchangePayload returns, with [EventLinkFinished], what [ExchangeRequest.Payload] shall be. It is
// zero after JSON, and where the provider's exchange needs none.
func (e Event) ExchangePayload() Secret { return e.exchange }

// EventKind says what an event is about. Unknown ones are kept as [EventUnknown].
type EventKind string

// The kinds of events.
const (
	// EventConnectionStateChanged: ask [Client.ConnectionStatus].
	EventConnectionStateChanged EventKind = "connection_state_changed"
	// EventProductRefreshed: a refresh goes on or ended; ask [Client.ConnectionStatus] for its
	// products, and read the product.
	EventProductRefreshed EventKind = "product_refreshed"
	// EventTransactionsAvailable: call [Client.Sync].
	EventTransactionsAvailable EventKind = "transactions_available"
	// EventConnectionDeleted: ask [Client.ConnectionStatus]; the state will be [StateGone].
	EventConnectionDeleted EventKind = "connection_deleted"
	// EventConsentExpiring: the user's permission ends soon; ask [Client.ConnectionStatus] for
	// [Connection.Consent], and renew with [SessionRequest.Reconnect].
	EventConsentExpiring EventKind = "consent_expiring"
	// EventLinkFinished: the user finished the flow of [Event.Session], perhaps without coming back
	// to the application. Call [Client.ExchangeToken] with that session, its own user, and
	// [Event.ExchangePayload], before the event is queued as JSON, which loses the payload. Where
	// the front end has done so already, the result is the same connection or [ErrTokenSpent].
	EventLinkFinished EventKind = "link_finished"
	// EventUnknown: verified, but of a name, a version or a form that this library does not know.
	// Name, [Event.Raw] and [Event.Payload] have what came.
	EventUnknown EventKind = "unknown"
)

// RefreshState is how far a refresh is. Unknown values are kept.
type RefreshState string

// The states of a refresh.
const (
	RefreshPending   RefreshState = "pending"
	RefreshUnderWay  RefreshState = "in_progress"
	RefreshCompleted RefreshState = "completed"
	RefreshFailed    RefreshState = "failed"
)

// String names the event, without anything it holds.
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

// LogValue names the event, without anything it holds.
func (e Event) LogValue() slog.Value {
	return slog.GroupValue(slog.String("client", plain.Line(e.Client)), slog.String("kind", plain.Line(string(e.Kind))),
		slog.String("name", plain.Line(e.Name)), slog.String("key", plain.Line(e.Key)))
}
