package normalize

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/bankmux/bankmux"
)

// Unreadable is the error for a part of an answer that cannot be read; the rest of the answer is
// good, so it says nothing about the provider as a whole. Thousands of rows with the same fault
// share one error, which must not be changed.
func Unreadable(what string) *bankmux.Error {
	const begin = "the answer has "
	if e := lastUnreadable.Load(); e != nil && e.Detail[len(begin):] == what {
		return e
	}
	e := &bankmux.Error{Kind: bankmux.ErrMalformed, Scope: bankmux.ScopeCall, Detail: begin + what}
	lastUnreadable.Store(e)
	return e
}

// lastUnreadable is what was said last: one bad row is mostly followed by its like.
var lastUnreadable atomic.Pointer[bankmux.Error]

// Unsent returns the error as one of an operation that was not sent. It is for what comes before a
// one-shot: a read, or the fetching of a token. Without it the outcome of the one-shot would be
// unknown. nil stays nil, and an error that is not a [*bankmux.Error] becomes the cause of one.
func Unsent(err error) error {
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*bankmux.Error](err)
	switch {
	case ok && e.NotSent:
		return err
	case ok:
		unsent := *e
		unsent.NotSent = true
		return &unsent
	}
	kind := bankmux.KindOf(err)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		kind = bankmux.ErrContextDone
	}
	return &bankmux.Error{Kind: kind, NotSent: true, Err: err}
}
