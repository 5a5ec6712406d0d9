package store

// This file makes an exchange happen once.

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"

	"github.com/bankmux/bankmux"
)

// The states of an exchange. One that is in doubt may have opened an access that nothing stores.
// Its process died, or the provider did not say what happened, perhaps to one bank of several. Or
// an access is open that the stored result lacks. It stays in doubt until a repeat is done.
const (
	exchangeRuns   = "running"
	exchangeDone   = "done"
	exchangeFailed = "failed"
	doubtfulRuns   = "running in doubt"
	doubtfulEnded  = "in doubt"     // with a result or an error
	doubtfulLeft   = "user deleted" // it was in doubt, or ran, when its user was deleted
)

// outcome is the sealed content of an exchange that ended. It stays while the exchange is repeated.
type outcome struct {
	Stored []string          `json:"stored,omitempty"` // the ids of the connections of all calls
	Failed []bankmux.Failure `json:"failed,omitempty"`
	Err    *bankmux.Error    `json:"error,omitempty"` // nil if a connection was stored
	Owed   int               `json:"owed,omitempty"`  // how many logins failed and are not stored since

	err   *bankmux.Error       // of this call, nil if it has a result
	made  []bankmux.Connection // the connections of this call
	spent int                  // how many logins this call found spent
}

// Exchange runs exchange once for a session and a payload, and stores its connections together with
// the fact that it is done. The same payload posted again, also at the same moment or to another
// process, gets the stored result. It may be spaced or ordered differently: see
// [bankmux.PayloadDigest]. exchange calls [bankmux.Registry.ExchangeToken].
//
// If another call of Exchange is running, this one waits for it within ctx, and returns its result
// or its error. An error that certainly reached no provider is not shared: the call that waited
// then runs its own exchange. If a process dies during exchange, another one runs it after
// [Limits.Lease].
//
// After an error, and after a result with Failed, the payload may be posted again. Exchange then
// runs exchange once more, which finds out an unknown outcome or exchanges the rest. The result has
// the connections of earlier calls too. If the repeat fails, it has them alone, with Failed. A
// result with a failure whose outcome is unknown is stored, and [Store.Unfinished] lists it until
// the rest is. It also lists a result with more Spent than the connections that the session stored
// before.
//
// An exchange that may have opened an access, and fails, must return [bankmux.ErrOutcomeUnknown].
// [bankmux.Registry] does so with the interceptors of package guard. Without them, an
// [bankmux.ErrUnavailable] counts as an exchange that opened nothing. An error of which
// [bankmux.LeftOpen] is true means a refused access that did not end.
//
// If the database fails after exchange, Exchange tries to store the result or error for some
// seconds. In the end it returns the result and an [*Error]. Call Exchange again in the same
// process with an exchange that returns the result: it does not wait for [Limits.Lease]. Until then
// call [Store.HoldExchange], or another process runs the exchange after that time. Or end the
// access.
//
// The error is [bankmux.ErrNotReady] if the time of ctx ends while another call runs. After the
// lease of another process, it also replaces [bankmux.ErrTokenSpent] once. That process may still
// store what it got. If two processes store a result after all, both return the first one. If the
// second one opened another access, [Store.Unfinished] lists the exchange.
//
// Connections that were deleted since are left out of the result of a payload that is posted again.
// If none is left, the error is [bankmux.ErrTokenSpent]. It is [bankmux.ErrNotFound] if the session
// of the user is not stored, for example because the user was deleted meanwhile. End the access of
// the result then, and call [Store.ForgetExchange], if the outcome of each failure is known.
func (s *Store) Exchange(
	ctx context.Context, ref bankmux.SessionRef, payload []byte,
	exchange func(context.Context) (bankmux.ExchangeResult, error),
) (bankmux.ExchangeResult, error) {
	const op = "Exchange"
	none := bankmux.ExchangeResult{}
	if err := s.alone(op); err != nil {
		return none, err
	}
	c := claim{ref: ref, id: exchangeID(ref, payload), holder: rand.Text()}
	for try := 1; ; try++ {
		got, err := s.claim(ctx, &c)
		switch {
		case err != nil:
			return none, c.late(failed(op, err))
		case got == nil && c.mine:
			return s.runExchange(ctx, &c, exchange)
		case got == nil:
			if !pause(ctx, try) {
				return none, c.late(failed(op, ctx.Err()))
			}
		case got.Err != nil:
			return none, got.Err
		default:
			result, err := s.resultOf(ctx, ref.User, got)
			return result, failed(op, err)
		}
	}
}

// exchangeID names the exchange of a payload.
func exchangeID(ref bankmux.SessionRef, payload []byte) string {
	sum := bankmux.PayloadDigest(payload)
	return plainText(ref.ID) + ":" + hex.EncodeToString(sum[:])
}

