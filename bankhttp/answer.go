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
	Answers []string `json:"answers"`
	Abandon bool     `json:"abandon"`
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
func (s *Service) Answer() http.Handler {
	return s.user(http.MethodPost, func(ctx context.Context, r *request) (any, error) {
		var in answers
		if err := s.object(ctx, r, &in); err != nil {
			return nil, err
		}
		id := r.param("challenge")
		ch, err := s.store.Challenge(ctx, r.user, id)
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
		if err := s.store.CloseChallenge(ctx, r.user, id); err != nil {
			return nil, err
		}
		return s.resume(ctx, conn, given)
	})
}

// to pairs the texts with the inputs of a challenge.
func (a answers) to(ch bankmux.Challenge) (*bankmux.Answers, error) {
	switch {
	case a.Abandon && len(a.Answers) == 0:
		return ch.Abandon(), nil
	case a.Abandon || len(a.Answers) != len(ch.Inputs) || slices.Contains(a.Answers, ""):
		return nil, refused("the answers are not one text for each input")
	}
	return ch.Answer(a.Answers...), nil
}

// reopened adds a challenge to the error of a call that certainly did not send the answers, and may
// do so later.
func reopened(err error, ch bankmux.Challenge) error {
	e := bankmux.ErrorOf(err)
	if e == nil || e.Challenge != nil || !e.NotSent || errors.Is(err, KindStore) {
		return err
	}
	switch e.Kind {
	case bankmux.ErrUnavailable, bankmux.ErrCircuitOpen, bankmux.ErrInstitution, bankmux.ErrRateLimited:
		again := *e
		again.Challenge = &ch
		return &again
	}
	return err
}

// resume makes the call again that the bank interrupted, and stores its result.
func (s *Service) resume(ctx context.Context, conn bankmux.Connection, given *bankmux.Answers) (any, error) {
	ch := &given.Challenge
	parked, err := s.parked(ctx, conn, ch)
	switch {
	case err != nil:
		return nil, err
	case parked && given.Abandoned:
		_, err := s.syncAll(ctx, conn, syncOptions{answers: given})
		return noContent{}, unlessCancelled(err)
	case parked:
		return s.syncState(ctx, conn, syncOptions{answers: given})
	}
	client, err := s.clientFor(conn)
	if err != nil {
		return nil, err
	}
	res, err := client.Resume(ctx, bankmux.ResumeRequest{Connection: conn, Answers: given})
	if given.Abandoned {
		return noContent{}, unlessCancelled(err)
	}
	err = reopened(err, given.Challenge)
	var failed []failure
	switch {
	case res.Accounts != nil:
		failed, err = s.afterAccounts(ctx, client, conn, *res.Accounts, err)
	case res.Balances != nil:
		failed, err = s.afterBalances(ctx, conn, nil, *res.Balances, err)
	case res.Status != nil && err == nil:
		return noContent{}, s.keep(ctx, res.Status.Connection)
	case err == nil:
		return noContent{}, nil
	}
	if err != nil {
		return nil, err
	}
	for _, f := range failed {
		if f.err != nil { // the bank asks again, or rejects the answer
			return nil, f.err
		}
	}
	return s.accountsOf(ctx, conn.User, conn.ID, failed)
}

// parked reports whether the challenge interrupted a sync, which then waits for the answers.
func (s *Service) parked(ctx context.Context, conn bankmux.Connection, ch *bankmux.Challenge) (bool, error) {
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
