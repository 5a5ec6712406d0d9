package bankmux_test

// This file tests SyncAll at a bank that asks the user.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// asks returns a bank that asks for a password at some calls. An answered call passes, also the
// next time if the bank asks once.
func asks(once bool, calls ...string) func(string, *bankmux.Answers) error {
	asked, passed := 0, map[string]bool{}
	return func(call string, answers *bankmux.Answers) error {
		switch {
		case !slices.Contains(calls, call), passed[call]:
			return nil
		case answers != nil && answers.Inputs[0].Text.Reveal() == "123456":
			passed[call] = once
			return nil
		case answers != nil:
			return &bankmux.Error{Kind: bankmux.ErrAnswerRejected}
		}
		asked++
		return &bankmux.Error{Kind: bankmux.ErrUserAction, Challenge: &bankmux.Challenge{
			ID: fmt.Sprint("question ", asked), Inputs: []bankmux.Input{{Kind: bankmux.InputOTP, Query: "Code?"}},
			State: json.RawMessage(`"of the bank"`),
		}}
	}
}

// answer answers the stored challenge, in another process.
func (h *household) answer(t *testing.T, texts ...string) (bankmux.SyncAllResult, error) {
	t.Helper()
	h.client = bankmux.NewClient("heron", providerOf(h))
	h.put(t, func(s *bankmux.SyncState) { *s = h.stored(t); s.Version++ })
	ch := h.stored(t).Challenge
	require.NotNil(t, ch, "a challenge is stored")
	return h.sync(t.Context(), answers(ch.Answer(texts...)))
}

func providerOf(h *household) bankmux.Provider {
	if h.client.Has(bankmux.CapCards) {
		return &cardBranch{h.branch}
	}
	return h.branch
}

func answers(a *bankmux.Answers) func(*bankmux.SyncAllRequest) {
	return func(req *bankmux.SyncAllRequest) { req.Answers = a }
}

func TestSyncAllChallenge(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(*testing.T, *household){
		"a challenge of a page is stored and answered in another process": answersAPage,
		"a challenge of the list of accounts is answered by listing them": answersTheAccounts,
		"a bank that asks at every call gets every answer once":           answersEveryCall,
		"Resume continues at each of its steps":                           resumesEveryStep,
		"Resume gives the challenge up":                                   resumesToGiveUp,
		"a call while a challenge is open sends nothing":                  sendsNothingMeanwhile,
		"a call without a user does not call a bank that asks":            sparesAbsentUsers,
		"a bank that asked in an earlier part of the round still asks":    asksInBothParts,
		"a wrong answer ends the challenge":                               endsWithWrongAnswer,
		"a challenge that was given up ends, and nothing is sent":         givesUpChallenge,
		"an expired challenge ends":                                       endsExpiredChallenge,
		"answers that do not fit leave the challenge open":                keepsChallenge,
		"answers are sent once, by one of two processes":                  answersOnce,
		"a reconnect ends the challenge":                                  reconnectEndsChallenge,
		"a challenge is stored also if another sync was faster":           storesAfterAFasterSync,
		"an answer to a page that another sync has stored is sent":        answersAfterAFasterSync,
		"a sync that a question overtook stops":                           stopsAtAQuestion,
		"a challenge that the ledger cannot store is returned":            returnsUnstored,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBranch(true, "a", "b", "c")
				b.fail = asks(true, "days of b")
				test(t, newHousehold(t, b))
			})
		})
	}
	t.Run("a challenge of the list of cards does not list the accounts again", answersTheCards)
	t.Run("a challenge of a refresh is answered", answersTheRefresh)
}

// asked syncs and requires that the bank asks.
func (h *household) asked(t *testing.T) *bankmux.Challenge {
	t.Helper()
	_, err := h.sync(t.Context())
	e, ok := errors.AsType[*bankmux.Error](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, bankmux.ErrUserAction, e.Kind)
	require.NotNil(t, e.Challenge)
	return e.Challenge
}

func answersAPage(t *testing.T, h *household) {
	ch := h.asked(t)
	assert.Equal(t, "Code?", ch.Inputs[0].Query)
	assert.Equal(t, bankmux.OpSyncAll, ch.Op)
	state := h.stored(t)
	assert.Equal(t, ch.ID, state.Challenge.ID)
	assert.Nil(t, state.Err.Challenge)
	assert.NotZero(t, state.AskedAt)
	assert.Equal(t, "a one, a two", h.texts(), "the pages before it are stored")
	h.taken()
	res, err := h.answer(t, "123456")
	require.NoError(t, err)
	assert.Equal(t, "days of b, days of c", h.taken(), "the first call is the interrupted one")
	assert.Equal(t, 4, res.Added)
	assert.Equal(t, allTexts, h.texts())
	assert.Nil(t, res.State.Challenge)
	assert.Nil(t, res.State.Err)
	h.taken()
	_, err = h.sync(t.Context())
	require.NoError(t, err)
	assert.Zero(t, h.stored(t).AskedAt, "the bank does not ask any more")
}

