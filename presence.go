package bankmux

import (
	"context"
	"net/netip"
	"strings"
	"time"
	"unicode"
)

// Presence says whether a user waits for a call. Put it into the context of the call.
//
// A context without a Presence counts as that of a waiting user. So code for a timer, a queue or a
// webhook must say that no user waits: see [WithoutUser]. With the opposite default, banks could
// not ask the users of an application that does not use Presence.
type Presence struct {
	// Absent says that no user can answer. If the bank of the connection asked the user before,
	// guard.Unattended refuses the call with [ErrUserAction] and the code [CodeUserAbsent].
	// Otherwise the bank would send a one-time password that no user waits for. The Dapi adapter
	// uses guard.Unattended.
	//
	// Absent has no effect on an operation with [Answers], because the user has just given them. It
	// has an effect if the answers only abandon the [Challenge].
	Absent bool

	// IP and UserAgent are the user's, as the application's server saw them. Since is when the user
	// logged in to the application. Adapters send them to providers that want to know whether a
	// user is present: see [Presence.PSU]. They are personal data, so do not log them.
	IP        netip.Addr
	UserAgent string
	Since     time.Time // zero if not known
}

// PSU reports whether the call counts as a call of the user. Banks call the user the payment
// service user. They allow a few background calls per day, and more calls while the user is
// present. They reject a request that has only some of the headers about the user, so adapters send
// all of them or none.
//
// A context without address or user agent is a background call. So is one whose user agent has
// characters that a header cannot have.
func (p Presence) PSU() bool {
	return !p.Absent && p.IP.IsValid() && p.UserAgent != "" && !strings.ContainsFunc(p.UserAgent, unicode.IsControl)
}

// CodeUserAbsent is the Code of the [ErrUserAction] for a call without a user ([Presence]) on a
// connection whose bank asked the user before. Make the call again when the user is there.
const CodeUserAbsent = "user_absent"

// CodeBudget is the Code of the [ErrRateLimited] for a call that a budget of the application
// (guard.Budget) refused. Its RetryAfter is the time until all budgets allow the call.
const CodeBudget = "budget_used"

type presenceKey struct{}

// WithPresence returns a context that says whether a user waits for the calls with it. If IP is an
// IPv4-mapped IPv6 address, as a server for both reports it, WithPresence stores the IPv4 address.
func WithPresence(ctx context.Context, p Presence) context.Context {
	p.IP = p.IP.Unmap()
	return context.WithValue(ctx, presenceKey{}, p)
}

// WithoutUser returns a context for calls that no user waits for. It is [WithPresence] with Absent
// set.
func WithoutUser(ctx context.Context) context.Context {
	return WithPresence(ctx, Presence{Absent: true})
}

// PresenceOf returns the Presence of a context, and false if it has none.
func PresenceOf(ctx context.Context) (Presence, bool) {
	p, ok := ctx.Value(presenceKey{}).(Presence)
	return p, ok
}
