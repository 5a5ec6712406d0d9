// Package wirefault holds the faults a client of any HTTP service has to survive,
// as middleware: answers that are no answers, answers that never end, and
// connections that are cut before or after the work was done.
//
// Every fault works over TCP and over [net.Pipe], starts no goroutine, and ends when the client
// leaves. Those of [All] speak HTTP/1.1, those of [HTTP2] reach below net/http's server. Time is
// taken from the standard library's timers, so inside a testing/synctest bubble it is virtual.
package wirefault

import (
	"net/http"
	"slices"
	"time"
)

// MaxHang is how long a silent fault stays silent when the client does not
// leave; after that the connection is cut.
const MaxHang = 10 * time.Minute

// BulkSize is how much padding the oversized answers carry, counted after
// decompression.
const BulkSize = 64 << 20

// RetryAfter is the wait that the rate_limited faults announce, but for the one without a hint.
const RetryAfter = 7 * time.Second

// SlowDelay is how long the slow fault withholds an answer.
const SlowDelay = 2 * time.Second

// Skew is how far ahead the clock of a server is that has the wrong time.
const Skew = time.Hour

// DefaultLocation is where the redirect fault points unless told otherwise.
const DefaultLocation = "http://127.0.0.1:9/"

// Fault is one way in which an exchange over the wire goes wrong. It is a value:
// copies may be changed freely and used by any number of goroutines.
type Fault struct {
	Name    string // lower case words joined by underscores
	Summary string // one sentence

	// Processed says that the request was handled before things went wrong, so
	// that a client which repeats it does the work twice.
	Processed bool

	// Location is where the redirect fault points.
	Location string

	// Body replaces the neutral JSON body of the faults that answer with an error
	// status; it is sent as application/json.
	Body []byte

	serve func(f Fault, w http.ResponseWriter, r *http.Request, next http.Handler)
}

// Serve answers r with the fault. Where [Fault.Processed] is true, next handles
// the request, and what it answered is spoilt. Serve panics with
// [http.ErrAbortHandler] to cut the connection, as net/http asks of handlers; the
// zero Fault passes the request on unharmed.
func (f Fault) Serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if f.serve == nil {
		next.ServeHTTP(w, r)
		return
	}
	f.serve(f, w, r, next)
}

// Handler is [Fault.Serve] as a handler.
func Handler(f Fault, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.Serve(w, r, next) })
}

// Lookup returns the fault of that name.
func Lookup(name string) (Fault, bool) {
	all := append(All(), HTTP2()...)
	i := slices.IndexFunc(all, func(f Fault) bool { return f.Name == name })
	if i < 0 {
		return Fault{}, false
	}
	return all[i], true
}

// All returns every fault that any server can have, in a fixed order; see [HTTP2] for the others.
// The caller owns the slice.
func All() []Fault {
	return slices.Concat(errorFaults(), bodyFaults(), timingFaults(), rateLimitFaults())
}

// errorFaults are error statuses and pages in the place of a response.
func errorFaults() []Fault {
	return []Fault{
		{Name: "unavailable", Summary: "503 with a small JSON body", serve: status(http.StatusServiceUnavailable)},
		{Name: "server_error", Summary: "500 with a small JSON body", serve: status(http.StatusInternalServerError)},
		{Name: "bad_gateway_html", Summary: "502 with an HTML page", serve: html(http.StatusBadGateway)},
		{Name: "bad_gateway", Summary: "502 with a small JSON body", serve: status(http.StatusBadGateway)},
		{
			Name:      "gateway_timeout",
			Summary:   "504 from a gateway that gave up while the request was carried out",
			Processed: true,
			serve:     processedHTML(http.StatusGatewayTimeout),
		},
		{
			Name:    "html_200",
			Summary: "an HTML page under status 200, as a captive portal sends it",
			serve:   html(http.StatusOK),
		},
	}
}

// bodyFaults are responses whose body is missing, changed, damaged or too large.
func bodyFaults() []Fault {
	return []Fault{
		{
			Name:      "empty_200",
			Summary:   "status 200, the JSON content type and no body",
			Processed: true,
			serve:     replaced(""),
		},
		{Name: "no_content", Summary: "204 where a body was due", Processed: true, serve: noContent},
		{Name: "null_200", Summary: "the JSON body null under status 200", Processed: true, serve: replaced("null")},
		{
			Name:      "truncated",
			Summary:   "the first half of the right body, with a matching Content-Length",
			Processed: true,
			serve:     truncated,
		},
		{
			Name:      "wrong_content_type",
			Summary:   "the right body labelled text/plain",
			Processed: true,
			serve:     wrongContentType,
		},
		{
			Name:      "duplicate_keys",
			Summary:   "the right object with every member a second time, holding other text",
			Processed: true,
			serve:     duplicateKeys,
		},
		{Name: "oversized", Summary: "64 MiB of blanks before the right body", Processed: true, serve: oversized},
		{
			Name:      "gzip_bomb",
			Summary:   "the same 64 MiB, compressed to a few kilobytes",
			Processed: true,
			serve:     gzipBomb,
		},
		{
			Name:      "corrupt_gzip",
			Summary:   "the right body announced as gzip, but damaged",
			Processed: true,
			serve:     corruptGzip,
		},
	}
}

// timingFaults are responses that are late or never end, and connections that are cut.
func timingFaults() []Fault {
	return []Fault{
		{Name: "slow", Summary: "the right answer, two seconds late", Processed: true, serve: slow},
		{Name: "slow_body", Summary: "the right answer, one byte a second", Processed: true, serve: slowBody},
		{Name: "hang", Summary: "the request is read and nothing more happens", serve: hang},
		{
			Name:      "hang_after",
			Summary:   "the request is carried out and never answered",
			Processed: true,
			serve:     hangAfter,
		},
		{
			Name:      "hang_body",
			Summary:   "status, header and half the body, then silence",
			Processed: true,
			serve:     hangBody,
		},
		{Name: "reset_before", Summary: "the connection is cut before the request is carried out", serve: resetBefore},
		{
			Name:      "reset_after",
			Summary:   "the request is carried out, then the connection is cut",
			Processed: true,
			serve:     resetAfter,
		},
		{Name: "cut_body", Summary: "the connection is cut in the middle of the body", Processed: true, serve: cutBody},
	}
}

// rateLimitFaults are refusals for the rate, wrong clocks and redirects.
func rateLimitFaults() []Fault {
	return []Fault{
		{Name: "rate_limited", Summary: "429 without a hint how long to wait", serve: rateLimited("")},
		{Name: "rate_limited_seconds", Summary: "429 with Retry-After: 7", serve: rateLimited("seconds")},
		{
			Name:    "rate_limited_date",
			Summary: "429 with a Retry-After date seven seconds ahead",
			serve:   rateLimited("date"),
		},
		{
			Name:    "rate_limited_skewed",
			Summary: "429 with a Retry-After date seven seconds ahead, by a clock that is an hour ahead",
			serve:   rateLimited("skewed"),
		},
		{
			Name:      "clock_skew",
			Summary:   "the right answer from a server whose clock is an hour ahead",
			Processed: true,
			serve:     clockSkew,
		},
		{Name: "redirect", Summary: "307 to another host", Location: DefaultLocation, serve: redirect},
	}
}
