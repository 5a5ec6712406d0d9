package providertest

// This file has the faults of the matrix.

import (
	"net/http"
	"slices"
	"time"

	"github.com/bankmux/bankmux/internal/wirefault"
)

// class is the kind of failure that a fault is. Together with the effect of the call it decides the
// expected result.
type class string

const (
	classUnsent   class = "no connection"          // nothing was sent
	classLost     class = "no response"            // perhaps processed; a retry may help
	classGarbled  class = "an unreadable response" // perhaps processed; a retry does not help
	classLimited  class = "asked to wait"          // refused
	classRefused  class = "credentials refused"    // refused until an operator acts
	classStrange  class = "an undocumented code"   // refused for an undocumented reason
	classFailed   class = "failed without reason"  // in the provider's own format
	classExpired  class = "an expired token"       // refused; the adapter fetches a new token
	classBearable class = "nothing is wrong"       // the call must succeed
	classTooSlow  class = "slower than a call"     // bearable or lost, depending on the length of the response
	classReworded class = "an unknown word"        // bearable
)

// dial is a way in which no connection is made.
type dial string

const (
	dialRefused dial = "refused"
	dialDNS     dial = "dns"
	dialTLS     dial = "tls"
	dialHang    dial = "hang"
)

// matrixFault is a row of the matrix.
type matrixFault struct {
	name  string
	class class
	http2 bool   // it exists only with HTTP/2
	wire  string // the name in package wirefault
	dial  dial
	words func(Words) http.HandlerFunc
	keeps bool          // the connection remains usable
	last  bool          // the response is the last one on its connection
	body  bool          // it changes the body of a response; a response without a body is unchanged
	wait  time.Duration // the wait that it asks for

	paced     bool // each step of a correct response takes time
	silent    bool // no byte arrives
	stateless bool // the result depends on the connection's state
	flag      any  // not nil: the members of [Words.Pending] get this value
}

// asked is the wait in the Retry-After header of the faults that have one.
const asked = wirefault.RetryAfter

