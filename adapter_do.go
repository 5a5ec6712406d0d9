package bankmux

// This file is for adapters with operations that only their provider has.

import "context"

// Do calls f with the client's adapter, through the client's interceptors. It is for operations
// that only one provider has. P is an interface of the adapter's package, with the method that f
// calls.
//
// Name, Group and Effect of op must be set, and the client fills in its own fields. Effect decides
// whether f may be called again.
//
// If the adapter does not implement P, the error is [ErrUnsupported] and f is not called. A nil
// context is [ErrInvalid], and one that is done is [ErrContextDone]. Both send nothing. All other
// errors are those of f and of the interceptors.
func Do[P, Out any](ctx context.Context, c *Client, op Op, f func(context.Context, P) (Out, error)) (Out, error) {
	job := &struct { // one allocation for both
		run
		out Out
	}{run: c.runOf(op)}
	p, ok := c.provider.(P)
	job.send = func(ctx context.Context) (err error) {
		job.out, err = f(ctx, p)
		return err
	}
	err := job.do(ctx, ok, &job.out)
	return job.out, err
}

// DoOn is [Do] for an operation on a connection. on is a pointer to the [Connection], or to a
// request of this package. DoOn fills in op with the connection and its user. If the request has
// [Answers], they are sent to the bank.
//
// The error is [ErrInvalid] for a connection that another client made, and for an invalid request
// or answers. It is [ErrChallengeExpired] for answers that come too late. Both send nothing.
func DoOn[P, Out any](
	ctx context.Context,
	c *Client,
	op Op,
	on Request,
	f func(context.Context, P) (Out, error),
) (Out, error) {
	if err := on.prepare(c, &op); err != nil {
		var none Out
		return none, c.describe(&op, err)
	}
	return Do(ctx, c, op, f)
}
