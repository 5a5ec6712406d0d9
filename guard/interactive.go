package guard

// This file has the preset for calls that a request handler waits for.

import (
	"context"
	"time"

	"github.com/bankmux/bankmux/internal/interactive"
)

// interactiveWait is the longest time that an interactive call waits between its attempts, in
// total.
const interactiveWait = time.Second

// Interactive returns a context for a call that a person waits for, such as one in a request
// handler. [Retry] then waits at most one second in total between the attempts. If the provider
// asks for a longer wait, as after a rate limit, the call returns the error at once.
// [bankmux.Error.RetryAfter] has the wait, for a Retry-After header or a message to the user.
// [bankmux.Client.SyncAll] does not wait for a provider that is not ready: the error is
// [bankmux.ErrNotReady].
//
// With any other context a call waits up to [RetryOptions.MaxWait] before each retry, which suits
// background work. Interactive limits neither the time of an attempt nor the wait for another call
// on the connection ([OnePerConnection]). Give ctx a deadline for both.
func Interactive(ctx context.Context) context.Context {
	return interactive.Context(ctx)
}

// limitedTo returns the options for a call with ctx that has waited already.
func (o RetryOptions) limitedTo(ctx context.Context, waited time.Duration) RetryOptions {
	if !interactive.Is(ctx) {
		return o
	}
	left := interactiveWait - waited
	o.Base, o.Cap, o.MaxWait = min(o.Base, left), min(o.Cap, left), min(o.MaxWait, left)
	return o
}
