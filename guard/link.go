package guard

// This file joins the parts of a guard into one interceptor.

import (
	"context"
	"sync"

	"github.com/bankmux/bankmux"
)

// link is an interceptor inside a guard. All links of a guard share one description of the call,
// which no link changes. An interceptor of [bankmux.Client] gets a copy. The copies of all links
// would be on the stack of a call that waits for its response.
//
// The functions that return a link are not inlined, because the compiler does not inline
// [step.run] in a closure that was inlined itself.
type link func(ctx context.Context, op *bankmux.Op, next step) error

// passage is one call on its way through the links.
type passage struct {
	links []link // outermost first
	op    bankmux.Op
	last  func(context.Context) error
}

// step is the rest of a call, from one link on. It may run several times.
type step struct {
	call *passage
	from int
}

// run runs the rest of the call. It is short enough to be inlined.
func (s step) run(ctx context.Context) error {
	return s.call.links[s.from](ctx, &s.call.op, step{s.call, s.from + 1})
}

// last is the innermost link.
func last(ctx context.Context, _ *bankmux.Op, end step) error { return end.call.last(ctx) }

// joined returns links as one interceptor, outermost first.
//
//go:noinline
func joined(links ...link) bankmux.Interceptor {
	links = append(links, last)
	return func(ctx context.Context, op bankmux.Op, next func(context.Context) error) error {
		call := passages.Get().(*passage)
		call.links, call.op, call.last = links, op, next
		err := step{call, 0}.run(ctx)
		*call = passage{}
		passages.Put(call) // no link keeps it after the call
		return err
	}
}

// passages keeps those of calls that have ended.
var passages = sync.Pool{New: func() any { return new(passage) }}
