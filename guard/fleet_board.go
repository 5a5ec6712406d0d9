package guard

// This file shares open circuits between processes.

import (
	"context"
	"sync"
	"time"
)

// boardAge is how old the known circuits may be before a call has them read again.
const boardAge = time.Second

// board has the open circuits of other processes, as of the last reading.
type board struct {
	mu      sync.Mutex
	until   map[string]time.Time // by the name of the circuit
	readAt  time.Time
	reading bool
}

// name returns the name under which an open circuit is stored.
func (k breakerKey) name() string { return place("circuit", k.client, string(k.group), k.institution) }

// openElsewhere returns how long a circuit stays open that another process has opened, zero if none
// has. It does not wait: if its knowledge is old, the board is read in the background.
func (f *Fleet) openElsewhere(key breakerKey) time.Duration {
	if f == nil {
		return 0
	}
	now := time.Now()
	f.board.mu.Lock()
	defer f.board.mu.Unlock()
	if !f.board.reading && now.Sub(f.board.readAt) >= boardAge && f.available() {
		f.board.reading = true
		f.other(f.readBoard)
	}
	if len(f.board.until) == 0 {
		return 0
	}
	return max(f.board.until[key.name()].Sub(now), 0)
}

// readBoard reads the board. Facts that cannot be opened count as absent.
func (f *Fleet) readBoard() {
	facts, err := inBackground(f,
		func(ctx context.Context) (map[string]Fact, error) { return f.backend.Facts(ctx) })
	now := time.Now()
	until := map[string]time.Time{}
	for name, fact := range facts {
		process, ok := f.open(name, fact.Value)
		if ok && string(process) != f.process {
			until[name] = now.Add(fact.TTL)
		}
	}
	f.board.mu.Lock()
	defer f.board.mu.Unlock()
	f.board.reading, f.board.readAt = false, now
	if err == nil {
		f.board.until = until
	}
}

// announceOpen lets the other processes know that a circuit of this process opened. It returns at
// once.
func (f *Fleet) announceOpen(key breakerKey, openFor time.Duration) {
	if f == nil {
		return
	}
	f.other(func() {
		name := key.name()
		sealed, ok := f.seal(name, []byte(f.process))
		if !ok {
			return
		}
		_, _ = inBackground(f, func(ctx context.Context) (struct{}, error) {
			return struct{}{}, f.backend.PutFact(ctx, name, Fact{Value: sealed, TTL: openFor})
		})
	})
}

// other does something at the backend for which no call waits. [Fleet.Flush] does.
func (f *Fleet) other(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.others++
	go func() {
		do()
		f.mu.Lock()
		defer f.mu.Unlock()
		f.others--
	}()
}