func answersTheAccounts(t *testing.T, h *household) {
	h.fail = asks(true, "accounts")
	h.asked(t)
	assert.Equal(t, "accounts", h.taken())
	res, err := h.answer(t, "123456")
	require.NoError(t, err)
	assert.NotZero(t, res.State.AskedAt)
	assert.Equal(t, "accounts, days of a, days of b, days of c", h.taken())
	assert.Equal(t, allTexts, h.texts())
}

func answersEveryCall(t *testing.T, h *household) {
	h.fail = asks(false, "accounts", "days of a", "days of b", "days of c")
	h.asked(t)
	for range 3 {
		_, err := h.answer(t, "123456")
		require.ErrorIs(t, err, bankmux.ErrUserAction)
	}
	res, err := h.answer(t, "123456")
	require.NoError(t, err)
	assert.Equal(t, "accounts, accounts, days of a, days of a, days of b, days of b, days of c, days of c", h.taken())
	assert.Equal(t, allTexts, h.texts())
	assert.NotZero(t, res.State.AskedAt)
}

// resumed continues as [bankmux.Client.Resume] in another process, with the challenge of the error.
func (h *household) resumed(t *testing.T, answers *bankmux.Answers) (*bankmux.SyncAllResult, error) {
	t.Helper()
	h.client = bankmux.NewClient("heron", providerOf(h))
	res, err := h.client.Resume(t.Context(), bankmux.ResumeRequest{
		Connection: h.conn, Answers: answers, Ledger: h.ledger,
	})
	assert.Equal(t, bankmux.OpSyncAll, res.Op)
	require.NotNil(t, res.SyncAll)
	return res.SyncAll, err
}

func resumesEveryStep(t *testing.T, h *household) {
	h.fail = asks(false, "accounts", "days of a", "days of b", "days of c")
	_, err := h.sync(t.Context(), func(r *bankmux.SyncAllRequest) { r.PageSize = 7 })
	for range 3 {
		ch := otherProcess(t, err)
		_, err = h.resumed(t, ch.Answer("123456"))
		require.ErrorIs(t, err, bankmux.ErrUserAction)
	}
	ch := otherProcess(t, err)
	res, err := h.resumed(t, ch.Answer("123456"))
	require.NoError(t, err)
	assert.Equal(t, "accounts, accounts, days of a, days of a, days of b, days of b, days of c, days of c", h.taken())
	assert.Equal(t, allTexts, h.texts())
	assert.NotZero(t, res.State.AskedAt)
	assert.Equal(t, 7, h.pageSize, "the size of the pages is that of the first call")
	_, err = h.resumed(t, ch.Answer("123456"))
	require.ErrorIs(t, err, bankmux.ErrChallengeExpired, "answers are sent once")
	assert.Empty(t, h.taken())
}

func resumesToGiveUp(t *testing.T, h *household) {
	ch := h.asked(t)
	h.taken()
	_, err := h.resumed(t, ch.Abandon())
	require.ErrorIs(t, err, bankmux.ErrUserAction)
	assert.Equal(t, bankmux.CodeCancelled, bankmux.ErrorOf(err).Code)
	assert.Empty(t, h.taken())
	assert.Nil(t, h.stored(t).Challenge)
}

func answersTheCards(t *testing.T) {
	t.Parallel()
	b := newBranch(true, "a")
	b.rows["card"] = []string{"card one"}
	b.fail = asks(false, "accounts", "cards")
	h := newHousehold(t, b)
	h.client = bankmux.NewClient("heron", &cardBranch{b})
	h.asked(t)
	_, err := h.answer(t, "123456")
	require.ErrorIs(t, err, bankmux.ErrUserAction)
	h.taken()
	_, err = h.answer(t, "123456")
	require.NoError(t, err)
	assert.Equal(t, "cards, days of a, days of card", h.taken())
	assert.Equal(t, "a one, a two, card one", h.texts())
}

func answersTheRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &refreshBranch{branch: newBranch(true, "a")}
		ask := asks(false, "refresh")
		b.fail = func(call string, a *bankmux.Answers) error {
			if call == "days of a" && !b.fetched {
				return &bankmux.Error{Kind: bankmux.ErrNotReady}
			}
			return ask(call, a)
		}
		h := newHousehold(t, b.branch)
		h.client = bankmux.NewClient("heron", b)
		_, err := h.sync(t.Context(), func(r *bankmux.SyncAllRequest) { r.Refresh = true })
		require.ErrorIs(t, err, bankmux.ErrUserAction)
		ch := h.stored(t).Challenge
		require.NotNil(t, ch)
		assert.Equal(t, bankmux.OpSyncAll, ch.Op)
		h.taken()
		_, err = h.sync(t.Context(), answers(ch.Answer("123456")))
		require.NoError(t, err)
		assert.Equal(t, "refresh, accounts, days of a", h.taken())
	})
}

