package bankhttp

// This file has the handler for the user's answers to a bank.

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/bankmux/bankmux"
)

// answers is the body of Answer: one text for each input in their order, or that the user gave up.
type answers struct {
	texts   []string
	abandon bool
}

// Answer handles POST of the user's answers to a [Challenge], which the path names as {challenge}.
// The body is {"answers": ["123456"]} with one text for each input, or {"abandon": true}.
//
// The call that the bank interrupted goes on, and what it reads is stored. The response has the
// accounts of the connection as [Service.ReadAccounts] returns them, or for a sync what
// [Service.Sync] returns. After any other call, and after abandon, the status is 204. If the bank
// asks again, the problem has the next challenge.
//
// The answers are sent to the bank once. If a read certainly did not send them, because the
// provider is down, the problem has the challenge again under a new id. A sync asks the bank again.
// If the store fails after the answers were sent, post them again: what the bank returned is then
// stored. After a sync, or if the process has ended meanwhile, the error of that is
// [bankmux.ErrChallengeExpired], and the data must be read again.
func (s *Service) Answer() http.Handler {
	return s.user(http.MethodPost, "challenge", func(ctx context.Context, r *request) (any, error) {
		var in answers
		if err := s.object(ctx, r, members{"answers": &in.texts, "abandon": &in.abandon}); err != nil {
			return nil, err
		}
		key := answerKey{r.user, r.param}
		if a, ok := s.answered.take(key); ok {
			ctx, cancel := s.lasting(ctx)
			defer cancel()
			return s.resume(ctx, key, a)
		}
		ch, err := s.store.Challenge(ctx, key.user, key.challenge)
		if err != nil {
			return nil, err
		}
		given, err := in.to(ch)
		if err != nil {
			return nil, err
		}
		conn, err := s.store.Connection(ctx, r.user, ch.Connection)
		if err != nil {
			return nil, err
		}
		ctx, cancel := s.lasting(ctx)
		defer cancel()
		if err := s.store.CloseChallenge(ctx, key.user, key.challenge); err != nil {
			return nil, err
		}
		return s.resume(ctx, key, answered{conn: conn, given: given})
	})
}

// to pairs the texts with the inputs of a challenge.
func (a answers) to(ch bankmux.Challenge) (*bankmux.Answers, error) {
	switch {
	case a.abandon && len(a.texts) == 0:
		return ch.Abandon(), nil
	case a.abandon || len(a.texts) != len(ch.Inputs) || slices.Contains(a.texts, ""):
		return nil, refused("answers", "are not one text for each input")
	}
	return ch.Answer(a.texts...), nil
}

// reopened adds a challenge to the error of a call that certainly did not send the answers, and may
// do so later.
func reopened(err error, ch bankmux.Challenge) error {
	e := bankmux.ErrorOf(err)
	if e == nil || e.Challenge != nil || !e.NotSent || errors.Is(err, KindStore) {
		return err
	}
	switch e.Kind {
	case bankmux.ErrUnavailable, bankmux.ErrCircuitOpen, bankmux.ErrInstitution, bankmux.ErrRateLimited,
		bankmux.ErrContextDone:
		again := *e
		again.Challenge = &ch
		return &again
	}
	return err
}

// answerKey names a challenge of a user.
type answerKey struct{ user, challenge string }

// answered is a call whose challenge is closed.
type answered struct {
	conn   bankmux.Connection
	given  *bankmux.Answers
	held   bool // since an earlier request
	ofSync bool // the call was a sync
	sent   bool // what follows is the result of the call
	res    bankmux.Resumed
	err    error
}

// resume makes the call again that the bank interrupted, and stores its result. If the store fails,
// it holds the call for a request that is posted again.
func (s *Service) resume(ctx context.Context, key answerKey, a answered) (any, error) {
	out, err := s.resumed(ctx, &a)
	if errors.Is(err, KindStore) && !a.ofSync {
		s.answered.prune()
		a.held = true
		s.answered.put(key, a)
	}
	return out, err
}