// claim is one call of Exchange.
type claim struct {
	ref    bankmux.SessionRef
	id     string
	holder string
	mine   bool    // this call runs the exchange
	taken  bool    // the lease of another process ended, which may still store its result
	doubt  bool    // an access may be open that nothing stores, see the states
	before outcome // of the call before, whose failures this call may link
	waits  int64   // the attempt that this call waits for
}

// late returns the error of a call whose time ended while it waited for another one.
func (c *claim) late(err error) error {
	if c.waits > 0 && errors.Is(err, context.DeadlineExceeded) {
		return underWay(context.DeadlineExceeded)
	}
	return err
}

// underWay returns the error for an exchange that another call may still finish.
func underWay(cause error) *bankmux.Error {
	return &bankmux.Error{
		Kind: bankmux.ErrNotReady, Op: "store.Exchange", Detail: "another call has started this exchange",
		RetryAfter: releaseFor, Err: cause,
	}
}

// claim takes the exchange, or returns its outcome. It returns nothing if another call runs it.
func (s *Store) claim(ctx context.Context, c *claim) (got *outcome, err error) {
	err = s.write(ctx, "Exchange", func(w *work) error {
		got, c.mine, c.taken, c.doubt, c.before = nil, false, false, false, outcome{}
		var state, holder string
		var attempt, until int64
		var sealed []byte
		err := w.row(ctx, "SELECT state, attempt, holder, held_until, sealed FROM bankmux_exchanges"+
			" WHERE id = $1 AND user_id = $2"+w.dialect.lockRow(),
			[]any{c.id, plainText(c.ref.User)}, []any{&state, &attempt, &holder, &until, &sealed})
		if noRows(err) {
			return s.firstClaim(ctx, w, c)
		}
		if err != nil {
			return err
		}
		if state == doubtfulLeft {
			return notFound("session")
		}
		claimed, ended := s.endedClaims.of(c.id, holder)
		runs := state == exchangeRuns || state == doubtfulRuns
		if runs && until > s.nowMillis() && !ended {
			c.waits = attempt
			return nil
		}
		c.taken = runs && !ended
		c.doubt = c.taken || state == doubtfulRuns || state == doubtfulEnded || claimed.doubt
		if sealed != nil {
			read := &outcome{}
			if err := s.open(sealedExchange, sealed, read, c.ref.User, c.id); err != nil {
				return err
			}
			if !runs && read.stays(c.waits == attempt) {
				got = read
				return nil
			}
			c.before = *read
		}
		if !runs {
			attempt++
		}
		c.mine = true
		if state = exchangeRuns; c.doubt {
			state = doubtfulRuns
		}
		_, err = w.exec(ctx, "UPDATE bankmux_exchanges SET state = $1, attempt = $2, holder = $3, held_until = $4"+
			" WHERE id = $5",
			state, attempt, c.holder, s.now().Add(s.limits.Lease).UnixMilli(), c.id)
		return err
	})
	return got, err
}

// stays reports whether an exchange that ended needs no further one. Calls that waited for it get
// what the provider said to it, even if it is an error or not complete.
func (o *outcome) stays(waited bool) bool {
	if o.Err != nil {
		return waited && !o.Err.NotSent
	}
	return waited || len(o.Failed) == 0
}

// firstClaim inserts the row of an exchange, if the session is stored.
func (s *Store) firstClaim(ctx context.Context, w *work, c *claim) error {
	// The session stays until the row is there, or else DeleteUser could miss the row.
	session, err := s.session(ctx, w, c.ref, w.dialect.keepRow())
	if err != nil {
		return err
	}
	n, err := w.exec(ctx, "INSERT INTO bankmux_exchanges (id, user_id, created_at, expires_at, state, attempt,"+
		" holder, held_until) VALUES ($1, $2, $3, $4, $5, 1, $6, $7) ON CONFLICT (id) DO NOTHING",
		c.id, c.ref.User, s.nowMillis(), session.ExpiresAt.UnixMilli(), exchangeRuns, c.holder,
		s.now().Add(s.limits.Lease).UnixMilli())
	c.mine = n == 1
	return err
}

// resultOf returns the connections of an exchange as they are stored now. If all were deleted, the
// error is [bankmux.ErrTokenSpent].
func (s *Store) resultOf(ctx context.Context, user string, got *outcome) (bankmux.ExchangeResult, error) {
	result := bankmux.ExchangeResult{Failed: got.Failed}
	var all []bankmux.Connection
	for _, id := range got.Stored {
		conn, err := s.Connection(ctx, user, id)
		switch {
		case bankmux.KindOf(err) == bankmux.ErrNotFound: // deleted since
		case err != nil:
			return bankmux.ExchangeResult{}, err
		default:
			all = append(all, conn)
		}
	}
	if len(all) == 0 {
		return bankmux.ExchangeResult{}, &bankmux.Error{
			Kind: bankmux.ErrTokenSpent, NotSent: true, Detail: "the connection was made and deleted since",
		}
	}
	if result.Connection = all[0]; len(all) > 1 {
		result.More = all[1:]
	}
	return result, nil
}
