package providertest

import (
	"net/http"
	"slices"
	"time"

	"github.com/bankmux/bankmux/internal/wirefault"
)

// class is what kind of trouble a fault is. It decides everything but what the call itself decides.
type class string

const (
	classUnsent   class = "no connection"         // nothing left
	classLost     class = "no answer"             // it may have been carried out; worth another try
	classGarbled  class = "an unreadable answer"  // it may have been carried out; the next try will be no better
	classLimited  class = "told to wait"          // refused
	classRefused  class = "credentials refused"   // refused, until an operator acts
	classStrange  class = "a code nobody listed"  // refused, and nobody knows why
	classFailed   class = "failed without reason" // in the provider's own envelope
	classExpired  class = "an expired token"      // refused, and mended without anybody's doing
	classBearable class = "nothing is wrong"      // it must be as if nothing were
	classTooSlow  class = "slower than a call"    // bearable or lost, by the length of the answer
	classReworded class = "an unknown word"       // bearable
)

// dial is how a connection comes to nothing.
type dial string

const (
	dialRefused dial = "refused"
	dialDNS     dial = "dns"
	dialTLS     dial = "tls"
	dialHang    dial = "hang"
)

// matrixFault is one row of the matrix.
type matrixFault struct {
	name  string
	class class
	http2 bool   // it is of HTTP/2 only
	wire  string // of package wirefault
	dial  dial
	words func(Words) http.HandlerFunc
	keeps bool          // the connection can be used again
	last  bool          // the right answer is the last one on its connection
	body  bool          // it spoils the body of the right answer, and where that has none, nothing
	wait  time.Duration // what it asks for

	paced     bool // each step takes its time, and the answer is right
	silent    bool // nothing comes
	stateless bool // the operation decides by the connection's state
}

// asked is the wait that the faults with a Retry-After ask for.
const asked = wirefault.RetryAfter

// matrixFaults is the list. Each is said once, with what it is; what must come of it follows by
// [expect].
var matrixFaults = []matrixFault{
	{name: "connection refused", class: classUnsent, dial: dialRefused},
	{name: "TLS failure", class: classUnsent, dial: dialTLS},
	{name: "DNS failure", class: classUnsent, dial: dialDNS},
	{name: "hang while connecting", class: classUnsent, dial: dialHang},
	{name: "reset before the request was read", class: classLost, wire: "reset_before"},
	{name: "reset after the request was carried out", class: classLost, wire: "reset_after"},
	{name: "hang before headers", class: classLost, silent: true, wire: "hang"},
	{name: "carried out and never answered", class: classLost, silent: true, wire: "hang_after"},
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
		name:  "HTTP/2: GOAWAY that includes the stream, then the answer",
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
	{name: "504 of what was carried out", class: classLost, wire: "gateway_timeout", keeps: true},
	{name: "failed envelope in 200", class: classFailed, keeps: true, words: func(w Words) http.HandlerFunc {
		return either(w.Failed, http.StatusOK, `{"outcome":"failed","code":"unheard_of"}`)
	}},
	{name: "unknown error code", class: classStrange, keeps: true, words: func(w Words) http.HandlerFunc {
		return either(w.UnknownCode, http.StatusBadRequest, `{"message":"unheard of"}`)
	}},
	{name: "unknown enum", class: classReworded, keeps: true},
	{name: "clock skew", class: classBearable, wire: "clock_skew", keeps: true},
	{name: "slow answer", class: classBearable, wire: "slow", keeps: true},
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

// carrier is what the fault needs to come about.
func (f matrixFault) carrier() carrier {
	switch {
	case f.http2:
		return overHTTP2
	case f.dial == dialTLS:
		return overTLS
	}
	return overPlain
}

// members are those that get an unknown word.
func (f matrixFault) members(words Words) []string {
	if f.stateless {
		return words.Enums
	}
	return slices.Concat(words.Enums, words.States)
}
