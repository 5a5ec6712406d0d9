package guard

// This file shares the counts of budgets between processes.

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
)

// budgetChunk is what this process took of a shared count and has not used.
// A process keeps one for each connection that it has called in the window, so it is small.
type budgetChunk struct {
	until        time.Time     // the end of the window by the fleet's clock
	asking       chan struct{} // held by the call that asks the fleet for all that wait, nil if none does
	night, users int32         // for any call, and for calls with a user
	waiting      int32         // calls that ask or wait

	// There is nothing left in the window for calls without a user, and for any call.
	nightDry, allDry bool
}

// dry reports whether the shared count has nothing left for such a call.
func (k *budgetChunk) dry(who caller) bool {
	switch {
	case k.night > 0, k.users > 0 && !who.absent:
		return false
	case who.absent:
		return k.nightDry
	}
	return k.allDry
}

// spend takes a call from the chunk and returns the part from which it was taken, nil if there was
// none. A call with a user may use what is meant for any call.
func (k *budgetChunk) spend(who caller) (part *int32) {
	switch {
	case k.night > 0:
		part = &k.night
	case k.users > 0 && !who.absent:
		part = &k.users
	default:
		return nil
	}
	*part--
	return part
}

// sharedCount is what a call needs to count in all processes together.
type sharedCount struct {
	*budgetCount

	fleet *Fleet
	key   uint64
}

// count counts a call in all processes together. It returns the budget that does not allow the
// call, nil if all do. It asks the backend for all budgets at once. So a slow backend has time for
// them.
func (f *Fleet) count(ctx context.Context, counted []countedCall, op *bankmux.Op, who caller) *budgetCount {
	unknown := 0
	for i := range counted {
		call := &counted[i]
		_, part, known := (&sharedCount{call.count, f, call.key}).spend(who)
		switch call.part = part; {
		case known && part == nil:
			return call.count
		case !known:
			unknown++
		}
	}
	if unknown == 0 {
		return nil
	}
	type result struct {
		part    *int32
		refused bool
	}
	results := make([]result, len(counted)) // counted stays on the stack of the caller
	var all sync.WaitGroup
	for i, call := range counted {
		if call.part != nil {
			continue
		}
		all.Go(func() {
			part, allowed := (&sharedCount{call.count, f, call.key}).take(ctx, op, who)
			results[i] = result{part, !allowed}
		})
	}
	all.Wait()
	var refused *budgetCount
	alone, now := 0, time.Now() // a margin may have started while the backend worked
	for i := range counted {
		call, r := &counted[i], results[i]
		if r.part != nil {
			call.part = r.part
		}
		switch {
		case refused != nil:
		case r.refused, call.count.apart(now).After(now):
			refused = call.count
		case call.part == nil:
			alone++
		}
	}
	if alone > 0 && refused == nil && ctx.Err() == nil {
		f.countAlone(&f.stats.Uncounted, alone)
	}
	return refused
}

// take counts a call and returns the part of the chunk from which it was taken. If the fleet does
// not respond, the process judges alone: take then allows the call, without a part.
func (s *sharedCount) take(ctx context.Context, op *bankmux.Op, who caller) (part *int32, allowed bool) {
	chunk, part, known := s.spend(who)
	if known {
		return part, part != nil
	}
	asking := s.join(chunk)
	defer s.leave(chunk)
	a := s.fleet.allowanceFrom(ctx)
	inner, end := a.Wait(ctx, a.Left())
	select { // one call asks for all that wait
	case asking <- struct{}{}:
		defer func() { <-asking }()
		end()
	case <-inner.Done():
		end()
		return nil, true // it has waited long enough, or the call ends by itself
	}
	for {
		if chunk, part, known = s.spend(who); known {
			return part, part != nil
		}
		if !s.ask(ctx, op, chunk) {
			return nil, true
		}
	}
}

// join counts a call among those that ask or wait, and returns what the one that asks holds.
func (s *sharedCount) join(chunk *budgetChunk) (asking chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if chunk.asking == nil {
		chunk.asking = make(chan struct{}, 1)
	}
	chunk.waiting++
	return chunk.asking
}

// leave undoes join.
func (s *sharedCount) leave(chunk *budgetChunk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if chunk.waiting--; chunk.waiting == 0 {
		chunk.asking = nil
	}
}

// spend spends what was taken before. known is false if the fleet must be asked.
func (s *sharedCount) spend(who caller) (chunk *budgetChunk, part *int32, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	chunk = s.chunks[s.key]
	if chunk == nil || !now.Before(chunk.until) {
		_, ends := windowAt(now, s.Window, s.Offset)
		chunk = s.startChunk(ends)
	}
	part = chunk.spend(who)
	return chunk, part, part != nil || chunk.dry(who)
}

// startChunk replaces the chunk of an earlier window. The caller has locked mu.
func (s *sharedCount) startChunk(until time.Time) *budgetChunk {
	chunk := &budgetChunk{until: until}
	s.chunks[s.key] = chunk
	return chunk
}

// ask takes a fiftieth from the fleet, or one for each call that waits if those are more. It takes
// of the reserve only when the rest is used up. So processes leave little unused, and the reserve
// least of all. It reports false if the fleet did not respond.
func (s *sharedCount) ask(ctx context.Context, op *bankmux.Op, chunk *budgetChunk) bool {
	s.mu.Lock()
	waiting, ofReserve := int64(chunk.waiting), chunk.nightDry
	s.mu.Unlock()
	limit, part := int64(s.night), int64(s.night)
	if ofReserve {
		limit, part = int64(s.Limit), int64(s.Limit)-limit
	}
	asked := time.Now() // the window may have ended when the response arrives
	taken, ok := s.fleet.take(ctx, Take{
		Key: s.name(op), N: max(part/50, waiting, 1), Limit: limit, Window: s.Window, Offset: s.Offset,
	})
	if !ok {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	until := asked.Add(taken.Ends)
	if until.Sub(chunk.until) > s.Window/2 { // the fleet's next window has started
		chunk = s.startChunk(until)
	}
	chunk.until = until
	switch {
	case taken.N > 0 && ofReserve:
		chunk.users += int32(taken.N) //nolint:gosec // at most what was asked for
	case taken.N > 0:
		chunk.night += int32(taken.N) //nolint:gosec // at most what was asked for
	default:
		chunk.nightDry = true
		chunk.allDry = ofReserve || limit == int64(s.Limit)
	}
	return true
}

// name names the shared count. A process of another version may have another window for the budget,
// so the name has it. The provider's id of a login may open something, so the name has its digest.
func (s *sharedCount) name(op *bankmux.Op) string {
	k, item := s.keyOf(op), ""
	if !k.item.IsZero() {
		sum := sha256.Sum256([]byte("bankmux budget " + k.item.Reveal()))
		item = hex.EncodeToString(sum[:20])
	}
	return place(
		"budget", s.Name, s.Window.String(), s.Offset.String(), k.client, k.connection, item, k.institution, k.product,
	)
}
