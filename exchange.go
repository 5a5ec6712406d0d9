package bankmux

// This file has the call that makes a connection from what the front end posted.

import (
	"context"
	"slices"
	"time"
)

// ExchangeRequest has what the front end posted. Session and User are required. Payload is required
// unless the effect of the exchange is [Read].
type ExchangeRequest struct {
	Session Session // as stored by the application, never as posted
	User    string  // who is logged in now

	// Payload is what the front end posted, unchanged: NewSecret(body). For a flow that ends in a
	// redirect it is the result of [PayloadFromQuery], and for one that ends in a webhook it is
	// [Event.ExchangePayload]. It may be left out if the provider's exchange spends nothing: its
	// effect is [Read] then.
	Payload Secret `json:"-"`

	// Connection is the connection that the session renews, as [Open] returned it. It is for a
	// session that was stored as plain JSON. Such a session lacks the credential of its Reconnect,
	// which some providers need. Connection takes precedence over Session.Reconnect, because it may
	// be newer.
	Connection *Connection `json:"-"`

	parsed Payload
}

// ExchangeResult has the connections that one run of the linking flow made.
type ExchangeResult struct {
	// Connection is the connection of the session. On a reconnect it keeps its id.
	Connection Connection
	// More are further connections of the same run, if the provider lets the user link several
	// banks in one run. Store them as well: each has its own credential. Their ids come from the
	// session's connection and the reference, so posting the payload again gives the same ids.
	//
	// On a reconnect a login in More may belong to a connection that another session made. It has
	// the [Connection.ReferenceKey] of that connection then, but another id.
	More []Connection
	// Failed has a failure for each further login of the run that did not become a connection. The
	// call returns no error then, because the tokens of Connection and More are spent. Store these
	// first. Posting the payload again exchanges the rest. If it is not known whether a token was
	// exchanged, the failure is an [ErrOutcomeUnknown]: the provider may have opened an access.
	Failed []Failure
	// Spent is how many logins of the run earlier calls have exchanged, so that this call could
	// not. Each has a connection in the result of an earlier call. If such a result was lost, as
	// when a process died, an access may be open that no connection has.
	Spent int
}

// All returns Connection and then More.
func (r ExchangeResult) All() []Connection {
	return append([]Connection{r.Connection}, r.More...)
}

func (r *ExchangeRequest) prepare(c *Client, op *Op) error {
	op.User, op.Connection = r.User, r.Session.ConnectionID
	if old := r.Session.Reconnect; old != nil {
		op.Reconnect = true
		op.Institution = old.Institution.ID
	}
	if err := r.check(c); err != nil {
		return err
	}
	if err := r.renew(c, op); err != nil {
		return err
	}
	if r.Payload.IsZero() && c.effect(op) == Read {
		r.parsed = payloadOf(nil)
		return nil
	}
	p, err := parseSecret(r.Payload)
	if err != nil {
		return err
	}
	r.parsed = p
	if c.exits != nil && c.exits.LinksBeforeExit(r.Session) {
		return nil
	}
	return p.Left()
}

// check rejects a session that this client did not make for this user.
func (r *ExchangeRequest) check(c *Client) error {
	s := &r.Session
	switch {
	case s.ID == "" || s.ConnectionID == "":
		return invalid("ExchangeRequest.Session", "is empty: use the one CreateSession returned")
	case r.User == "":
		return invalid("ExchangeRequest.User", "is empty")
	case r.User != s.User:
		return invalid("ExchangeRequest.User", "is not the user who started the session")
	case s.Provider != c.desc.Provider || s.Environment != c.desc.Environment:
		return invalid(
			"ExchangeRequest.Session",
			"is of "+s.Provider+" "+string(s.Environment)+", not of "+c.desc.Provider+" "+string(c.desc.Environment),
		)
	case s.Client != c.name:
		return invalid("ExchangeRequest.Session", "was made by client "+quote(s.Client)+", not "+quote(c.name))
	case !time.Now().Before(s.ExpiresAt):
		return &Error{
			Kind:    ErrTokenSpent,
			Field:   "ExchangeRequest.Session",
			Detail:  "expired at " + s.ExpiresAt.UTC().Format(time.RFC3339),
			NotSent: true,
		}
	}
	return nil
}

