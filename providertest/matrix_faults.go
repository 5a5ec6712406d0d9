package providertest

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/wirefault"
)

// Words are answers in the provider's own words, for the faults that only it can put. What is nil
// is put in plain HTTP: a bare 401, a bare 400, an object without anything that is expected.
type Words struct {
	// Rejected answers that the application's credentials are refused.
	Rejected http.HandlerFunc
	// Expired answers that the application's access token expired; a call with a new one is served.
	// nil where there is no such token.
	Expired http.HandlerFunc
	// Failed reports a failure for no known reason under status 200. nil where the provider's
	// statuses tell.
	Failed http.HandlerFunc
	// UnknownCode answers 400 with a code that nobody listed.
	UnknownCode http.HandlerFunc
	// Enums are members that hold a word of a list which may grow, as "name" or "parent.name". An
	// unknown word must be kept and never fail an answer.
	Enums []string
	// States are the members that hold the state of a connection. What an unknown one means for a
	// reconnect that is not proved to be finished is not for the library to guess.
	States []string
	// Open reports requests that the faults spare, such as that for an access token.
	Open func(r *http.Request) bool
}

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

// matrixFaults is the list. Each is said once, with what it is; what must come of it follows by
// [expect].
func matrixFaults() []matrixFault {
	const after = wirefault.RetryAfter
	return []matrixFault{
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
		{name: "429 with seconds", class: classLimited, wire: "rate_limited_seconds", keeps: true, wait: after},
		{name: "429 with a date", class: classLimited, wire: "rate_limited_date", keeps: true, wait: after},
		{
			name:  "429 with a date by a wrong clock",
			class: classLimited,
			wire:  "rate_limited_skewed",
			keeps: true,
			wait:  after,
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
}

func either(own http.HandlerFunc, status int, body string) http.HandlerFunc {
	if own != nil {
		return own
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// expectation is what must come of a cell.
type expectation struct {
	kind       bankmux.Kind // "" is success
	scope      bankmux.Scope
	attempts   int // how often the operation is sent, or tried to be
	repeatable bool
	notSent    bool
	unlisted   bool
	retryAfter time.Duration
	verdict    verdict
	bank       bool // it counts against the bank
	survives   bool // the call succeeds where the fault strikes once
	keeps      bool // the connection goes on being used
}

// circumstances are what decides beside the fault.
type circumstances struct {
	effect bankmux.Effect
	whole  []answered // the right answers
	public bool       // sent without credentials
	atBank bool       // the bank itself answers
	words  Words
}

// expect concludes what must come of a fault, by what sending the call twice would do.
func expect(f matrixFault, in circumstances) expectation {
	effect, whole, words := in.effect, in.whole, in.words
	good := expectation{attempts: len(whole), verdict: verdictSuccess, keeps: !f.last}
	if effect == bankmux.Local {
		return expectation{verdict: verdictNone, keeps: true}
	}
	class := f.class
	bodiless := len(whole) > 0 && whole[0].bytes == 0
	if f.body && bodiless {
		return good
	}
	if class == classTooSlow { // a byte a second
		class = classBearable
		for _, a := range whole {
			if time.Duration(a.bytes)*time.Second > matrixDeadline {
				class = classLost
			}
		}
	}
	if class == classFailed && words.Failed == nil {
		class = classGarbled // no failure in the provider's words, and no answer either
	}
	want := expectation{attempts: 1, keeps: f.keeps}
	again := effect == bankmux.Read || effect == bankmux.Idempotent
	switch class {
	case classBearable, classReworded:
		return good
	case classUnsent: // certain not to have left, so even a one-shot may be tried again
		want.kind, want.scope, want.notSent, want.verdict = bankmux.ErrUnavailable, bankmux.ScopeProvider, true, verdictFailed
		again = true
	case classLost:
		want.kind, want.scope, want.verdict = bankmux.ErrUnavailable, bankmux.ScopeProvider, verdictFailed
		want.bank = in.atBank && f.silent && effect == bankmux.Read // it may be the bank that is not answering
	case classGarbled:
		want.kind, want.scope, want.verdict = bankmux.ErrMalformed, bankmux.ScopeProvider, verdictFailed
		again = false
	case classLimited: // says nothing about the provider's health
		want.kind, want.scope, want.verdict, want.retryAfter = bankmux.ErrRateLimited, bankmux.ScopeApp, verdictNone, f.wait
	case classRefused, classExpired: // an answer, so the provider is there
		want.kind, want.scope, want.verdict = bankmux.ErrCredentials, bankmux.ScopeApp, verdictSuccess
		again = false
	case classStrange:
		want.kind, want.scope, want.verdict, want.unlisted = bankmux.ErrInvalid, bankmux.ScopeCall, verdictSuccess, words.UnknownCode != nil
		again = false
	case classFailed:
		want.kind, want.scope, want.verdict = bankmux.ErrUnknown, bankmux.ScopeCall, verdictSuccess
		if in.atBank { // the provider is there and cannot say more
			want.scope, want.bank = bankmux.ScopeInstitution, true
		}
		again = false
	}
	want.repeatable, want.survives = again, again
	if again {
		want.attempts = matrixAttempts
	}
	// one new token, and the call with it; the first was refused
	if class == classExpired && words.Expired != nil && !in.public {
		want.attempts, want.survives = 2, true
	}
	if effect == bankmux.OneShot && (class == classLost || class == classGarbled) {
		want.kind, want.scope = bankmux.ErrOutcomeUnknown, bankmux.ScopeCall
	}
	return want
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

// serve answers a request with the fault.
func (f matrixFault) serve(w http.ResponseWriter, r *http.Request, words Words, next http.Handler) {
	switch {
	case f.paced:
		step(w, r, next)
	case f.words != nil:
		_, _ = io.Copy(io.Discard, r.Body)
		f.words(words)(w, r)
	case f.class == classReworded:
		reword(w, r, f.members(words), next)
	case f.wire != "":
		mustLookup(f.wire).Serve(w, r, next)
	default:
		next.ServeHTTP(w, r)
	}
}

// reword puts a word that nobody knows into the members of the right answer.
func reword(w http.ResponseWriter, r *http.Request, members []string, next http.Handler) {
	rec := httptest.NewRecorder()
	next.ServeHTTP(rec, r)
	body := rec.Body.Bytes()
	var answer any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if dec.Decode(&answer) == nil {
		wanted := map[string]bool{}
		for _, m := range members {
			wanted[m] = true
		}
		reworded, err := json.Marshal(unheardOf(answer, "", wanted))
		if err == nil {
			body = reworded
		}
	}
	maps.Copy(w.Header(), rec.Header())
	w.Header().Del("Content-Length")
	w.WriteHeader(rec.Code)
	if len(body) > 0 {
		_, _ = w.Write(body)
	}
}

func unheardOf(v any, parent string, wanted map[string]bool) any {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if _, text := inner.(string); text && (wanted[name] || wanted[parent+"."+name]) {
				v[name] = "unheard_of"
				continue
			}
			v[name] = unheardOf(inner, name, wanted)
		}
	case []any:
		for i := range v {
			v[i] = unheardOf(v[i], parent, wanted)
		}
	}
	return v
}
