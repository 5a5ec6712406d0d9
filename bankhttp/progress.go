package bankhttp

// This file remembers how far the syncs of this process have come.

import (
	"sync"

	"github.com/bankmux/bankmux"
)

// runs are the syncs that run now.
type runs struct {
	mu  sync.Mutex
	all map[string]*run // by connection, the latest
}

// run is one sync.
type run struct{ now bankmux.SyncProgress }

// start adds a sync of a connection.
func (r *runs) start(conn string) *run {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[string]*run{}
	}
	one := &run{}
	r.all[conn] = one
	return one
}

// set stores the progress of a sync.
func (r *runs) set(one *run, p bankmux.SyncProgress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	one.now = p
}

// end removes a sync, unless a later one of the connection has taken its place.
func (r *runs) end(conn string, one *run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all[conn] == one {
		delete(r.all, conn)
	}
}

// of returns the progress of the connection's sync, nil if none runs.
func (r *runs) of(conn string) *progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	one, ok := r.all[conn]
	if !ok {
		return nil
	}
	p := one.now
	return &progress{Account: p.Account, From: p.From, To: p.To, Rows: p.Rows, Done: p.Done, Total: p.Total}
}