// renew puts the opened connection into the session that renews it.
func (r *ExchangeRequest) renew(c *Client, op *Op) error {
	s, conn := &r.Session, r.Connection
	switch {
	case conn == nil:
		return nil
	case s.Reconnect == nil:
		return invalid("ExchangeRequest.Connection", "is set, and the session renews no connection")
	case conn.ID != s.ConnectionID || conn.User != s.User:
		return invalid("ExchangeRequest.Connection", "is not the connection that the session renews")
	}
	if err := c.accept(conn, op); err != nil {
		return err
	}
	opened := *conn
	s.Reconnect = &opened
	return nil
}

// own completes the connections that the client's adapter returned.
func (r *ExchangeResult) own(c *Client) {
	r.Connection.own(c)
	for i := range r.More {
		r.More[i].own(c)
	}
}

// name sets the id of each further connection, whatever the adapter wrote. An upsert by id would
// lose one of two connections with the same id. The same login twice is one connection.
func (r *ExchangeResult) name(s *Session) {
	seen := []string{r.Connection.Reference()}
	r.More = slices.DeleteFunc(r.More, func(conn Connection) bool {
		again := slices.Contains(seen, conn.Reference())
		seen = append(seen, conn.Reference())
		return again
	})
	for i := range r.More {
		r.More[i].ID = s.further(r.More[i].Reference())
	}
}

// ExchangeToken turns the payload of the front end into a connection. The exchange is sent at most
// once, unless the provider's exchange spends nothing.
//
// Before anything is sent it validates the request. The error is [ErrInvalid] for a session of
// another client or user, and for a payload that is not strict JSON. It is [ErrTokenSpent] for an
// expired session. It is [ErrUserAction] with Code "cancelled" for a payload that says that the
// user gave up. If the session may have linked a bank before the user gave up, the client asks the
// provider first. For the other errors see [Provider.ExchangeToken].
func (c *Client) ExchangeToken(ctx context.Context, req ExchangeRequest) (ExchangeResult, error) {
	var j job[ExchangeRequest, ExchangeResult]
	j.req = req
	err := callBy(ctx, c, &opExchangeToken, &j, func(ctx context.Context, p Provider) error {
		return j.out.keep(p.ExchangeToken(ctx, j.req))
	})
	if err != nil {
		return ExchangeResult{}, err
	}
	if len(j.out.More) > 0 {
		j.out.name(&req.Session)
	}
	_ = c.partial(&opExchangeToken, &j.out.Connection, j.out.Failed) // an error would lose the connections
	if c.effect(&opExchangeToken) == OneShot {
		for i, f := range j.out.Failed {
			j.out.Failed[i].Err = ErrorOf(opExchangeToken.MarkUnknown(f.Err))
		}
	}
	return j.out, nil
}

// keep sets r to what an adapter returned. Go copies a result twice to the stack if it is assigned
// to a member, and once if it is an argument. Neither a generic nor an inlined function would do.
//
//go:noinline
func (r *ExchangeResult) keep(out ExchangeResult, err error) error {
	*r = out
	return err
}

// LeftOpen reports whether err of [Client.ExchangeToken] says that an access without a connection
// stays open. The provider refused the login after it had opened the access, such as one at another
// bank, and the access could not be ended. Log it, and end the access at the provider.
//
// Such an error is an [ErrInvalid] with a cause ([Error.Err]) and without NotSent. JSON loses the
// cause.
func LeftOpen(err error) bool {
	e := ErrorOf(err)
	return e != nil && e.Kind == ErrInvalid && !e.NotSent && e.Err != nil
}
