package riversync

// This file keeps workers free for banks that respond, while others hang. It needs no statement of
// the database.

import (
	"context"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
)

// workers are those of this process. A run is silent if it has stored nothing for the patience. A
// client or a bank hangs if its silent runs reach its share of the workers. It has no more runs
// than its share then, until one of them gets data or succeeds.
type workers struct {
	all      int // that River has
	patience time.Duration

	mu   sync.Mutex
	busy int
	at   map[place]*presence
}

// place is a client, or one of its banks.
type place struct{ client, bank string }

// presence is what runs at a place.
type presence struct {
	runs, silent int
	hangs        bool
}

func newWorkers(all int, patience time.Duration) *workers {
	return &workers{all: all, patience: patience, at: map[place]*presence{}}
}

// share returns how many runs a place may have that hangs. It is a quarter of the workers for a
// client, and an eighth for a bank.
func (w *workers) share(p place) int {
	if p.bank == "" {
		return max(w.all/4, 1)
	}
	return max(w.all/8, 1)
}

// turn is a run that has a worker.
type turn struct {
	workers *workers
	places  []place
	timer   *time.Timer
	end     context.CancelCauseFunc
	silent  bool
	over    bool // it left, or it shall
}

// enter gives a run the worker in which it is. The context ends if another run needs the worker
// more: see quiet. The error is [bankmux.ErrCircuitOpen] if the client or the bank hangs, and has
// its share.
func (w *workers) enter(ctx context.Context, conn *bankmux.Connection) (context.Context, *turn, error) {
	t := &turn{workers: w, places: []place{{client: conn.Client}}}
	if conn.Institution.ID != "" {
		t.places = append(t.places, place{conn.Client, conn.Institution.ID})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range t.places {
		if at := w.at[p]; at != nil && at.hangs && at.runs >= w.share(p) {
			return ctx, nil, &bankmux.Error{
				Kind: bankmux.ErrCircuitOpen, Provider: conn.Provider, Client: conn.Client, Connection: conn.ID,
				Detail: "its runs get no data, and have their share of the workers", NotSent: true,
			}
		}
	}
	w.busy++
	for _, p := range t.places {
		if w.at[p] == nil {
			w.at[p] = &presence{}
		}
		w.at[p].runs++
	}
	ctx, t.end = context.WithCancelCause(ctx)
	t.timer = time.AfterFunc(w.patience, t.quiet)
	return ctx, t, nil
}

// errSilent is the cause of a context that quiet ended.
var errSilent = &bankmux.Error{
	Kind: bankmux.ErrUnavailable, Detail: "no data arrived for long, and other connections need the worker",
}

// quiet notes that a run is silent. If all workers are busy and its client or its bank has more
// silent runs than its share, it ends the run.
func (t *turn) quiet() {
	w := t.workers
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.over {
		return
	}
	t.mute(true)
	for _, p := range t.places {
		if w.at[p].silent > w.share(p) && w.busy >= w.all {
			t.over = true
			t.mute(false)
			t.end(errSilent)
			return
		}
	}
	for _, p := range t.places {
		at := w.at[p]
		at.hangs = at.hangs || at.silent >= w.share(p)
	}
	t.timer.Reset(max(w.patience/4, time.Millisecond))
}

// mute changes whether the run counts as silent.
func (t *turn) mute(silent bool) {
	if t.silent == silent {
		return
	}
	t.silent = silent
	for _, p := range t.places {
		if silent {
			t.workers.at[p].silent++
		} else {
			t.workers.at[p].silent--
		}
	}
}

// hears notes that the run got data.
func (t *turn) hears() {
	w := t.workers
	w.mu.Lock()
	defer w.mu.Unlock()
	if !t.over {
		t.responds()
		t.timer.Reset(w.patience)
	}
}

// responds notes that client and bank do not hang.
func (t *turn) responds() {
	t.mute(false)
	for _, p := range t.places {
		t.workers.at[p].hangs = false
	}
}

// leave gives the worker back after a run, which went well or not.
func (t *turn) leave(well bool) {
	w := t.workers
	w.mu.Lock()
	defer w.mu.Unlock()
	t.over = true
	t.timer.Stop()
	t.end(nil)
	if well {
		t.responds()
	}
	t.mute(false)
	w.busy--
	for _, p := range t.places {
		at := w.at[p]
		if at.runs--; at.runs == 0 && !at.hangs {
			delete(w.at, p)
		}
	}
}
