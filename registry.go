package bankmux

// This file chooses the client for a new session, and finds the client of an old one.

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Registry holds an application's clients, and the routes that decide which client gets a new
// session. Routes concern new sessions only. A client serves the sessions and connections that it
// made until it is removed.
//
// A Registry is safe for concurrent use, [Registry.Swap] included.
type Registry struct{ table atomic.Pointer[table] }

// NewRegistry checks clients and routes and returns a registry. The error is [ErrInvalid] and says
// what is wrong. There must be at least one client and one route. No client may be nil, and no two
// may have the same name. A route must name a registered client, countries of ISO 3166-1 alpha-2, a
// weight that is not negative, and capabilities of the client.
func NewRegistry(clients []*Client, routes []Route) (*Registry, error) {
	t, err := newTable(clients, routes)
	if err != nil {
		return nil, err
	}
	r := &Registry{}
	r.table.Store(t)
	return r, nil
}

// load returns the table. A Registry that NewRegistry did not make is empty.
func (r *Registry) load() *table {
	if t := r.table.Load(); t != nil {
		return t
	}
	return &table{}
}

// Swap replaces clients and routes in one step, for calls that start afterwards. Calls that have
// started keep the old ones. If [NewRegistry] would return an error, Swap returns that error and
// changes nothing.
func (r *Registry) Swap(clients []*Client, routes []Route) error {
	t, err := newTable(clients, routes)
	if err != nil {
		return err
	}
	r.table.Store(t)
	return nil
}

// Client returns the client of that name, or [ErrNotFound].
func (r *Registry) Client(name string) (*Client, error) {
	if c := r.load().clients[name]; c != nil {
		return c, nil
	}
	return nil, &Error{Kind: ErrNotFound, Field: "client " + quote(name), Detail: "is not registered", NotSent: true}
}

// Clients returns all clients, sorted by name.
func (r *Registry) Clients() []*Client {
	t := r.load()
	all := make([]*Client, 0, len(t.clients))
	for _, c := range t.clients {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *Client) int { return cmp.Compare(a.name, b.name) })
	return all
}

// For returns the client that made the connection. No other client can serve it. The error is
// [ErrNotFound] if that client is not registered. It is [ErrInvalid] if the client of that name now
// has another provider or environment.
func (r *Registry) For(conn Connection) (*Client, error) {
	c, err := r.Client(conn.Client)
	if err != nil {
		return nil, err
	}
	if conn.Provider != c.desc.Provider || conn.Environment != c.desc.Environment {
		return nil, invalid(
			"Connection.Client",
			quote(c.name)+" is now of "+c.desc.Provider+" "+string(c.desc.Environment),
		)
	}
	return c, nil
}

// First returns the first client of [Registry.Candidates].
func (r *Registry) First(req SessionRequest) (*Client, error) {
	if req.Reconnect != nil {
		return r.For(*req.Reconnect)
	}
	best := first(r.load().routes(req.Country), &req, userHash(req.User))
	if best == nil {
		return nil, noCandidate(&req)
	}
	return best.client, nil
}

// Candidates returns the clients in the order in which CreateSession tries them. The order is by
// priority, and among equal priorities by weight and user. It is always the same for one user.
//
// Routes for everywhere serve a request without a country. If the request names an institution,
// only clients whose provider has an id for it are candidates. A reconnect has one candidate, which
// is the client that made the connection. If no client qualifies, the error is [ErrUnsupported] and
// says what the request asked for.
func (r *Registry) Candidates(req SessionRequest) ([]*Client, error) {
	if req.Reconnect != nil {
		c, err := r.For(*req.Reconnect)
		return []*Client{c}, err
	}
	t := r.load()
	all := ranked(t.routes(req.Country), &req, userHash(req.User), len(t.clients))
	if len(all) == 0 {
		return nil, noCandidate(&req)
	}
	return all, nil
}

