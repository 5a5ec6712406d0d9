// Package share divides the time of a context among calls that follow each other. So one that hangs
// leaves time for the others.
package share

import (
	"context"
	"time"
)

// Of makes a call with one of so many equal parts of the time that ctx has left. Without a deadline
// the call ends with ctx.
func Of(ctx context.Context, parts int, call func(context.Context) error) error {
	if ends, limited := ctx.Deadline(); limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(ends)/time.Duration(parts))
		defer cancel()
	}
	return call(ctx)
}
