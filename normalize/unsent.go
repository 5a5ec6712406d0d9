package normalize

import (
	"context"
	"errors"

	"github.com/bankmux/bankmux"
)

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
