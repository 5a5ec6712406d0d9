package reconcile_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

func TestFeedChallenge(t *testing.T) {
	t.Parallel()
	t.Run("the answers are sent to the interrupted call first", feedAnswersGoFirst)
}

func feedAnswersGoFirst(t *testing.T) {
	t.Parallel()
	ask := func(state string) *bankmux.Error {
		return &bankmux.Error{
			Kind:      bankmux.ErrUserAction,
			Challenge: &bankmux.Challenge{ID: "op-1", State: json.RawMessage(state)},
		}
	}
	challenge := func(t *testing.T, err error) *bankmux.Answers {
		t.Helper()
		e, ok := errors.AsType[*bankmux.Error](err)
		require.True(t, ok)
		require.NotNil(t, e.Challenge)
		return e.Challenge.Answer()
	}
	t.Run("a page in the middle of a round", func(t *testing.T) {
		t.Parallel()
		r, s := filled(9), newStore()
		asked := false
		var went []string
		f := r.feed()
		f.Page = func(ctx context.Context, req reconcile.FeedRequest) (reconcile.FeedPage, error) {
			went = append(went, req.Cursor)
			if req.Cursor == "0.4.9" && !asked {
				asked = true
				return reconcile.FeedPage{}, ask(`{"adapter":"own"}`)
			}
			if req.Answers != nil {
				assert.Equal(t, "0.4.9", req.Cursor)
				assert.JSONEq(t, `{"adapter":"own"}`, string(req.Answers.Challenge.State))
			}
			return r.read(ctx, req)
		}
		_, err := f.Sync(t.Context(), s.request(2))
		req := s.request(2)
		req.Answers = challenge(t, err)
		went = nil
		d, err := f.Sync(t.Context(), req)
		require.NoError(t, err)
		assert.Len(t, d.Added, 9)
		assert.Equal(t, []string{"0.4.9", "", "0.2.9", "0.6.9", "0.8.9"}, went, "the interrupted call first, and once")
	})
	t.Run("the list of accounts", func(t *testing.T) {
		t.Parallel()
		r, s := filled(3), newStore()
		var calls []string
		f := r.feed()
		f.Page = func(ctx context.Context, req reconcile.FeedRequest) (reconcile.FeedPage, error) {
			calls = append(calls, "page")
			assert.Nil(t, req.Answers)
			return r.read(ctx, req)
		}
		f.Accounts = func(_ context.Context, answers *bankmux.Answers) ([]string, []bankmux.Failure, error) {
			calls = append(calls, "accounts")
			if answers == nil {
				return nil, nil, ask(`1`)
			}
			return r.accounts, nil, nil
		}
		_, err := f.Sync(t.Context(), s.request(0))
		req := s.request(0)
		req.Answers = challenge(t, err)
		calls = nil
		d, err := f.Sync(t.Context(), req)
		require.NoError(t, err)
		assert.Len(t, d.Added, 3)
		assert.Equal(t, []string{"accounts", "page"}, calls)
	})
	t.Run("the list of stored rows", func(t *testing.T) {
		t.Parallel()
		r, s := filled(3), newStore()
		r.put(held("hold", "checking", 1, "-20.00", "DINNER"))
		s.round(t, r.believed(), 0)
		asks := true
		f := r.believed()
		f.Stored = func(ctx context.Context, req reconcile.StoredRequest) (reconcile.StoredPage, error) {
			if asks && req.Answers == nil {
				return reconcile.StoredPage{}, ask(`1`)
			}
			return r.list(ctx, req)
		}
		_, err := f.Sync(t.Context(), s.request(0))
		req := s.request(0)
		req.Answers = challenge(t, err)
		d, err := f.Sync(t.Context(), req)
		require.NoError(t, err)
		assert.Zero(t, changed(d))
	})
	t.Run("a later page of the list of stored rows", func(t *testing.T) {
		t.Parallel()
		r, s := filled(12), newStore()
		r.put(held("hold", "checking", 11, "-20.00", "DINNER")) // listed by id, before the others
		s.round(t, r.believed(), 0)
		f := r.believed()
		f.Stored = func(ctx context.Context, req reconcile.StoredRequest) (reconcile.StoredPage, error) {
			if req.Page == "5" && req.Answers == nil {
				return reconcile.StoredPage{}, ask(`1`)
			}
			return r.list(ctx, req)
		}
		_, err := f.Sync(t.Context(), s.request(0))
		req := s.request(0)
		req.Answers = challenge(t, err)
		r.listed = 0
		d, err := f.Sync(t.Context(), req)
		require.NoError(t, err)
		assert.Zero(t, changed(d))
		assert.Equal(t, 3, r.listed, "each page once")
	})
	t.Run("the first page, if the challenge names no call", func(t *testing.T) {
		t.Parallel()
		r, s := filled(3), newStore()
		req := s.request(2)
		req.Answers = bankmux.Challenge{ID: "op-1"}.Answer()
		_, err := r.feed().Sync(t.Context(), req)
		require.NoError(t, err)
		require.Len(t, r.asked, 2)
		assert.NotNil(t, r.asked[0].Answers)
		for _, other := range r.asked[1:] {
			assert.Nil(t, other.Answers, "once")
		}
	})
}