// matrixFaults lists all faults. The expected results follow from it with [expect].
var matrixFaults = []matrixFault{
	{name: "connection refused", class: classUnsent, dial: dialRefused},
	{name: "TLS failure", class: classUnsent, dial: dialTLS},
	{name: "DNS failure", class: classUnsent, dial: dialDNS},
	{name: "hang while connecting", class: classUnsent, dial: dialHang},
	{name: "reset before the request was read", class: classLost, wire: "reset_before"},
	{name: "reset after the request was processed", class: classLost, wire: "reset_after"},
	{name: "hang before headers", class: classLost, silent: true, wire: "hang"},
	{name: "processed without a response", class: classLost, silent: true, wire: "hang_after"},
	{name: "hang in the body", class: classLost, silent: true, wire: "hang_body"},
	{name: "byte-at-a-time body", class: classTooSlow, silent: true, wire: "slow_body", body: true},
	{name: "cut in the body", class: classGarbled, wire: "cut_body"},
	{name: "truncated JSON", class: classGarbled, wire: "truncated", keeps: true, body: true},
	{name: "HTML with 200", class: classGarbled, wire: "html_200", keeps: true},
	{name: "HTML with 502", class: classLost, wire: "bad_gateway_html", keeps: true},
	{name: "empty 200", class: classGarbled, wire: "empty_200", keeps: true},
	{name: "204", class: classGarbled, wire: "no_content", keeps: true, body: true},
	{name: "null", class: classGarbled, wire: "null_200", keeps: true},
	{name: "wrong content type", class: classGarbled, wire: "wrong_content_type", keeps: true, body: true},
	{name: "duplicate keys", class: classGarbled, wire: "duplicate_keys", keeps: true, body: true},
	{name: "oversized body", class: classGarbled, wire: "oversized", body: true},
	{name: "gzip bomb", class: classGarbled, wire: "gzip_bomb", body: true},
	{name: "corrupt gzip", class: classGarbled, wire: "corrupt_gzip", keeps: true, body: true},
	{name: "redirect to another host", class: classGarbled, wire: "redirect", keeps: true},
	{name: "HTTP/2: refused stream", class: classLost, http2: true, wire: "http2_refused", keeps: true},
	{name: "HTTP/2: stream reset with PROTOCOL_ERROR", class: classLost, http2: true, wire: "http2_protocol_error"},
	{
		name:  "HTTP/2: stream reset with ENHANCE_YOUR_CALM",
		class: classLost,
		http2: true,
		wire:  "http2_calm",
		keeps: true,
	},
	{name: "HTTP/2: GOAWAY that excludes the stream", class: classLost, http2: true, wire: "http2_goaway_before"},
	{
		name:  "HTTP/2: GOAWAY that excludes the stream, then cut",
		class: classLost,
		http2: true,
		wire:  "http2_goaway_before_cut",
	},
	{
		name:  "HTTP/2: GOAWAY with ENHANCE_YOUR_CALM, then cut",
		class: classLost,
		http2: true,
		wire:  "http2_goaway_calm",
	},
	{
		name:  "HTTP/2: GOAWAY that includes the stream, then cut",
		class: classLost,
		http2: true,
		wire:  "http2_goaway_after_cut",
	},
	{
		name:  "HTTP/2: GOAWAY that includes the stream, then the response",
		class: classBearable,
		http2: true,
		last:  true,
		wire:  "http2_goaway_graceful",
	},
	{name: "HTTP/2: reset in the body", class: classGarbled, http2: true, wire: "http2_reset_body", keeps: true},
	{name: "429 with seconds", class: classLimited, wire: "rate_limited_seconds", keeps: true, wait: asked},
	{name: "429 with a date", class: classLimited, wire: "rate_limited_date", keeps: true, wait: asked},
	{
		name:  "429 with a date by a wrong clock",
		class: classLimited,
		wire:  "rate_limited_skewed",
		keeps: true,
		wait:  asked,
	},
	{name: "429 without Retry-After", class: classLimited, wire: "rate_limited", keeps: true},
	{name: "500", class: classLost, wire: "server_error", keeps: true},
	{name: "502", class: classLost, wire: "bad_gateway", keeps: true},
	{name: "503", class: classLost, wire: "unavailable", keeps: true},
	{name: "504 after processing", class: classLost, wire: "gateway_timeout", keeps: true},
	{name: "failed envelope in 200", class: classFailed, keeps: true, words: func(w Words) http.HandlerFunc {
		return either(w.Failed, http.StatusOK, `{"outcome":"failed","code":"unheard_of"}`)
	}},
	{name: "unknown error code", class: classStrange, keeps: true, words: func(w Words) http.HandlerFunc {
		return either(w.UnknownCode, http.StatusBadRequest, `{"message":"unheard of"}`)
	}},
	{name: "unknown enum", class: classReworded, keeps: true},
	{name: "clock skew", class: classBearable, wire: "clock_skew", keeps: true},
	{name: "slow response", class: classBearable, wire: "slow", keeps: true},
	{
		name:  "expired app token in mid-flight",
		class: classExpired,
		keeps: true,
		words: func(w Words) http.HandlerFunc {
			return either(w.Expired, http.StatusUnauthorized, `{"message":"expired"}`)
		},
	},
	{name: "rejected app credentials", class: classRefused, keeps: true, words: func(w Words) http.HandlerFunc {
		return either(w.Rejected, http.StatusUnauthorized, `{"message":"who are you?"}`)
	}},
}

// carrier returns the protocol that the fault needs.
func (f matrixFault) carrier() carrier {
	switch {
	case f.http2:
		return overHTTP2
	case f.dial == dialTLS:
		return overTLS
	}
	return overPlain
}

// members returns the members that get an unknown word.
func (f matrixFault) members(words Words) []string {
	if f.stateless {
		return words.Enums
	}
	return slices.Concat(words.Enums, words.States)
}
