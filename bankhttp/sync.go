package bankhttp

// This file has the handlers for syncs of one connection.

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/bankmux/bankmux"
)

// syncState is the response of SyncState and Sync.
type syncState struct {
	Connection string     `json:"connection"`
	SyncedAt   time.Time  `json:"synced_at,omitzero"` // the last round that reached its end
	More       bool       `json:"more,omitempty"`     // the round is not at its end
	Attempts   int        `json:"attempts,omitempty"` // rounds in a row that failed
	NotBefore  time.Time  `json:"not_before,omitzero"`
	Failed     []failure  `json:"failed,omitempty"`   // what the last round could not read, single rows too
	Problem    *Problem   `json:"problem,omitempty"`  // why the last round broke off, or the bank's question
	Progress   *progress  `json:"progress,omitempty"` // of a round that runs in this process now
	Unnamed    []newcomer `json:"unnamed,omitempty"`  // accounts that only the user can identify
}

// progress is enough for a progress bar.
type progress struct {
	Account string       `json:"account,omitempty"`
	From    bankmux.Date `json:"from,omitzero"`
	To      bankmux.Date `json:"to,omitzero"`
	Rows    int          `json:"rows"`
	Done    int          `json:"done"`
	Total   int          `json:"total"` // accounts; 0 if it is not known how much is left
}

// SyncState handles GET for a connection of the user, which the path names as {connection}. It
// returns how far the syncs have come, and an open question of the bank to answer at
// [Service.Answer]. It asks no bank. The progress is that of this process alone. A state that does
// not open is a problem in it of [bankmux.ErrSeal], which a reconnect resolves.
func (s *Service) SyncState() http.Handler {
	return s.user(http.MethodGet, "connection", func(ctx context.Context, r *request) (any, error) {
		conn, err := s.store.Connection(ctx, r.user, r.param)
		if err != nil {
			return nil, err
		}
		state, err := s.store.SyncState(ctx, conn)
		if onlySealed(err) {
			return s.lostState(ctx, conn, err), nil
		}
		if err != nil {
			return nil, unlessDeleted(err)
		}
		return s.stateOf(ctx, conn, state)
	})
}

// Sync handles POST for a connection of the user, which the path names as {connection}. It syncs
// the connection ([bankmux.Client.SyncAll]) and returns what [Service.SyncState] returns. If the
// time is over before the end, more is true: what was read is stored, and the next request or the
// worker goes on.
func (s *Service) Sync() http.Handler {
	return s.user(http.MethodPost, "connection", func(ctx context.Context, r *request) (any, error) {
		conn, err := s.store.Connection(ctx, r.user, r.param)
		if err != nil {
			return nil, err
		}
		return s.syncState(ctx, conn, syncOptions{})
	})
}

// syncState syncs a connection and returns the response.
func (s *Service) syncState(ctx context.Context, conn bankmux.Connection, opts syncOptions) (any, error) {
	res, err := s.syncAll(ctx, conn, opts)
	_, partial := errors.AsType[*bankmux.PartialError](err)
	late := res.Pages > 0 && errors.Is(err, bankmux.ErrContextDone)
	if onlySealed(err) {
		if _, lost := s.store.SyncState(ctx, conn); onlySealed(lost) {
			return s.lostState(ctx, conn, lost), nil
		}
	}
	if err != nil && !partial && !late {
		return nil, unlessDeleted(err)
	}
	lasting, cancel := s.lasting(ctx) // the time may be over
	defer cancel()
	return s.stateOf(lasting, conn, res.State)
}

// lostState returns the response for a state that does not open. A reconnect replaces it.
func (s *Service) lostState(ctx context.Context, conn bankmux.Connection, err error) syncState {
	s.logUnreadable(ctx, err)
	p := lostStateProblem()
	return syncState{Connection: conn.ID, Problem: &p}
}

// lostStateProblem returns the problem of a state of syncs that does not open.
func lostStateProblem() Problem {
	p := ProblemOf(bankmux.ErrSeal)
	p.Detail, p.UserMustAct = table[bankmux.ErrReauth].detail, true
	p.Remedy = "check the keys, or reconnect: the next sync then reads everything again"
	return p
}

// SyncConnection syncs a connection into the store, as [bankmux.Client.SyncAll] does. It is for
// workers. [Service.SyncState] shows its progress. It stores what the calls showed about the state
// of the connection. Results and errors are those of SyncAll. An error of the store also matches
// [KindStore].
func (s *Service) SyncConnection(ctx context.Context, conn bankmux.Connection) (bankmux.SyncAllResult, error) {
	return s.syncAll(ctx, conn, syncOptions{})
}

// syncOptions are the fields of a [bankmux.SyncAllRequest] that callers set.
type syncOptions struct {
	answers *bankmux.Answers // to the question that interrupted the last round
	force   bool             // although the last round failed
}

// syncAll syncs a connection into the store.
func (s *Service) syncAll(
	ctx context.Context, conn bankmux.Connection, opts syncOptions,
) (bankmux.SyncAllResult, error) {
	client, err := s.clientFor(conn)
	if err == nil {
		conn, err = s.verified(ctx, client, conn)
	}
	if err != nil {
		return bankmux.SyncAllResult{}, err
	}
	run := s.progress.start(conn.ID)
	defer s.progress.end(conn.ID, run)
	res, err := client.SyncAll(ctx, bankmux.SyncAllRequest{
		Connection: conn, Ledger: s.store, Answers: opts.answers, Force: opts.force,
		Progress: func(p bankmux.SyncProgress) { s.progress.set(run, p) },
	})
	lasting, cancel := s.lasting(ctx)
	defer cancel()
	return res, errors.Join(err, s.note(lasting, conn, err))
}

// stateOf returns the part of a state that a browser may have.
func (s *Service) stateOf(ctx context.Context, conn bankmux.Connection, state bankmux.SyncState) (syncState, error) {
	if !state.LinkedAt.Equal(conn.LinkedAt) { // of the former login; the next sync ignores it too
		state.Err, state.Challenge, state.Attempts, state.NotBefore = nil, nil, 0, time.Time{}
	}
	if state.Turn(time.Now(), false) == "" { // the wait does not hold the user
		state.NotBefore = time.Time{}
	}
	out := syncState{
		Connection: conn.ID, SyncedAt: state.SyncedAt, More: state.More, Attempts: state.Attempts,
		NotBefore: state.NotBefore, Progress: s.progress.of(conn.ID),
	}
	switch ch := state.Challenge; {
	case ch != nil && time.Now().Before(ch.ExpiresAt):
		p, err := s.problemOf(ctx, conn.User, &bankmux.Error{Kind: bankmux.ErrUserAction, Challenge: ch})
		if errors.Is(err, KindStore) {
			return out, err
		}
		out.Problem = &p
	case state.Err != nil:
		p := ProblemOf(state.Err)
		out.Problem = &p
	}
	var err error
	if out.Failed, err = s.unread(ctx, conn, state); err != nil {
		return out, unlessDeleted(err)
	}
	out.Unnamed, err = s.unnamed(ctx, conn.User, []string{conn.ID})
	lost, err := s.unreadable(ctx, conn.ID, err)
	out.Failed = append(out.Failed, lost...)
	return out, err
}

// unlessDeleted turns the error for a row that was deleted meanwhile into that of one that does not
// exist.
func unlessDeleted(err error) error {
	if errors.Is(err, bankmux.ErrGone) && bankmux.ErrorOf(err) == nil {
		return bankmux.ErrNotFound
	}
	return err
}