func sendsNothingMeanwhile(t *testing.T, h *household) {
	first := h.asked(t)
	h.taken()
	for name, ctx := range map[string]context.Context{
		"with a user": t.Context(), "without a user": bankmux.WithoutUser(t.Context()),
	} {
		_, err := h.sync(ctx, force)
		e, ok := errors.AsType[*bankmux.Error](err)
		require.True(t, ok, name)
		require.NotNil(t, e.Challenge, name)
		assert.Equal(t, first.ID, e.Challenge.ID)
		assert.True(t, e.NotSent)
		assert.Equal(t, bankmux.OpSyncAll, e.Op)
	}
	assert.Empty(t, h.taken())
}

func sparesAbsentUsers(t *testing.T, h *household) {
	h.asked(t)
	_, err := h.answer(t, "123456")
	require.NoError(t, err)
	h.fail = asks(false, "days of b")
	h.taken()
	absent := bankmux.WithoutUser(t.Context())
	_, err = h.sync(absent, force)
	require.ErrorIs(t, err, bankmux.ErrUserAction)
	assert.Equal(t, bankmux.CodeUserAbsent, bankmux.ErrorOf(err).Code)
	assert.Empty(t, h.taken())

	h.asked(t) // the user is there and does not answer in time
	time.Sleep(time.Hour)
	h.taken()
	_, err = h.sync(absent)
	require.ErrorIs(t, err, bankmux.ErrUserAction)
	assert.Empty(t, h.taken())
	h.asked(t)
	assert.Equal(t, "accounts, days of b", h.taken(), "the bank asks again when the user is there")
	res, err := h.sync(absent, answers(h.stored(t).Challenge.Answer("123456")))
	require.NoError(t, err, "a user who answers is there")
	assert.Equal(t, allTexts, h.texts())
	assert.NotZero(t, res.State.AskedAt)
}

func asksInBothParts(t *testing.T, h *household) {
	h.asked(t)
	ask := h.fail
	h.fail = func(call string, a *bankmux.Answers) error {
		if call == "days of c" {
			return &bankmux.Error{Kind: bankmux.ErrUnavailable}
		}
		return ask(call, a)
	}
	_, err := h.answer(t, "123456")
	require.ErrorIs(t, err, bankmux.ErrUnavailable)
	h.fail = ask
	res, err := h.sync(t.Context(), force)
	require.NoError(t, err)
	assert.NotZero(t, res.State.AskedAt, "this part of the round had no question")
}

func endsWithWrongAnswer(t *testing.T, h *household) {
	h.asked(t)
	_, err := h.answer(t, "000000")
	require.ErrorIs(t, err, bankmux.ErrAnswerRejected)
	state := h.stored(t)
	assert.Nil(t, state.Challenge)
	assert.Equal(t, bankmux.ErrAnswerRejected, state.Err.Kind)
	h.taken()
	_, err = h.sync(bankmux.WithoutUser(t.Context()))
	require.ErrorIs(t, err, bankmux.ErrUserAction)
	assert.Empty(t, h.taken())
	h.asked(t)
	_, err = h.answer(t, "123456")
	require.NoError(t, err)
	assert.Equal(t, allTexts, h.texts())
}

func givesUpChallenge(t *testing.T, h *household) {
	ch := h.asked(t)
	h.taken()
	_, err := h.sync(t.Context(), answers(ch.Abandon()))
	require.ErrorIs(t, err, bankmux.ErrUserAction)
	assert.Equal(t, bankmux.CodeCancelled, bankmux.ErrorOf(err).Code)
	assert.Empty(t, h.taken())
	assert.Nil(t, h.stored(t).Challenge)
	_, err = h.sync(bankmux.WithoutUser(t.Context()))
	require.ErrorIs(t, err, bankmux.ErrUserAction)
	assert.Empty(t, h.taken())
	assert.NotEqual(t, ch.ID, h.asked(t).ID, "the user starts again")
}

func endsExpiredChallenge(t *testing.T, h *household) {
	ch := h.asked(t)
	time.Sleep(time.Until(ch.ExpiresAt))
	h.taken()
	_, err := h.sync(t.Context(), answers(ch.Answer("123456")))
	require.ErrorIs(t, err, bankmux.ErrChallengeExpired)
	assert.Empty(t, h.taken())
	assert.Nil(t, h.stored(t).Challenge)
	h.asked(t)
	_, err = h.answer(t, "123456")
	require.NoError(t, err)
}

