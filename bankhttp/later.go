package bankhttp

// This file stores in the background what exchanges made and the store could not keep.

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/isolate"
	"github.com/bankmux/bankmux/internal/share"
)

// made is what an exchange made.
type made struct {
	payload []byte
	res     bankmux.ExchangeResult
	loose   bool // the request that made it has ended
}

// later is the background work of a service: one goroutine that stores, and one that holds.
type later struct {
	mu     sync.Mutex
	stop   context.CancelFunc // of the goroutines, nil if none is to run
	runs   sync.WaitGroup     // the goroutines
	closed bool
}

// The pauses between two attempts to store what is held. The first is short, because a store that
// was busy is soon free again.
const (
	firstPause = 250 * time.Millisecond
	lastPause  = 5 * time.Second
)

// storeLater goes on trying to store a result, if it is held, or to forget those that ended.
func (s *Service) storeLater(key exchangeKey) {
	if !s.held.change(key, func(one *made) { one.loose = true }) && len(s.ended.every()) == 0 {
		return
	}
	l := &s.later
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stop != nil || l.closed {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	l.runs.Go(func() { s.storeAll(ctx) })
	l.runs.Go(func() { s.holdAll(ctx) })
}

// storeAll tries to store what is held, and to forget what ended, until nothing is left or ctx
// ends.
func (s *Service) storeAll(ctx context.Context) {
	for wait := firstPause; ; wait = min(2*wait, lastPause) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		s.isolated(ctx, "the store", func() {
			s.storeHeld(ctx)
			s.forgetEnded(ctx, "")
		})
		if s.stopIfIdle(ctx) {
			return
		}
	}
}

// holdAll keeps other processes from running the exchanges of what is held, until ctx ends. It does
// not wait for an attempt to store, which may take long.
func (s *Service) holdAll(ctx context.Context) {
	for {
		wait := lastPause
		s.isolated(ctx, "the store", func() {
			for key, one := range s.loose(ctx, "") {
				again, err := s.hold(ctx, key, one)
				if err != nil {
					break // the store cannot be used now, by the other processes perhaps neither
				}
				if again > 0 {
					wait = min(wait, max(again, firstPause))
				}
			}
		})
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// isolated calls code of the application. A panic in it is logged. In a goroutine of this package
// it would end the process.
func (s *Service) isolated(ctx context.Context, subject string, call func()) {
	_, err := isolate.Of(subject, func() (struct{}, error) {
		call()
		return struct{}{}, nil
	})
	if err != nil {
		s.log.LogAttrs(ctx, slog.LevelError, "bankhttp: code of the application panicked", slog.Any("error", err))
	}
}

// hold holds one exchange.
func (s *Service) hold(ctx context.Context, key exchangeKey, one made) (again time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, lastPause)
	defer cancel()
	return s.store.HoldExchange(ctx, key.ref, one.payload)
}

// stopIfIdle ends the background work if nothing is left for it, and reports whether it did.
func (s *Service) stopIfIdle(ctx context.Context) bool {
	s.later.mu.Lock()
	defer s.later.mu.Unlock()
	if len(s.loose(ctx, "")) > 0 || len(s.ended.every()) > 0 {
		return false
	}
	if s.later.stop != nil {
		s.later.stop()
		s.later.stop = nil
	}
	return true
}

// loose returns what is held and no request works on: of a user, or of all users. It forgets those
// whose time is over.
func (s *Service) loose(ctx context.Context, user string) map[exchangeKey]made {
	all := map[exchangeKey]made{}
	for key, one := range s.held.every() {
		switch {
		case user != "" && user != key.ref.User:
		case !time.Now().Before(one.until):
			if s.held.drop(key) { // once, for it is logged
				s.allStayOpen(ctx, key, one.res.res, errHeldTooLong)
			}
		case one.res.loose:
			all[key] = one.res
		}
	}
	return all
}

// errHeldTooLong is the reason why a result is forgotten.
var errHeldTooLong = errors.New("the store could not keep it for an hour")

// storeHeld tries to store each held result once. It stops at a store that cannot be used.
func (s *Service) storeHeld(ctx context.Context) {
	for key, one := range s.loose(ctx, "") {
		err := s.storeOne(ctx, key, one, true)
		if err != nil {
			s.log.LogAttrs(ctx, slog.LevelWarn, "bankhttp: the result of an exchange waits for the store",
				slog.Any("error", err))
		}
		if errors.Is(err, KindStore) {
			return
		}
	}
}

// storeOne tries to store a held result, and may announce its connections. If the user was deleted
// meanwhile, it ends their access.
func (s *Service) storeOne(ctx context.Context, key exchangeKey, one made, announce bool) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.HandleFor/2)
	defer cancel()
	stored, err := s.store.Exchange(ctx, key.ref, one.payload,
		func(context.Context) (bankmux.ExchangeResult, error) {
			if now, ok := s.held.get(key); ok {
				return now.res, nil
			}
			return bankmux.ExchangeResult{}, errNotHeld
		})
	if err != nil {
		_, err = s.settle(ctx, key, one, stored, err)
		if _, ok := s.held.get(key); !ok {
			return nil // its access has ended, or another request has stored it
		}
		return err
	}
	if announce { // before it is forgotten: no user posts it again
		for _, conn := range stored.All() {
			if err := s.announce(ctx, conn); err != nil {
				return err
			}
		}
	}
	s.dropped(ctx, key, one, stored)
	return nil
}

