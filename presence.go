package bankmux

import (
	"context"
	"net/netip"
	"strings"
	"time"
	"unicode"
)

// Presence says whether the user waits for a call. Put it into the call's context.
//
// A context without one counts as that of a waiting user, as an application's first calls do: those
// of a page that somebody has just opened. So a timer, a queue or a webhook says of itself that
// no user waits. The opposite default would refuse the first question of every bank to applications
// that never heard of presence.
type Presence struct {
	// Absent says that no user is there to answer. A bank that asked the user before on the
	// connection is then not asked, for it would send a one-time password that no user waits for:
	// the call is refused with [ErrUserAction] and the code [CodeUserAbsent], and nothing is sent.
	//
	// An operation that is given [Answers] is attended, whatever Absent says: the user has just
	// given them. All its calls are made, those after the one that is answered too. An operation
	// that abandons a [Challenge] is not.
	Absent bool

	// IP and UserAgent are the user's, as the application's server saw them, and Since is when the
	// user logged in to the application. Adapters whose provider wants to know who is there send
	// them: see [Presence.PSU]. They are personal data: do not log them.
	IP        netip.Addr
	UserAgent string
	Since     time.Time // zero where not known
}

// PSU reports whether the call counts as made by the user, who is called the payment service user
// there. Adapters send all of the headers for it, or none: banks allow a few background calls a day
// and more for a user who is there, and they refuse half of it. A context without address or user
// agent is a background call, and so is one whose user agent no header can carry.
func (p Presence) PSU() bool {
	return !p.Absent && p.IP.IsValid() && p.UserAgent != "" && !strings.ContainsFunc(p.UserAgent, unicode.IsControl)
}

// CodeUserAbsent is the Code of the [ErrUserAction] for a call without a user, on a connection
// whose bank asked the user before. Make the call again when the user is there.
const CodeUserAbsent = "user_absent"

type presenceKey struct{}

// WithPresence returns a context that says whether the user waits for the calls made with it. An
// IPv4 address that is written as IPv6, as a server on both gives it, becomes IPv4.
func WithPresence(ctx context.Context, p Presence) context.Context {
	p.IP = p.IP.Unmap()
	return context.WithValue(ctx, presenceKey{}, p)
}

// WithoutUser returns a context for calls that no user waits for. It is [WithPresence] with Absent
// set.
func WithoutUser(ctx context.Context) context.Context {
	return WithPresence(ctx, Presence{Absent: true})
}

// PresenceOf returns what a context says about the user. It reports false if it says nothing.
func PresenceOf(ctx context.Context) (Presence, bool) {
	p, ok := ctx.Value(presenceKey{}).(Presence)
	return p, ok
}
