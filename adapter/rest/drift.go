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
// Of each endpoint, the client looks at the first response, and then at one in a hundred. Failures
// are counted apart from successes. The client compares the response with Documented, and with the
// type that [Response.Decode] reads it into first. A look changes neither the response nor the
// result of a call.
type Drift struct {
	Guard            *guard.Guard // nil reports nothing
	Client, Provider string       // the registered name, and the adapter's
	// Documented has what the provider documents and the adapter does not read. Without it, the
	// types of the adapter have all members, and there are no enumerations.
	Documented *normalize.Documented
}

// lookEvery is how many responses of an endpoint there are per look.
const lookEvery = 100

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
	counts atomic.Pointer[map[kindOfResponse]*atomic.Uint64] // which is replaced, never changed
	mu     sync.Mutex                                        // of who replaces it
}

// look is a response that is looked at.
type look struct {
	*sampler
	ctx      context.Context
	endpoint string
}

// take returns the look at a response, nil for most of them.
func (s *sampler) take(ctx context.Context, method, path string, success bool) *look {
	if s.Guard == nil || s.count(kindOfResponse{method, path, success}).Add(1)%lookEvery != 1 {
		return nil
	}
	return &look{s, ctx, endpointName(method, path)}
}

// segments are the parts of a path that look like names.
var segments = regexp.MustCompile(`^(?:|[A-Za-z._-]{1,32}\d{0,2}|\{\w{1,32}\})$`)

// endpointName names an endpoint. An adapter that puts an id into a path, in place of a parameter,
// does not get it reported.
func endpointName(method, path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if !segments.MatchString(part) {
			parts[i] = normalize.Masked
		}
	}
	return strings.TrimSpace(method + " " + strings.Join(parts, "/"))
}

// count returns the number of responses of a kind.
func (s *sampler) count(kind kindOfResponse) *atomic.Uint64 {
	known := s.counts.Load()
	if known != nil && (*known)[kind] != nil {
		return (*known)[kind]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := map[kindOfResponse]*atomic.Uint64{}
	if known = s.counts.Load(); known != nil {
		counts = *known
	}
	if len(counts) >= maxEndpoints {
		kind = kindOfResponse{}
	}
	if counts[kind] == nil {
		counts = maps.Clone(counts)
		counts[kind] = new(atomic.Uint64)
		s.counts.Store(&counts)
	}
	return counts[kind]
}

// at looks at a body that v was read from. A fault of the look does not affect the call.
func (l *look) at(body []byte, v any) {
	defer func() { _ = recover() }()
	for _, one := range wire.Inspect(body, v, l.Documented) {
		d := guard.Drift{
			Client: l.Client, Provider: l.Provider, Endpoint: l.endpoint,
			Kind: guard.DriftMember, Member: one.Member, Word: one.Value,
		}
		if one.Value != "" {
			d.Kind = guard.DriftValue
		}
		l.Guard.ReportDrift(l.ctx, d)
	}
}

// Delivery reads the body of a webhook delivery as [wire.Try] does. It looks at one delivery in a
// hundred: see [Drift].
func Delivery[T any](ctx context.Context, c *Client, body []byte) (v T) {
	if wire.Decode(body, &v) != nil {
		return *new(T)
	}
	if l := c.drift.take(ctx, "", webhookEndpoint, true); l != nil {
		l.at(body, &v)
	}
	return v
}
