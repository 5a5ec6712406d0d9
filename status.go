package bankmux

// This file describes the state of a connection and the call that reads it.

import (
	"context"
	"time"
)

// Status is the state of a connection at the time of At.
type Status struct {
	State State     `json:"state"`
	Code  string    `json:"code,omitempty"` // the provider's word, or CodeOtherBank
	At    time.Time `json:"at,omitzero"`
	// AskedAt is when the bank last asked the user ([Challenge]), zero if it never did. If it is
	// set, calls without a user ([Presence]) send nothing. Set it to zero if the bank no longer
	// asks.
	AskedAt time.Time `json:"asked_at,omitzero"`
}

// State is the state of a connection. Unknown values are kept.
type State string

// The states.
const (
	StateActive     State = "active"
	StateUnverified State = "unverified"      // exchanged, but the bank could not be read yet: call ConnectionStatus
	StatePending    State = "pending"         // the user has not finished
	StateReauth     State = "reauth_required" // the user must log in again
	StateDegraded   State = "degraded"        // bank or provider is failing; the user can do nothing
	StateGone       State = "gone"            // link the bank again
)

// After returns the status after a call on the connection that ended with err. [ErrReauth] and
// [ErrGone] change the state, because the provider declared them. Success changes it to
// [StateActive], unless it is [StateUnverified]. Any other error, such as an outage, a timeout or
// an invalid call, never changes it. If the bank asked the user, AskedAt becomes the present time.
func (s Status) After(err error) Status {
	now, e := Moment(time.Now()), ErrorOf(err)
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
		return s // keep the time at which it started
	}
	return next
}

// StatusRequest asks for the state of a connection.
type StatusRequest struct {
	Connection Connection
	Answers    *Answers // to a [Challenge] of an earlier try, if the status asks the user
}

func (r *StatusRequest) prepare(c *Client, op *Op) error {
	if err := r.Connection.prepare(c, op); err != nil {
		return err
	}
	return r.Answers.prepare(op)
}

// StatusResult has the updated connection. Store it.
type StatusResult struct {
	Connection Connection
	Products   []ProductStatus // if the provider distinguishes products
}

// ProductStatus says how old the data of a product is.
type ProductStatus struct {
	Product     Product
	RefreshedAt time.Time `json:",omitzero"` // last success, zero if never
	AttemptedAt time.Time `json:",omitzero"` // last attempt, zero if never
	Kind        Kind      // what the last failure means, "" for none
	Code        string    // the provider's word for it
	Unavailable bool      // it cannot be refreshed now; what was fetched before can still be read
	// UnavailableReason is the provider's reason, if it has the form of a code, such as
	// institution_migration. A sentence is dropped, because it may hold anything.
	UnavailableReason string
}

// ConnectionStatus asks the provider for the state of a connection and returns the updated
// connection. Store it. A lapsed or deleted connection is a result, not an error.
// [Status.AskedAt] stays, unless the adapter sets another one. It may be repeated. For the errors
// see [StatusReader].
func (c *Client) ConnectionStatus(ctx context.Context, req StatusRequest) (StatusResult, error) {
	res, err := call(ctx, c, &opStatus, &req, StatusReader.ConnectionStatus)
	if status := &res.Connection.Status; err == nil && status.AskedAt.IsZero() {
		status.AskedAt = req.Connection.Status.AskedAt
	}
	return res, err
}
