package rest

// This file looks at some of the responses for what their adapter does not know.

import (
	"context"
	"maps"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/normalize"
)

// Drift says where a client reports members and values that its adapter does not know: see
// [guard.Options.OnDrift]. The zero Drift reports nothing.
//
// Of each endpoint, the client looks at the first response, and then at one of each hundred, at a
// place that changes. If a look finds a member or a value that no look has found before, the next
// response has another look. What only one look has found is not reported: it may be data, such as
// a person's name that is the key of a map. A response that the first [Response.Decode] or [Try]
// cannot read leaves the look to the next one. Failures are counted apart from successes. The
// client compares the response with Documented, and with the type of that first call. A look
// changes neither the response nor the result of a call.
type Drift struct {
	Guard            *guard.Guard // nil reports nothing
	Client, Provider string       // the registered name, and the adapter's
	// Documented has what the provider documents and the adapter does not read. Without it, the
	// types of the adapter have all members, and there are no enumerations.
	Documented *normalize.Documented
}

// Each hundred responses of an endpoint have one look. The place of the look moves by lookStep from
// one hundred to the next. Otherwise all looks could be at one kind of response, such as that of
// the first of two requests that an operation always sends.
const (
	lookEvery = 100
	lookStep  = 61 // has no divisor in common with lookEvery
)

// maxEndpoints is how many endpoints are counted each. Further ones are counted together.
const maxEndpoints = 256

// webhookEndpoint stands for deliveries.
const webhookEndpoint = "webhook"

// kindOfResponse identifies the responses that are counted together.
type kindOfResponse struct {
	method, path string
	success      bool // otherwise an outage would use up the looks at successes
}

// sampler decides which responses are looked at.
type sampler struct {
	Drift
	counts atomic.Pointer[map[kindOfResponse]*responses] // which is replaced, never changed
	mu     sync.Mutex                                    // of who replaces it, and of once
	once   map[guard.Drift]bool                          // what a look has found
}

// responses counts those of a kind.
type responses struct {
	count  atomic.Uint64
	next   atomic.Uint64 // the number of the one that is looked at next, the first is 0
	second atomic.Bool   // the next look is a second one
}

// look is a response that may be looked at.
type look struct {
	*sampler
	ctx          context.Context
	method, path string
	failed       bool
	of           *responses
	number, next uint64
}

// take returns the look at a response, nil for most of them.
func (s *sampler) take(ctx context.Context, method, path string, success bool) *look {
	if s.Guard == nil {
		return nil
	}
	of := s.count(kindOfResponse{method, path, success})
	number, next := of.count.Add(1)-1, of.next.Load()
	if number < next {
		return nil
	}
	return &look{s, ctx, method, path, !success, of, number, next}
}

// claim reports whether this response is the one of its hundred that is looked at.
func (l *look) claim() bool {
	hundred := l.number/lookEvery + 1 // the next one
	before := l.next
	l.next = hundred*lookEvery + hundred*lookStep%lookEvery
	return l.of.next.CompareAndSwap(before, l.next)
}

// segments are the parts of a path that look like names.
var segments = regexp.MustCompile(`^(?:|\.?[a-z]{1,24}\d{0,2}(?:[._-][a-z]{1,24}\d{0,2}){0,4}|` +
	`(?:[a-z]{1,24}|[A-Z][a-z]{2,24})(?:[A-Z][a-z]{2,24}){1,4}|\{\w{1,32}\})$`)

// endpointName names an endpoint. [Request.Path] is a template, so a segment is a name or a
// parameter. An id that an adapter puts there itself is masked if it does not look like a name. One
// of up to 24 letters in lower case passes, and one of several words such as ExchangeToken.
func endpointName(method, path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if !segments.MatchString(part) {
			parts[i] = normalize.Masked
		}
	}
	return strings.TrimSpace(method + " " + strings.Join(parts, "/"))
}

// count returns the count of the responses of a kind.
func (s *sampler) count(kind kindOfResponse) *responses {
	known := s.counts.Load()
	if known != nil && (*known)[kind] != nil {
		return (*known)[kind]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := map[kindOfResponse]*responses{}
	if known = s.counts.Load(); known != nil {
		counts = *known
	}
	if len(counts) >= maxEndpoints {
		kind = kindOfResponse{}
	}
	if counts[kind] == nil {
		counts = maps.Clone(counts)
		counts[kind] = new(responses)
		s.counts.Store(&counts)
	}
	return counts[kind]
}

// at looks at a body that v was read from. A fault of the look does not affect the call.
func (l *look) at(body []byte, v any) {
	defer func() { _ = recover() }()
	if !l.claim() {
		return
	}
	second := l.of.second.Swap(false)
	var all []guard.Drift
	held := false
	for _, one := range wire.Inspect(body, v, l.Documented) {
		d := guard.Drift{
			Client: l.Client, Provider: l.Provider, Endpoint: endpointName(l.method, l.path),
			Kind: guard.DriftMember, Member: one.Member, Word: one.Value,
		}
		switch {
		case one.Code && l.failed: // the error of the call has it
			continue
		case one.Code:
			d.Kind = guard.DriftCode
		case one.Value != "":
			d.Kind = guard.DriftValue
		}
		if d.Kind != guard.DriftCode && !l.again(d) {
			held = true
			continue
		}
		all = append(all, d)
	}
	if held && !second && l.of.next.CompareAndSwap(l.next, l.number+1) {
		l.of.second.Store(true)
	}
	l.Guard.ReportDrift(l.ctx, all...)
}

// maxOnce is how many findings wait for a second look.
const maxOnce = 1024

// again reports whether an earlier look has found the same.
func (s *sampler) again(d guard.Drift) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.once[d] {
		return true
	}
	if s.once == nil {
		s.once = map[guard.Drift]bool{}
	}
	if len(s.once) == maxOnce {
		clear(s.once)
	}
	s.once[d] = true
	return false
}

// Delivery reads the body of a webhook delivery as [wire.DecodeLenient] does, and returns the zero
// value if that fails. So keys that T does not have may repeat, and a repeated key that T has makes
// the body unreadable. The delivery was verified, so its body only adds to what is known. Delivery
// looks at one of each hundred deliveries: see [Drift].
func Delivery[T any](ctx context.Context, c *Client, body []byte) (v T) {
	if wire.DecodeLenient(body, &v) != nil {
		return *new(T)
	}
	if l := c.drift.take(ctx, "", webhookEndpoint, true); l != nil {
		l.at(body, &v)
	}
	return v
}
