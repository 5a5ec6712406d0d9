package redis

// This file has the methods of the backend.

import (
	"context"
	"time"

	"github.com/bankmux/bankmux/guard"
)

// Acquire implements [guard.Leases].
func (b *Backend) Acquire(ctx context.Context, c guard.Claim) (guard.Lease, error) {
	got, err := b.run(ctx, "Acquire", acquireScript, b.leaseKeys(c.Key),
		c.Holder, c.TTL.Microseconds(), c.Place.Microseconds())
	if err != nil {
		return guard.Lease{}, err
	}
	n, err := got.numbers("Acquire", 0, 2)
	if err != nil {
		return guard.Lease{}, err
	}
	lease := guard.Lease{Fence: n[0]}
	if value, ok := got[1].(string); ok {
		lease.Fact = guard.Fact{Value: []byte(value), TTL: duration(n[1])}
	}
	return lease, nil
}

// Release implements [guard.Leases].
func (b *Backend) Release(ctx context.Context, r guard.Release) (bool, error) {
	fact, change := guard.Fact{}, "keep"
	switch {
	case r.Fact == nil:
	case r.Fact.Value == nil:
		change = "remove"
	default:
		fact, change = *r.Fact, "put"
	}
	got, err := b.run(ctx, "Release", releaseScript, b.leaseKeys(r.Key),
		r.Holder, r.Fence, change, fact.Value, fact.TTL.Microseconds())
	if err != nil {
		return false, err
	}
	n, err := got.numbers("Release", 0)
	return err == nil && n[0] == 1, err
}

func (b *Backend) leaseKeys(key string) []string {
	return b.keys("lease", key, "", ":queue", ":places")
}

// PutFact implements [guard.Facts].
func (b *Backend) PutFact(ctx context.Context, name string, f guard.Fact) error {
	_, err := b.run(ctx, "PutFact", putScript, b.factKeys(), name, f.Value, f.TTL.Microseconds())
	return err
}

// Facts implements [guard.Facts].
func (b *Backend) Facts(ctx context.Context) (map[string]guard.Fact, error) {
	got, err := b.run(ctx, "Facts", factsScript, b.factKeys())
	if err != nil {
		return nil, err
	}
	all := make(map[string]guard.Fact, len(got)/3)
	for ; len(got) >= 3; got = got[3:] {
		name, _ := got[0].(string)
		value, stored := got[1].(string)
		n, err := got.numbers("Facts", 2)
		if err != nil {
			return nil, err
		}
		if stored {
			all[name] = guard.Fact{Value: []byte(value), TTL: duration(n[0])}
		}
	}
	return all, nil
}

func (b *Backend) factKeys() []string { return b.keys("facts", "", "", ":order") }

// maxCount is the greatest number that a script counts exactly. Budgets have smaller ones.
const maxCount = int64(1) << 52

// Take implements [guard.Counters].
func (b *Backend) Take(ctx context.Context, t guard.Take) (guard.Taken, error) {
	if t.Window < time.Millisecond {
		return guard.Taken{}, failure("Take", errWindow)
	}
	got, err := b.run(ctx, "Take", takeScript, b.keys("count", t.Key, ""),
		min(t.N, maxCount), min(t.Limit, maxCount), t.Window.Milliseconds(), t.Offset.Milliseconds())
	if err != nil {
		return guard.Taken{}, err
	}
	n, err := got.numbers("Take", 0, 1)
	if err != nil {
		return guard.Taken{}, err
	}
	return guard.Taken{N: n[0], Ends: duration(n[1])}, nil
}

// seenFor is how long a delivery is remembered. The adapters refuse those older than a day.
const seenFor = 25 * time.Hour

// Seen reports whether a webhook delivery was marked within the last 25 hours. It is a method of
// [inbox.Seen].
func (b *Backend) Seen(ctx context.Context, key string) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, failure("Seen", err)
	}
	n, err := b.client.Exists(ctx, b.keys("seen", key, "")...).Result()
	if err != nil {
		return false, failure("Seen", err)
	}
	return n == 1, nil
}

// Mark remembers a webhook delivery. It is a method of [inbox.Seen]. If Redis loses its data, a
// delivery is handled again.
func (b *Backend) Mark(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return failure("Mark", err)
	}
	if err := b.client.Set(ctx, b.keys("seen", key, "")[0], 1, seenFor).Err(); err != nil {
		return failure("Mark", err)
	}
	return nil
}