// errNotHeld is the error for a result that another request has settled meanwhile.
var errNotHeld = &bankmux.Error{Kind: bankmux.ErrTokenSpent, Detail: "the result is not held any more", NotSent: true}

// endHeld stores what is held of a user, so that the user can be deleted with it. What cannot be
// stored is ended at the provider. The error has what is left.
func (s *Service) endHeld(ctx context.Context, user string) error {
	held := s.loose(ctx, user)
	parts := len(held) + 1
	var left incomplete
	for key, one := range held {
		left.join(share.Of(ctx, parts, func(ctx context.Context) error { return s.endOneHeld(ctx, key, one) }))
		parts--
	}
	return left.orNil()
}

// endOneHeld stores one result, or ends its access.
func (s *Service) endOneHeld(ctx context.Context, key exchangeKey, one made) error {
	store := func(ctx context.Context) error { return s.storeOne(ctx, key, one, false) }
	if share.Of(ctx, 2, store) == nil {
		return nil
	}
	err := s.endAll(ctx, one.res.All(), func(ctx context.Context, conn bankmux.Connection) error {
		return s.disconnect(ctx, conn)
	})
	if err == nil {
		s.accessEnded(ctx, key, one)
	}
	return err
}

// accessEnded forgets a result whose access has ended. Its payload is kept until the store has
// forgotten the exchange too. The store does not forget one that may have opened a further access.
func (s *Service) accessEnded(ctx context.Context, key exchangeKey, one made) {
	unknown := func(f bankmux.Failure) bool { return f.Err != nil && !bankmux.OutcomeKnown(f.Err) }
	known := one.res.Spent == 0 && !slices.ContainsFunc(one.res.Failed, unknown)
	if known && !s.ended.put(key, one.payload) {
		_ = s.forget(ctx, key, one.payload) // without room it is tried once
	}
	s.held.drop(key)
}

// forgetEnded lets the store forget the exchanges whose access has ended: of a user, or of all
// users. What it cannot forget now, it forgets later.
func (s *Service) forgetEnded(ctx context.Context, user string) {
	for key, one := range s.ended.every() {
		switch {
		case user != "" && user != key.ref.User:
		case !time.Now().Before(one.until):
			s.ended.drop(key)
		case s.forget(ctx, key, one.res) == nil:
			s.ended.drop(key)
		default:
			return // the store cannot be used now
		}
	}
}

// forget ends an exchange whose access has ended. If it was not stored before, its claim ends with
// an error. It goes from the list of its user, who may be deleted.
func (s *Service) forget(ctx context.Context, key exchangeKey, payload []byte) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.HandleFor/2)
	defer cancel()
	_, err := s.store.Exchange(ctx, key.ref, payload,
		func(context.Context) (bankmux.ExchangeResult, error) { return bankmux.ExchangeResult{}, errNotHeld })
	if !errors.Is(err, KindStore) && !errors.Is(err, bankmux.ErrNotReady) {
		err = s.store.ForgetExchange(ctx, key.ref, payload)
	}
	if err != nil {
		s.log.LogAttrs(ctx, slog.LevelWarn, "bankhttp: an exchange whose access has ended stays listed",
			slog.Any("error", err))
	}
	return err
}

// Close ends the background work, after one more attempt to store what exchanges made and the store
// could not keep. Call it when no request runs any more, such as after [http.Server.Shutdown]. It
// ends with ctx, if the store does. That of package store may store a result for ten seconds more.
//
// The error has what the store could not keep: a one-time token is spent, and the access at the
// provider stays open. The log names the sessions. Without such a result Close does nothing.
func (s *Service) Close(ctx context.Context) error {
	s.later.mu.Lock()
	s.later.closed = true
	stop := s.later.stop
	s.later.mu.Unlock()
	if stop != nil {
		stop()
	}
	s.later.runs.Wait() // one may still work although it was stopped before
	s.forgetEnded(ctx, "")
	var all []error
	for key, one := range s.loose(ctx, "") {
		if err := s.storeOne(ctx, key, one, true); err != nil {
			all = append(all, err)
			s.allStayOpen(ctx, key, one.res, err)
		}
	}
	return errors.Join(all...)
}
