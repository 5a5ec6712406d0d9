package guard

import (
	"context"
	"sync"

	"github.com/bankmux/bankmux"
)

// OnePerConnection lets one call at a time use a connection. Other calls on it wait in the order in
// which they came. If the context of a waiting call ends, the error is [bankmux.ErrContextDone]
// with NotSent set. Calls without a connection and local operations do not wait.
//
// Dapi needs this: if two calls use one token at the same time, Dapi fails both. The queue is in
// the memory of this process, so calls of other processes do not wait. A guard with a [Fleet] makes
// them wait too. The queue has an entry only for connections that are in use.
func OnePerConnection() bankmux.Interceptor {
	return joined(onePerConnection())
}

//go:noinline
func onePerConnection() link {
	q := &turnTable{turns: map[connectionKey]*turn{}}
	return func(ctx context.Context, op *bankmux.Op, next step) error {
		if op.Connection == "" || op.Effect == bankmux.Local {
			return next.run(ctx)
		}
		t, err := q.enter(ctx, op)
		if err != nil {
			return err
		}
		defer q.exit(op, t)
		return next.run(ctx)
	}
}

// enter waits for the turn of a call.
func (q *turnTable) enter(ctx context.Context, op *bankmux.Op) (*turn, error) {
	key := connectionKey{op.Client, op.Connection}
	t := q.join(key)
	select {
	case t.free <- struct{}{}:
		return t, nil
	case <-ctx.Done():
		q.leave(key, t)
		return nil, busy(ctx.Err())
	}
}

// exit ends the turn of a call.
//
//go:noinline
func (q *turnTable) exit(op *bankmux.Op, t *turn) {
	<-t.free
	q.leave(connectionKey{op.Client, op.Connection}, t)
}

// busy is the error of a call whose context ended while it waited for its turn.
func busy(err error) error {
	return &bankmux.Error{
		Kind: bankmux.ErrContextDone, Detail: "the connection was busy with another call",
		NotSent: true, Err: err,
	}
}

// turnTable has the connections that calls use or wait for.
type turnTable struct {
	mu    sync.Mutex
	turns map[connectionKey]*turn
}

// turn is held by the call that uses the connection. Waiting calls block when they send to free, in
// the order in which they came.
type turn struct {
	free  chan struct{}
	users int
}

// join counts a call as a user of a connection.
func (q *turnTable) join(key connectionKey) *turn {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := q.turns[key]
	if t == nil {
		t = &turn{free: make(chan struct{}, 1)}
		q.turns[key] = t
	}
	t.users++
	return t
}

// leave ends what join started, and forgets a connection without users.
func (q *turnTable) leave(key connectionKey, t *turn) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t.users--; t.users == 0 {
		delete(q.turns, key)
	}
}
