package bankhttp

// This file has the configuration of a Service.

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/inbox"
)

// Config configures [New]. Registry, Store and User are required.
type Config struct {
	Registry *bankmux.Registry
	Store    Store
	// User returns the application's id of the user who is logged in. It comes from the
	// application's own login session. "" means that no user is logged in: the response is 401. The
	// response to an error is 500, without the text of the error.
	User func(*http.Request) (string, error)

	// Session is the request for every new session. The HTTP request sets its User, Country,
	// Institution and Reconnect, and Language if it names one. Empty WebhookURL and RedirectURI are
	// made from PublicURL.
	Session bankmux.SessionRequest
	// PrepareSession completes the request for one session, such as with the contact of the user.
	// It may set a RedirectURI, such as on the domain of a brand. It may refuse the request with a
	// [bankmux.Error]. nil leaves the request as it is.
	PrepareSession func(r *http.Request, req *bankmux.SessionRequest) error
	// Linked is called after a link or reconnect was stored, and after the first sync of the
	// connection was put into the queue. A payload that is posted again calls it again. It must
	// return soon. A panic is logged. nil calls nothing.
	Linked func(ctx context.Context, conn bankmux.Connection)

	// PublicURL is scheme, host and path under which browsers and providers reach
	// [Service.Handler], such as "https://app.example.com/bank". Its path is the prefix of the
	// handler's paths. "" means the prefix "/bank", and no address for providers.
	PublicURL string
	// ReturnTo is the page of the application to which [Service.Return] sends the browser. The
	// query of the page then has the outcome. "" means "/".
	ReturnTo string
	// TrustedOrigins are origins of other hosts whose pages may send requests, such as
	// "https://www.example.com". A browser asks before it sends JSON to another host, so wrap the
	// handlers in middleware that responds to OPTIONS with the headers of CORS.
	TrustedOrigins []string

	// Presence says who waits for a call. nil means the address of the connection and the header
	// User-Agent. Behind a proxy, take the address that the proxy passes on.
	Presence func(*http.Request) bankmux.Presence
	// Breakers returns the states for [Service.Health], such as [guard.Guard.Breakers]. nil leaves
	// them out.
	Breakers func() []guard.BreakerState
	// Logger receives the errors that are not sent. nil logs nothing.
	Logger *slog.Logger

	// ReadFor is the time for a body to arrive. The default is 5 s.
	ReadFor time.Duration
	// HandleFor is the time for a request to be handled. The default is 30 s. Banks get all of it
	// but the last 5 s, or three quarters of less than 20 s. The rest is for the store.
	HandleFor time.Duration
	// Webhooks are the limits of [Service.Webhooks].
	Webhooks inbox.Limits
}

// split returns the origin of an absolute URL and its path without a slash at its end. The path is
// escaped, as in the requests of a browser. It returns false for anything else.
func split(publicURL string) (origin, prefix string, ok bool) {
	u, err := url.Parse(publicURL)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") ||
		u.RawQuery != "" || u.Fragment != "" || u.User != nil || strings.ContainsAny(u.Path, "{} ") {
		return "", "", false
	}
	return u.Scheme + "://" + u.Host, strings.TrimRight(u.EscapedPath(), "/"), true
}

// presenceOf is the default of Config.Presence.
func presenceOf(r *http.Request) bankmux.Presence {
	from, _ := netip.ParseAddrPort(r.RemoteAddr)
	return bankmux.Presence{IP: from.Addr(), UserAgent: r.UserAgent()}
}