// noCandidate returns the error for a request that no route serves. It says what the request asked
// for.
func noCandidate(req *SessionRequest) *Error {
	asked := "without a country"
	if req.Country != "" {
		asked = "for country " + quote(req.Country)
	}
	if len(req.Institution) > 0 {
		asked += " that names an institution"
	}
	if n := len(req.Capabilities); n > 0 {
		names := make([]string, n)
		for i, c := range req.Capabilities {
			names[i] = string(c)
		}
		noun := "the capability "
		if n > 1 {
			noun = "the capabilities "
		}
		asked += " with " + noun + strings.Join(names, ", ")
	}
	return &Error{
		Kind:    ErrUnsupported,
		Op:      opCreateSession.Name,
		Detail:  "no route serves a request " + asked,
		NotSent: true,
	}
}

// maxShare is the longest time of a candidate while others remain.
const maxShare = 10 * time.Second

// CreateSession tries the candidates for the request in their order and returns the first session.
// It may be repeated.
//
// It tries the next candidate if a provider is down, limits the rate, or cannot do what was asked
// ([ErrUnsupported]). It also does so if the response cannot be read, the circuit is open, or the
// candidate's share of the time has passed. The share is a fair part of the time until the deadline
// of ctx, at most 10 s. Any other error is returned at once. Only the last candidate is retried.
//
// After several attempts the error has the Kind of the last one and the shortest RetryAfter, and
// errors.Is finds all of them. The errors are those of [Client.CreateSession] and
// [Registry.Candidates].
func (r *Registry) CreateSession(ctx context.Context, req SessionRequest) (Session, error) {
	if ctx == nil {
		return Session{}, invalid("context", "is nil")
	}
	if err := req.check(); err != nil {
		return Session{}, err
	}
	candidates, err := r.Candidates(req)
	if err != nil {
		return Session{}, err
	}
	var failed []error
	for i, c := range candidates {
		op := opCreateSession
		attempt, cancel := ctx, context.CancelFunc(func() {})
		if left := len(candidates) - i; left > 1 {
			op.Once = true
			attempt, cancel = context.WithTimeout(ctx, share(ctx, left))
		}
		s, err := c.createSession(attempt, op, req)
		cancel()
		if err == nil {
			return s, nil
		}
		failed = append(failed, err)
		if ctx.Err() != nil || !goesOn(err) {
			break
		}
	}
	return Session{}, joined(failed, candidates)
}

// share returns how much of the remaining time one of left candidates may take.
func share(ctx context.Context, left int) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return maxShare
	}
	return min(time.Until(deadline)/time.Duration(left), maxShare)
}

// goesOn reports whether another provider may do what failed at this one.
func goesOn(err error) bool { return KindOf(err).is(failover) }

func joined(failed []error, candidates []*Client) error {
	if len(failed) == 1 {
		return failed[0]
	}
	names := make([]string, len(failed))
	e := &Error{Op: opCreateSession.Name, Err: attempts(failed), NotSent: true}
	for i, err := range failed {
		names[i] = candidates[i].name
		one := ErrorOf(err)
		e.NotSent = e.NotSent && one.NotSent
		if e.RetryAfter == 0 || (one.RetryAfter > 0 && one.RetryAfter < e.RetryAfter) {
			e.RetryAfter = one.RetryAfter
		}
		e.Kind, e.Scope = one.Kind, one.Scope
	}
	e.Detail = strconv.Itoa(len(failed)) + " clients tried: " + strings.Join(names, ", ")
	return e
}

// attempts holds the errors of all attempts, on one line.
type attempts []error

func (a attempts) Error() string {
	texts := make([]string, len(a))
	for i, err := range a {
		texts[i] = "[" + err.Error() + "]"
	}
	return strings.Join(texts, " ")
}

// Unwrap shows every attempt to errors.Is.
func (a attempts) Unwrap() []error { return a }

// ExchangeToken calls [Client.ExchangeToken] of the client that made the session. The error is
// [ErrNotFound] if that client is no longer registered. Otherwise the errors are those of
// [Client.ExchangeToken]. It is sent at most once.
func (r *Registry) ExchangeToken(ctx context.Context, req ExchangeRequest) (ExchangeResult, error) {
	if req.Session.ID == "" {
		return ExchangeResult{}, invalid("ExchangeRequest.Session", "is empty: use the one CreateSession returned")
	}
	c, err := r.Client(req.Session.Client)
	if err != nil {
		return ExchangeResult{}, err
	}
	return c.ExchangeToken(ctx, req)
}
