package bankhttp

// This file divides the time of a request between the banks and the store.

import (
	"context"
	"time"
)

// storeFor is the time of a request that no bank can use up. Of a short time it is a quarter.
const storeFor = 5 * time.Second

// ask calls a bank. A bank that hangs leaves time to use the store within ctx.
func ask[Req, Res any](ctx context.Context, call func(context.Context, Req) (Res, error), req Req) (Res, error) {
	ends, limited := ctx.Deadline()
	if !limited {
		return call(ctx, req)
	}
	left := time.Until(ends)
	ctx, cancel := context.WithTimeout(ctx, left-min(storeFor, left/4))
	defer cancel()
	return call(ctx, req)
}