// resumed makes a call that was not sent yet, and stores its result.
func (s *Service) resumed(ctx context.Context, a *answered) (any, error) {
	client, err := s.clientFor(a.conn)
	if err != nil {
		return nil, err
	}
	if !a.sent {
		if a.held {
			if err := s.hasLogin(ctx, a.conn); err != nil {
				return nil, err
			}
		}
		if a.ofSync, err = s.interruptedSync(ctx, a.conn, &a.given.Challenge); err != nil {
			return nil, err
		}
		if a.ofSync {
			return s.resumeSync(ctx, a)
		}
		a.res, a.err = ask(ctx, client.Resume, bankmux.ResumeRequest{Connection: a.conn, Answers: a.given})
		a.sent = true
	}
	if a.given.Abandoned {
		return noContent{}, unlessCancelled(a.err)
	}
	return s.storeResumed(ctx, client, a)
}

// resumeSync lets a sync go on. It asks the bank again if the store fails.
func (s *Service) resumeSync(ctx context.Context, a *answered) (any, error) {
	if a.given.Abandoned {
		_, err := s.syncAll(ctx, a.conn, syncOptions{answers: a.given})
		return noContent{}, unlessCancelled(err)
	}
	return s.syncState(ctx, a.conn, syncOptions{answers: a.given})
}

// storeResumed stores the result of a call.
func (s *Service) storeResumed(ctx context.Context, client *bankmux.Client, a *answered) (any, error) {
	err := reopened(a.err, a.given.Challenge)
	var failed []failure
	switch {
	case a.res.Accounts != nil:
		failed, err = s.afterAccounts(ctx, client, a.conn, *a.res.Accounts, err)
	case a.res.Balances != nil:
		failed, err = s.afterResumed(ctx, client, a.conn, *a.res.Balances, err)
	case a.res.Cards != nil:
		failed, err = s.afterCards(ctx, client, a.conn, *a.res.Cards, err)
	case a.res.Status != nil && err == nil:
		return noContent{}, s.keep(ctx, a.res.Status.Connection)
	case err == nil:
		return noContent{}, nil
	}
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(failed, failure.ofCall); i >= 0 { // the bank asks again, or rejects the answer
		return nil, failed[i].err
	}
	return s.accountsOf(ctx, a.conn.User, a.conn.ID, failed)
}

// afterResumed stores balances. Those of accounts come before the cards, which are read then.
func (s *Service) afterResumed(
	ctx context.Context, client *bankmux.Client, conn bankmux.Connection, read bankmux.BalancesResult, err error,
) ([]failure, error) {
	failed, err := s.afterBalances(ctx, conn, nil, read, err)
	ofCards := slices.ContainsFunc(read.Balances, func(b bankmux.AccountBalances) bool { return b.Card })
	if err != nil || slices.ContainsFunc(failed, failure.ofCall) || len(read.Balances) == 0 || ofCards {
		return failed, err
	}
	more, err := s.readCards(ctx, client, conn)
	return append(failed, more...), err
}

// interruptedSync reports whether the challenge interrupted a sync, which waits for the answers.
func (s *Service) interruptedSync(ctx context.Context, conn bankmux.Connection, ch *bankmux.Challenge) (bool, error) {
	if ch.Op == bankmux.OpSyncAll {
		return true, nil
	}
	state, err := s.store.SyncState(ctx, conn)
	if err != nil {
		return false, unlessDeleted(err)
	}
	return state.Challenge != nil && state.Challenge.ID == ch.ID, nil
}

// unlessCancelled ignores the error that a call with an abandoned challenge always has.
func unlessCancelled(err error) error {
	if e := bankmux.ErrorOf(err); e != nil && e.Kind == bankmux.ErrUserAction && e.Code == bankmux.CodeCancelled {
		return nil
	}
	return err
}
