package bankmux

// This file has the calls that make the provider fetch fresh data, and that wait for it.

import (
	"context"
	"slices"
	"time"
)

// RefreshRequest asks for fresh data.
type RefreshRequest struct {
	Connection Connection
	Products   []Product // at least one
	Answers    *Answers  // to a [Challenge] of an earlier try, if fetching asks the user
}

func (r *RefreshRequest) prepare(c *Client, op *Op) error {
	if err := r.Connection.prepare(c, op); err != nil {
		return err
	}
	if len(r.Products) == 0 || slices.Contains(r.Products, "") {
		return invalid("RefreshRequest.Products", "is empty or names an empty product")
	}
	op.Product = string(r.Products[0])
	return r.Answers.prepare(op)
}

// RefreshResult has what was asked for, and the state of the products before.
type RefreshResult struct {
	Connection Connection // that of the request, if the adapter leaves it out
	Asked      []Product
	// JobID is the provider's name for this refresh, "" if it has none. Webhooks and the provider's
	// support use it.
	JobID    string
	Products []ProductStatus // their state when the refresh started
}

// Refresh starts fetching from the bank and returns at once. See [Refresher].
func (c *Client) Refresh(ctx context.Context, req RefreshRequest) (RefreshResult, error) {
	res, err := call(ctx, c, &opRefresh, &req, Refresher.Refresh)
	if err == nil {
		res.Asked = slices.Clone(req.Products)
		if res.Connection.credential.IsZero() {
			res.Connection = req.Connection
		}
	}
	return res, err
}

// The first and the longest wait between two questions for the end of a refresh.
const (
	refreshFirst = time.Second
	refreshMax   = 20 * time.Second
)

// AwaitRefresh waits until each product was fetched or has failed, and returns the last status. It
// asks the provider at once, after a second, and then less and less often. It may be repeated.
//
// Give ctx a deadline, because a bank may take minutes. When it has passed, the error is
// [ErrContextDone], and the refresh continues at the provider. A [*PartialError] names the products
// that failed. Other errors are those of [Client.ConnectionStatus]. If that asks the user, answer
// the [Challenge] with [Client.Resume], and call AwaitRefresh again.
func (c *Client) AwaitRefresh(ctx context.Context, started RefreshResult) (StatusResult, error) {
	op := opAwaitRefresh
	if err := started.Connection.prepare(c, &op); err != nil {
		return StatusResult{}, c.describe(&op, err)
	}
	for wait := refreshFirst; ; wait = min(wait*2, refreshMax) {
		res, err := c.ConnectionStatus(ctx, StatusRequest{Connection: started.Connection})
		if err != nil {
			return StatusResult{}, err
		}
		failed, pending := started.compare(res)
		if !pending {
			c.reportRefresh(ctx, op, failed)
			return res, c.partial(&op, &started.Connection, failed)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return res, c.describe(
				&op,
				&Error{Kind: ErrContextDone, Detail: "the refresh is still going on", Err: ctx.Err()},
			)
		}
	}
}

// reportRefresh passes the result of the bank through the interceptors. No single call has shown
// it: Refresh only starts, and the provider itself serves the status. Nothing is sent.
func (c *Client) reportRefresh(ctx context.Context, op Op, failed []Failure) {
	var verdict error
	for _, f := range failed {
		if f.Err.Affects() == ScopeInstitution {
			verdict = f.Err
		}
	}
	if verdict == nil && len(failed) > 0 {
		return // of a connection or a product, not of the bank
	}
	_, _ = Do(ctx, c, op, func(context.Context, Provider) (struct{}, error) { return struct{}{}, verdict })
}

// compare returns which products have failed since, and whether one is still being fetched.
func (r RefreshResult) compare(now StatusResult) (failed []Failure, pending bool) {
	switch now.Connection.Status.State {
	case StateGone:
		return []Failure{{Err: &Error{Kind: ErrGone}}}, false
	case StateReauth:
		return []Failure{{Err: &Error{Kind: ErrReauth, Code: now.Connection.Status.Code}}}, false
	}
	at := func(list []ProductStatus, p Product) ProductStatus {
		i := slices.IndexFunc(list, func(s ProductStatus) bool { return s.Product == p })
		if i < 0 {
			return ProductStatus{Product: p}
		}
		return list[i]
	}
	for _, p := range r.Asked {
		before, after := at(r.Products, p), at(now.Products, p)
		switch {
		case after.RefreshedAt.After(before.RefreshedAt):
		// some failures have no time
		case after.Kind != "" && (after.AttemptedAt.After(before.AttemptedAt) || after.Kind != before.Kind):
			failed = append(
				failed,
				Failure{Product: p, Err: &Error{Kind: after.Kind, Code: after.Code, Detail: "the refresh failed"}},
			)
		case after.Unavailable:
			failed = append(
				failed,
				Failure{
					Product: p,
					Err: &Error{
						Kind:   ErrUnavailable,
						Scope:  ScopeConnection,
						Detail: "the product cannot be refreshed now; what was fetched before can be read",
					},
				},
			)
		default:
			pending = true
		}
	}
	return failed, pending
}
