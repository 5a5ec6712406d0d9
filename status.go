package bankmux

import (
	"context"
	"time"
)

// Status is how a connection was doing when the provider last said so.
type Status struct {
	State State     `json:"state"`
	Code  string    `json:"code,omitempty"` // the provider's word
	At    time.Time `json:"at"`
	// AskedAt is when the bank last wanted an answer of the user ([Challenge]), zero if it never
	// did. Calls without a user ([Presence]) then send nothing. Set it to zero for a bank that asks
	// no more.
	AskedAt time.Time `json:"asked_at,omitzero"`
}

// State is where a connection stands. Unknown values are kept.
type State string

// The states.
const (
	StateActive     State = "active"
	StateUnverified State = "unverified"      // exchanged, but the bank could not be read yet: call ConnectionStatus
	StatePending    State = "pending"         // the user has not finished
	StateReauth     State = "reauth_required" // the user must log in again
	StateDegraded   State = "degraded"        // bank or provider is failing; nothing for the user to do
	StateGone       State = "gone"            // link anew
)

// After returns the status after a call on the connection ended with err. Only what a provider
// declared moves the state: [ErrReauth] and [ErrGone] do, success moves it back, anything else (an
// outage, a timeout, a wrong call) leaves it alone. A question of the bank is noted in AskedAt.
func (s Status) After(err error) Status {
	now, e := Moment(time.Now()), asError(err)
	if e != nil && e.Challenge != nil {
		s.AskedAt = now
	}
	next := Status{At: now, AskedAt: s.AskedAt}
	switch kind := KindOf(err); {
	case kind.State() != "":
		next.State = kind.State()
	case kind == "" && s.State != StateUnverified:
		next.State = StateActive
	default:
		return s
	}
	if e != nil {
		next.Code = e.Code
	}
	if next.State == s.State && next.Code == s.Code {
		return s // keep the time it began
	}
	return next
}

// StatusRequest asks how a connection is doing.
type StatusRequest struct {
	Connection Connection
	Answers    *Answers // to a [Challenge] of an earlier try, where asking for the status asks the user
}

func (r *StatusRequest) prepare(c *Client, op *Op) error {
	if err := r.Connection.prepare(c, op); err != nil {
		return err
	}
	return r.Answers.prepare(op)
}

// StatusResult is the connection brought up to date; store it.
type StatusResult struct {
	Connection Connection
	Products   []ProductStatus // where the provider tells them apart
}

// ProductStatus says how fresh a product's data is.
type ProductStatus struct {
	Product     Product
	RefreshedAt time.Time // last success, zero if never
	AttemptedAt time.Time // last attempt, zero if never
	Kind        Kind      // what the last failure means, "" for none
	Code        string    // the provider's word for it
	Unavailable bool      // it cannot be refreshed now; what was fetched before can still be read
	// UnavailableReason is the provider's reason where it has the form of a code, such as
	// institution_migration. A sentence is dropped: it may hold anything.
	UnavailableReason string
}

// ConnectionStatus asks the provider how a connection is doing and returns it brought up to date;
// store it. A lapsed or deleted connection is an answer, not an error. It may be repeated. For the
// errors see [StatusReader].
func (c *Client) ConnectionStatus(ctx context.Context, req StatusRequest) (StatusResult, error) {
	return call(ctx, c, opStatus, req, StatusReader.ConnectionStatus)
}
