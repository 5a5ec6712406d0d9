package normalize

// This file has the errors for parts of a response that cannot be read.

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/bankmux/bankmux"
)

// Unreadable returns the error for a part of a response that cannot be read. The rest of the
// response is good, so the error says nothing about the provider. Thousands of rows with the same
// fault share one error, which must not be changed.
func Unreadable(what string) *bankmux.Error {
	const prefix = "the response has "
	if e := lastUnreadable.Load(); e != nil && e.Detail[len(prefix):] == what {
		return e
	}
	e := &bankmux.Error{Kind: bankmux.ErrMalformed, Scope: bankmux.ScopeCall, Detail: prefix + what}
	lastUnreadable.Store(e)
	return e
}

// lastUnreadable is the error returned last, since one bad row is often followed by more of the
// same.
var lastUnreadable atomic.Pointer[bankmux.Error]

// Unsent returns the error as that of an operation that was not sent. It is for calls before a
// one-shot, such as a read or a token request. Without Unsent the outcome of the one-shot would
// count as unknown. nil stays nil. An error that is not a [*bankmux.Error] becomes the cause of
// one.
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

// Invalid returns [bankmux.ErrInvalid] for a field of a request, before anything was sent.
func Invalid(field, detail string) *bankmux.Error {
	return &bankmux.Error{Kind: bankmux.ErrInvalid, Field: field, Detail: detail, NotSent: true}
}

// Unsupported returns [bankmux.ErrUnsupported] for a field of a request, before anything was sent.
func Unsupported(field, detail string) *bankmux.Error {
	return &bankmux.Error{Kind: bankmux.ErrUnsupported, Field: field, Detail: detail, NotSent: true}
}
