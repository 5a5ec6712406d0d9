package store

// This file remembers claims of exchanges whose end the database does not have.

import (
	"context"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
)

// endedClaims are claims whose work ended in this process, although the database still shows them.
// A further call here need not wait until their leases end.
type endedClaims struct {
	mu  sync.Mutex
	all map[string]endedClaim // by exchange
}

type endedClaim struct {
	holder string
	doubt  bool      // it ended in doubt
	until  time.Time // when it is forgotten at the latest
}

// endedFor is how long a claim is remembered after its lease. It is as long as package bankhttp
// holds a result, because the database may be away for longer than a lease.
const endedFor = time.Hour

// add remembers a claim.
func (e *endedClaims) add(id string, claim endedClaim, now time.Time, lease time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for other, one := range e.all {
		if now.After(one.until) {
			delete(e.all, other)
		}
	}
	if e.all == nil {
		e.all = map[string]endedClaim{}
	}
	claim.until = now.Add(lease + endedFor)
	e.all[id] = claim
}

// extend remembers a claim for longer, if no later one of the exchange has ended.
func (e *endedClaims) extend(id, holder string, now time.Time, lease time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if one, ok := e.all[id]; ok && one.holder == holder {
		one.until = now.Add(lease + endedFor)
		e.all[id] = one
	}
}

// of returns the claim of a holder whose work ended. It reports whether there is one.
func (e *endedClaims) of(id, holder string) (endedClaim, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if one, ok := e.all[id]; ok && one.holder == holder {
		return one, true
	}
	return endedClaim{}, false
}

// holderOf returns the holder of a claim whose work ended, "" if there is none.
func (e *endedClaims) holderOf(id string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.all[id].holder
}

// HoldExchange says that this process still has the result of an exchange, which [Store.Exchange]
// could not store. It extends the lease of the exchange to [Limits.Lease] from now. So no other
// process runs the exchange, and [Store.Unfinished] does not list it. Call it again after the
// duration that it returns, a third of the lease.
//
// An exchange whose result this process does not have is left as it is. HoldExchange may be
// repeated.
func (s *Store) HoldExchange(
	ctx context.Context, ref bankmux.SessionRef, payload []byte,
) (again time.Duration, err error) {
	id := exchangeID(ref, payload)
	again = s.limits.Lease / 3
	holder := s.endedClaims.holderOf(id)
	if holder == "" {
		return again, nil
	}
	now := s.now()
	err = s.write(ctx, "HoldExchange", func(w *work) error {
		_, err := w.exec(ctx, "UPDATE bankmux_exchanges SET held_until = $1"+
			" WHERE id = $2 AND user_id = $3 AND holder = $4",
			now.Add(s.limits.Lease).UnixMilli(), id, plainText(ref.User), holder)
		return err
	})
	if err == nil {
		s.endedClaims.extend(id, holder, now, s.limits.Lease)
	}
	return again, err
}