func keepsChallenge(t *testing.T, h *household) {
	ch := h.asked(t)
	h.taken()
	other := *ch
	other.ID = "another"
	for name, a := range map[string]*bankmux.Answers{
		"of another challenge": other.Answer("123456"),
		"too few":              ch.Answer(),
		"too many":             ch.Answer("123456", "1"),
		"empty":                ch.Answer(""),
	} {
		_, err := h.sync(t.Context(), answers(a))
		require.Error(t, err, name)
		want := bankmux.ErrInvalid
		if a.Challenge.ID == "another" {
			want = bankmux.ErrChallengeExpired
		}
		assert.Equal(t, want, bankmux.KindOf(err), name)
	}
	assert.Empty(t, h.taken())
	byID := bankmux.Challenge{ID: ch.ID}.Answer("123456") // what a browser may post
	byID.Inputs[0].Index = ch.Inputs[0].Index
	_, err := h.sync(t.Context(), answers(byID))
	require.NoError(t, err, "everything else of the challenge comes from the ledger")
	assert.Equal(t, allTexts, h.texts())
}

func answersOnce(t *testing.T, h *household) {
	ch := h.asked(t)
	h.taken()
	var all sync.WaitGroup
	var failed [4]error
	for i := range failed {
		all.Go(func() { _, failed[i] = h.sync(t.Context(), answers(ch.Answer("123456"))) })
	}
	all.Wait()
	done := 0
	for _, err := range failed {
		if err == nil {
			done++
		} else {
			require.ErrorIs(t, err, bankmux.ErrChallengeExpired)
		}
	}
	assert.Equal(t, 1, done)
	assert.Equal(t, "days of b, days of c", h.taken())
}

func reconnectEndsChallenge(t *testing.T, h *household) {
	ch := h.asked(t)
	h.conn.LinkedAt = h.conn.LinkedAt.Add(time.Minute)
	h.fail = nil
	h.taken()
	_, err := h.sync(t.Context(), answers(ch.Answer("123456")))
	require.ErrorIs(t, err, bankmux.ErrChallengeExpired)
	assert.Empty(t, h.taken())
	_, err = h.sync(t.Context())
	require.NoError(t, err)
	assert.Equal(t, allTexts, h.texts())
}

func storesAfterAFasterSync(t *testing.T, h *household) {
	ask := h.fail
	h.fail = func(call string, a *bankmux.Answers) error {
		if call == "days of b" && a == nil { // another sync stores a state meanwhile
			h.put(t, func(*bankmux.SyncState) {})
		}
		return ask(call, a)
	}
	ch := h.asked(t)
	require.NotNil(t, h.stored(t).Challenge)
	assert.Equal(t, ch.ID, h.stored(t).Challenge.ID)
	_, err := h.answer(t, "123456")
	require.NoError(t, err)
	assert.Equal(t, allTexts, h.texts())
}

func answersAfterAFasterSync(t *testing.T, h *household) {
	h.asked(t)
	open := h.stored(t).Challenge
	ask := h.fail
	h.fail = nil // another process has another session at the bank
	h.put(t, func(s *bankmux.SyncState) { s.Challenge = nil })
	_, err := h.sync(t.Context())
	require.NoError(t, err)
	h.put(t, func(s *bankmux.SyncState) { s.Challenge = open })
	h.fail = ask
	h.taken()
	res, err := h.answer(t, "123456")
	require.NoError(t, err)
	assert.Equal(t, "days of b, days of a, days of b, days of c", h.taken(), "its page is not stored after a later one")
	assert.Zero(t, res.Added+res.Changed+res.Removed)
	assert.Equal(t, allTexts, h.texts())
}

func stopsAtAQuestion(t *testing.T, h *household) {
	ask := h.fail
	h.fail = nil
	slow := &overtakenLedger{Ledger: h.ledger, before: func(int) {
		h.fail = ask
		h.asked(t) // by another process
		h.taken()
	}}
	_, err := h.sync(t.Context(), func(r *bankmux.SyncAllRequest) { r.Ledger = slow })
	require.ErrorIs(t, err, bankmux.ErrUserAction)
	assert.NotNil(t, bankmux.ErrorOf(err).Challenge)
	assert.Empty(t, h.taken(), "another call would end the user's session at the bank")
}

func returnsUnstored(t *testing.T, h *household) {
	_, err := h.sync(t.Context(), func(r *bankmux.SyncAllRequest) { r.Ledger = &withoutStates{h.ledger} })
	e, ok := errors.AsType[*bankmux.Error](err)
	require.True(t, ok)
	require.NotNil(t, e.Challenge)
	require.ErrorIs(t, err, errCrash)
}

// withoutStates is a ledger that stores no state without rows.
type withoutStates struct{ *bankmux.MemoryLedger }

func (*withoutStates) StoreSyncState(
	context.Context, bankmux.Connection, bankmux.SyncState, bankmux.SyncState,
) (bool, error) {
	return false, errCrash
}
