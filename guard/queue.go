package guard

import (
	"context"
	"sync"

	"github.com/bankmux/bankmux"
)

// OnePerConnection lets one call at a time through for each connection; the others wait their turn
// or until their context ends ([bankmux.ErrContextDone], nothing sent). Dapi fails all calls on a
// token that is used by two at once. Calls without a connection and local ones pass. It remembers
// only connections with calls under way.
func OnePerConnection() bankmux.Interceptor {
	q := turnTable{turns: map[string]*turn{}}
	return func(ctx context.Context, op bankmux.Op, next func(context.Context) error) error {
		if op.Connection == "" || op.Effect == bankmux.Local {
			return next(ctx)
		}
		key := op.Client + "\x00" + op.Connection
		t := q.join(key)
		defer q.leave(key, t)
		select {
		case t.free <- struct{}{}:
		case <-ctx.Done():
			return &bankmux.Error{
				Kind: bankmux.ErrContextDone, Detail: "the connection was busy with another call",
				NotSent: true, Err: ctx.Err(),
			}
		}
		defer func() { <-t.free }()
		return next(ctx)
	}
}

type turnTable struct {
	mu    sync.Mutex
	turns map[string]*turn
}

// turn is held by the call under way; those waiting block on sending, in the order they came.
type turn struct {
	free  chan struct{}
	users int
}

func (q *turnTable) join(key string) *turn {
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

func (q *turnTable) leave(key string, t *turn) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t.users--; t.users == 0 {
		delete(q.turns, key)
	}
}
