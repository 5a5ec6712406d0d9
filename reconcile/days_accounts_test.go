package reconcile_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

func pageIsOneAccount(t *testing.T) {
	t.Parallel()
	t.Run("accounts that are asked for, one per page", func(t *testing.T) {
		t.Parallel()
		l, s := month(60), newStore()
		l.put("savings", 1, "5.00", "INTEREST")
		first, err := l.days().Sync(t.Context(), s.request(0))
		require.NoError(t, err)
		assert.True(t, first.More)
		for _, a := range first.Added {
			assert.Equal(t, "checking", a.Known.Account)
		}
		l.calls = 0
		d, err := l.days().Sync(t.Context(), s.request(0, "savings"))
		require.NoError(t, err)
		assert.False(t, d.More)
		assert.Len(t, d.Added, 1)
		assert.Equal(t, 1, l.calls, "one call for the served days, none for the accounts")
	})
	t.Run("cards are read as accounts", func(t *testing.T) {
		t.Parallel()
		l := newLedger()
		l.put("card-1", 1, "-5.00", "FUEL")
		req := newStore().request(0)
		req.Cards = []string{"card-1"}
		d, err := l.days().Sync(t.Context(), req)
		require.NoError(t, err)
		assert.Len(t, d.Added, 1)
		assert.True(t, l.requests[0].Card)
		assert.Equal(t, "card-1", l.requests[0].Account)
	})
	t.Run("an account that failed is read in the next round", func(t *testing.T) {
		t.Parallel()
		l, s := month(60), newStore()
		l.put("savings", 1, "5.00", "INTEREST")
		l.fails = map[string]*bankmux.Error{"checking": {Kind: bankmux.ErrInstitution}}
		d := s.round(t, l.days(), 0)
		require.Len(t, d.Failed, 1)
		assert.Equal(t, "checking", d.Failed[0].Account)
		assert.Len(t, d.Added, 1)
		l.fails = nil
		s.round(t, l.days(), 0)
		l.agree(t, s)
	})
	t.Run("a lapsed login fails the call", func(t *testing.T) {
		t.Parallel()
		l := month(60)
		l.fails = map[string]*bankmux.Error{"checking": {Kind: bankmux.ErrReauth}}
		_, err := l.days().Sync(t.Context(), newStore().request(0))
		require.ErrorIs(t, err, bankmux.ErrReauth)
	})
	t.Run("without Known all rows are added", func(t *testing.T) {
		t.Parallel()
		l := month(60)
		req := newStore().request(0)
		req.Known = nil
		d, err := l.days().Sync(t.Context(), req)
		require.NoError(t, err)
		assert.True(t, d.AddedOnly)
		assert.Len(t, d.Added, len(l.rows["checking"]))
	})
	t.Run("cursors from elsewhere are rejected", func(t *testing.T) {
		t.Parallel()
		l, s := month(60), newStore()
		s.round(t, l.days(), 0)
		sent := len(l.requests)
		for _, bad := range []string{"x", s.cursor[1:], s.cursor + "A", strings.ToUpper(s.cursor)} {
			req := s.request(0)
			req.Cursor = bad
			_, err := l.days().Sync(t.Context(), req)
			_ = refused(t, err, "SyncRequest.Cursor")
		}
		req := s.request(0)
		req.Connection.ID = "conn-2"
		_, err := l.days().Sync(t.Context(), req)
		_ = refused(t, err, "SyncRequest.Cursor")
		assert.Len(t, l.requests, sent)
	})
	t.Run("missing functions do not panic", func(t *testing.T) {
		t.Parallel()
		_, err := reconcile.Days{}.Sync(t.Context(), newStore().request(0))
		_ = refused(t, err, "Days")
		_, err = reconcile.Days{}.TransactionPage(t.Context(), bankmux.TransactionsRequest{Accounts: []string{"a"}})
		_ = refused(t, err, "Days")
		l := month(60)
		bare := reconcile.Days{Provider: "acme", Read: l.read, Accounts: l.days().Accounts}
		_, err = bare.Sync(t.Context(), newStore().request(0))
		require.NoError(t, err)
		l.refuses = func(_, _ bankmux.Date) bool { return true }
		_, err = bare.TransactionPage(t.Context(), bankmux.TransactionsRequest{Accounts: []string{"checking"}})
		require.ErrorIs(t, err, bankmux.ErrInvalid)
		_, err = l.days().TransactionPage(t.Context(), bankmux.TransactionsRequest{})
		_ = refused(t, err, "TransactionsRequest")
	})
}

func daysAnswersGoFirst(t *testing.T) {
	t.Parallel()
	asking := func(l *ledger, call int) {
		asked := false
		l.asks = func(req reconcile.DaysRequest) *bankmux.Error {
			if len(l.requests) == call && !asked {
				asked = true
				return &bankmux.Error{
					Kind:      bankmux.ErrUserAction,
					Challenge: &bankmux.Challenge{ID: "op", State: json.RawMessage(`"own"`)},
				}
			}
			if req.Answers != nil && string(req.Answers.Challenge.State) != `"own"` {
				return &bankmux.Error{Kind: bankmux.ErrAnswerRejected}
			}
			return nil
		}
	}
	for call := 1; call <= 3; call++ {
		t.Run(fmt.Sprint("a sync, call ", call), func(t *testing.T) {
			t.Parallel()
			l, s := month(80), newStore()
			asking(l, call)
			_, err := l.days().Sync(t.Context(), s.request(0))
			e, ok := errors.AsType[*bankmux.Error](err)
			require.True(t, ok)
			require.NotNil(t, e.Challenge)
			interrupted := l.requests[len(l.requests)-1]
			l.requests, l.calls = nil, 0
			req := s.request(0)
			req.Answers = e.Challenge.Answer()
			d, err := l.days().Sync(t.Context(), req)
			require.NoError(t, err)
			assert.Len(t, d.Added, len(l.rows["checking"]))
			assert.Equal(t, 1, l.calls, "one call for the served days, none for the accounts")
			require.NotNil(t, l.requests[0].Answers, "the interrupted call is first")
			assert.Equal(t, interrupted.From, l.requests[0].From)
			again := slices.ContainsFunc(l.requests[1:], func(r reconcile.DaysRequest) bool {
				return r.Answers != nil || (r.From == interrupted.From && r.To == interrupted.To)
			})
			assert.False(t, again, "the interrupted call is made once")
		})
	}
	t.Run("a page of a list", func(t *testing.T) {
		t.Parallel()
		l := month(80)
		asking(l, 1)
		req := bankmux.TransactionsRequest{Accounts: []string{"checking"}}
		_, err := l.days().TransactionPage(t.Context(), req)
		e, ok := errors.AsType[*bankmux.Error](err)
		require.True(t, ok)
		req.Answers, l.calls = e.Challenge.Answer(), 0
		page, err := l.days().TransactionPage(t.Context(), req)
		require.NoError(t, err)
		assert.NotEmpty(t, page.Transactions)
		require.Len(t, l.requests, 2)
		assert.Zero(t, l.calls, "nothing is sent before the answers")
		assert.Equal(t, l.requests[0].From, l.requests[1].From)
	})
}
