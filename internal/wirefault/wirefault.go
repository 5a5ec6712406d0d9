// Package wirefault has the faults that a client of an HTTP service must survive, as middleware.
// There are unusable responses, responses that never end, and connections that are cut before or
// after the request was processed.
//
// Each fault works over TCP and over [net.Pipe], starts no goroutine, and ends when the client
// leaves. Those of [All] work with any server. Those of [HTTP2] change the frames that net/http's
// server writes. Time is virtual inside a testing/synctest bubble.
package wirefault

import (
	"net/http"
	"slices"
	"time"
)

// MaxHang is how long a silent fault waits for the client to leave. It then cuts the connection.
const MaxHang = 10 * time.Minute

// BulkSize is the padding of oversized responses in bytes, after decompression.
const BulkSize = 64 << 20

// RetryAfter is the wait that the rate_limited faults announce, except for the one without a hint.
const RetryAfter = 7 * time.Second

// SlowDelay is how long the slow fault delays a response.
const SlowDelay = 2 * time.Second

// Skew is how far the clock of a server with the wrong time is ahead.
const Skew = time.Hour

// DefaultLocation is the default target of the redirect fault.
const DefaultLocation = "http://127.0.0.1:9/"

// Fault is one way in which a request fails. It is a value: copies may be changed and used by
// several goroutines.
type Fault struct {
	Name    string // lower case words joined by underscores
	Summary string // one sentence

	// Processed says that the request is processed before it fails, so a client that repeats it
	// does the work twice.
	Processed bool

	// Location is the target of the redirect fault.
	Location string

	// Body replaces the default JSON body of the faults with an error status. It is sent as
	// application/json.
	Body []byte

	serve func(f Fault, w http.ResponseWriter, r *http.Request, next http.Handler)
}

// Serve responds to r with the fault. If [Fault.Processed] is true, next handles the request and
// Serve damages its response. Serve panics with [http.ErrAbortHandler] to cut the connection, as
// net/http requires of handlers. The zero Fault passes the request to next unchanged.
func (f Fault) Serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if f.serve == nil {
		next.ServeHTTP(w, r)
		return
	}
	f.serve(f, w, r, next)
}

// Handler returns [Fault.Serve] as a handler.
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

// All returns the faults that any server can have, in a fixed order. The caller owns the slice. See
// [HTTP2] for the other faults.
func All() []Fault {
	return slices.Concat(errorFaults(), bodyFaults(), timingFaults(), rateLimitFaults())
}

// errorFaults returns the faults with an error status or a page instead of the response.
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

// bodyFaults returns the faults whose body is missing, changed, damaged or too large.
func bodyFaults() []Fault {
	return []Fault{
		{
			Name:      "empty_200",
			Summary:   "status 200, the JSON content type and no body",
			Processed: true,
			serve:     replaced(""),
		},
		{Name: "no_content", Summary: "204 where a body is expected", Processed: true, serve: noContent},
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

// timingFaults returns late and endless responses, and connections that are cut.
func timingFaults() []Fault {
	return []Fault{
		{Name: "slow", Summary: "the right response, two seconds late", Processed: true, serve: slow},
		{Name: "slow_body", Summary: "the right response, one byte per second", Processed: true, serve: slowBody},
		{Name: "hang", Summary: "the request is read and nothing more happens", serve: hang},
		{
			Name:      "hang_after",
			Summary:   "the request is carried out without a response",
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

// rateLimitFaults returns rate limits, wrong clocks and redirects.
func rateLimitFaults() []Fault {
	return []Fault{
		{Name: "rate_limited", Summary: "429 without Retry-After", serve: rateLimited("")},
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
			Summary:   "the right response from a server whose clock is an hour ahead",
			Processed: true,
			serve:     clockSkew,
		},
		{Name: "redirect", Summary: "307 to another host", Location: DefaultLocation, serve: redirect},
	}
}
