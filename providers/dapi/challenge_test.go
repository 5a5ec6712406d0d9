package dapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestOperation specifies how the client waits for the bank.
func TestOperation(t *testing.T) {
	t.Parallel()
	t.Run(
		"a running operation is awaited within the caller's deadline",
		aRunningOperationIsAwaitedWithinTheCallersDeadline,
	)
	t.Run("a rejected login is never tried again", aRejectedLoginIsNeverTriedAgain)
}

// TestChallenge specifies how the bank's questions are asked and answered.
func TestChallenge(t *testing.T) {
	t.Parallel()
	t.Run("a challenge contains no account number", aChallengeContainsNoAccountNumber)
	t.Run("a challenge in the second account keeps the first", aChallengeInTheSecondAccountKeepsTheFirst)
	t.Run(
		"an answer goes to the interrupted call before any other call",
		anAnswerGoesToTheInterruptedCallBeforeAnyOtherCall,
	)
	t.Run("a refused answer ends the reading of all accounts", aRefusedAnswerEndsTheReadingOfAllAccounts)
	t.Run("questions during Dapi's own operations are answered", questionsDuringDapisOwnOperationsAreAnswered)
	t.Run("the operation of a challenge can be read until it ends", theOperationOfAChallengeCanBeReadUntilItEnds)
}

func aRunningOperationIsAwaitedWithinTheCallersDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bank := virtualbank.New(virtualbank.Options{})
		calls := map[string]int{}
		last := ""
		inProcess := roundTripper(func(r *http.Request) (*http.Response, error) {
			calls[r.URL.Path]++
			raw, _ := io.ReadAll(r.Body)
			r.Body, last = io.NopCloser(bytes.NewReader(raw)), string(raw)
			w := httptest.NewRecorder()
			bank.Dapi().ServeHTTP(w, r)
			return w.Result(), r.Context().Err()
		})
		creds := bank.Credentials().Dapi
		client, err := dapi.New(dapi.Config{
			AppKey: creds.AppKey, AppSecret: bankmux.NewSecret(creds.AppSecret), Environment: bankmux.Sandbox,
			BaseURL: "http://127.0.0.1/v2", HTTPClient: &http.Client{Transport: inProcess},
		})
		require.NoError(t, err)
		s := &setup{t: t, bank: bank, client: client}
		conn := s.connect()
		require.NoError(t, bank.Defer(conn.Reference(), "/data/accounts/get", 3))
		started := time.Now()
		got, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
		require.NoError(t, err)
		assert.Len(t, got.Accounts, 2)
		assert.Equal(t, 4, calls["/v2/operation/get"], "three times running, then done")
		assert.Equal(t, 2, calls["/v2/data/accounts/get"], "the result is read by the call itself")
		assert.Contains(t, last, `"operationID":"DAPIBANK_AE_ENBD:`, "sent again for the operation that was finished")
		assert.Equal(t, 12*time.Second, time.Since(started), "1, 2, 4 and 5 seconds")

		require.NoError(t, bank.Defer(conn.Reference(), "/data/accounts/get", 1000))
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		started = time.Now()
		_, err = client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
		require.ErrorIs(t, err, bankmux.ErrInstitution)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 20*time.Second, time.Since(started))
	})
}

func aRejectedLoginIsNeverTriedAgain(t *testing.T) {
	t.Parallel()
	client, conn, calls := canned(t, map[string]string{
		"/v2/data/accounts/get": `{"operationID":"X:1","success":false,"status":"failed","type":"INVALID_CREDENTIALS","msg":"planted"}`,
	})
	ctx := t.Context()
	_, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
	require.ErrorIs(t, err, bankmux.ErrReauth)
	for range 3 {
		_, again := client.Identity(ctx, bankmux.IdentityRequest{Connection: conn})
		require.ErrorIs(t, again, bankmux.ErrReauth)
		e, _ := errors.AsType[*bankmux.Error](again)
		assert.True(t, e.NotSent)
		assert.Equal(t, "Identity", e.Op)
	}
	assert.Equal(t, 1, calls["/v2/data/accounts/get"])
	assert.Zero(t, calls["/v2/data/identity/get"])

	// Another process knows it from the stored status.
	other, conn2, calls := canned(t, nil)
	conn2.Status = conn2.Status.After(err)
	assert.Equal(t, bankmux.StateReauth, conn2.Status.State)
	_, err = other.Accounts(ctx, bankmux.AccountsRequest{Connection: conn2})
	require.ErrorIs(t, err, bankmux.ErrReauth)
	assert.Zero(t, calls["/v2/data/accounts/get"])
}

func aChallengeContainsNoAccountNumber(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := s.connect()
	all, err := s.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	for name, known := range map[string][]bankmux.Account{"listed by the call": nil, "known before": all.Accounts} {
		require.NoError(t, s.bank.RequireInput(conn.Reference(), "/data/balance/get", []string{"otp"}))
		req := bankmux.BalancesRequest{Connection: conn, Accounts: []string{all.Accounts[0].ID}, Known: known}
		_, err = s.client.Balances(t.Context(), req)
		e, _ := errors.AsType[*bankmux.Error](err)
		require.NotNil(t, e, name)
		require.NotNil(t, e.Challenge, name)
		raw, err := json.Marshal(e.Challenge)
		require.NoError(t, err)
		for _, a := range all.Accounts {
			require.NotEmpty(t, a.IBAN+a.Number)
			for _, secret := range []string{a.IBAN, a.Number} {
				assert.False(t, secret != "" && strings.Contains(string(raw), secret), name)
			}
		}
		req.Answers = e.Challenge.Answer("123456")
		got, err := s.client.Balances(t.Context(), req)
		require.NoError(t, err, name)
		assert.Len(t, got.Balances, 1)
	}
}

func aChallengeInTheSecondAccountKeepsTheFirst(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := s.connect()
	ctx := t.Context()
	all, err := s.client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	ids := []string{all.Accounts[0].ID, all.Accounts[1].ID}
	from := bankmux.DateOf(time.Now().UTC().Add(4 * time.Hour)).AddDays(-30) // every month has its 27th
	req := bankmux.TransactionsRequest{Connection: conn, From: from}
	rows := map[string]int{}
	var ch *bankmux.Challenge
	for page, err := range s.client.TransactionPages(ctx, req) {
		if e, ok := errors.AsType[*bankmux.Error](err); ok && e.Challenge != nil {
			ch = e.Challenge
			break
		}
		require.NoError(t, err)
		for _, row := range page.Transactions {
			rows[row.Account]++
		}
		require.NoError(
			t,
			s.bank.RequireInput(
				conn.Reference(),
				"/data/transactions/get",
				[]string{"secret_question"},
				[]string{"otp", "pin"},
			),
		)
	}
	require.NotNil(t, ch)
	assert.Equal(t, ids[1], ch.Account)
	assert.Zero(t, rows[ids[1]])
	first := rows[ids[0]]
	require.Positive(t, first)

	// Two rounds. Each starts from the stored text of the round before, as in another process.
	for _, texts := range [][]string{{"blue"}, {"123456", "1234"}} {
		raw, err := json.Marshal(ch)
		require.NoError(t, err)
		var stored bankmux.Challenge
		require.NoError(t, json.Unmarshal(raw, &stored))
		req.Answers, ch = stored.Answer(texts...), nil
		for page, err := range s.client.TransactionPages(ctx, req) {
			if e, ok := errors.AsType[*bankmux.Error](err); ok && e.Challenge != nil {
				ch = e.Challenge
				break
			}
			require.NoError(t, err)
			for _, row := range page.Transactions {
				rows[row.Account]++
			}
		}
	}
	assert.Nil(t, ch)
	assert.Equal(t, first, rows[ids[0]], "what was read is not read again")
	assert.Positive(t, rows[ids[1]])

	// The same for balances. They read the list of accounts first, which is interrupted.
	require.NoError(t, s.bank.RequireInput(conn.Reference(), "/data/accounts/get", []string{"otp"}))
	_, err = s.client.Balances(ctx, bankmux.BalancesRequest{Connection: conn})
	e, ok := errors.AsType[*bankmux.Error](err)
	require.True(t, ok)
	require.NotNil(t, e.Challenge)
	assert.Equal(t, "Balances", e.Challenge.Op)
	assert.Equal(t, "Accounts", e.Challenge.Call)
	got, err := s.client.Balances(ctx, bankmux.BalancesRequest{Connection: conn, Answers: e.Challenge.Answer("123456")})
	require.NoError(t, err)
	assert.Len(t, got.Balances, 2)
}

func anAnswerGoesToTheInterruptedCallBeforeAnyOtherCall(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := s.connect()
	all, err := s.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	require.NoError(t, s.bank.RequireInput(conn.Reference(), "/data/transactions/get", []string{"otp"}))
	req := bankmux.TransactionsRequest{Connection: conn, Accounts: []string{all.Accounts[0].ID}}
	var ch *bankmux.Challenge
	for _, err := range s.client.TransactionPages(t.Context(), req) {
		e, ok := errors.AsType[*bankmux.Error](err)
		require.True(t, ok, err)
		ch = e.Challenge
	}
	require.NotNil(t, ch)
	raw, err := json.Marshal(ch)
	require.NoError(t, err)
	var stored bankmux.Challenge
	require.NoError(t, json.Unmarshal(raw, &stored))

	other := s.another(nil) // another process, which does not know the bank's range
	before := len(s.bank.Requests())
	req.Answers = stored.Answer("123456")
	pages := 0
	for page, err := range other.TransactionPages(t.Context(), req) {
		require.NoError(t, err)
		require.NotEmpty(t, page.Covered)
		pages++
	}
	assert.Equal(t, 3, pages, "90 days in months, none twice and none left out")
	assert.Equal(t, "/v2/data/transactions/get", s.bank.Requests()[before].Path, "the answer went first")
}

func aRefusedAnswerEndsTheReadingOfAllAccounts(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := s.connect()
	require.NoError(t, s.bank.RequireInput(conn.Reference(), "/data/balance/get", []string{"otp"}))
	_, err := s.client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn})
	e, ok := errors.AsType[*bankmux.Error](err)
	require.True(t, ok)
	require.NotNil(t, e.Challenge)
	before := len(s.bank.Requests())
	_, err = s.client.Balances(
		t.Context(),
		bankmux.BalancesRequest{Connection: conn, Answers: e.Challenge.Answer("000000")},
	)
	require.Equal(t, bankmux.ErrAnswerRejected, bankmux.KindOf(err), "%v", err)
	_, partial := errors.AsType[*bankmux.PartialError](err)
	assert.False(t, partial, "it is not the failure of one account")
	assert.Len(t, s.bank.Requests(), before+1, "and no other account is read")

	require.NoError(t, s.bank.RequireInput(conn.Reference(), "/data/transactions/get", []string{"otp"}))
	req := bankmux.TransactionsRequest{Connection: conn}
	for _, err := range s.client.TransactionPages(t.Context(), req) {
		e, ok = errors.AsType[*bankmux.Error](err)
		require.True(t, ok, "%v", err)
	}
	require.NotNil(t, e.Challenge)
	req.Answers, before = e.Challenge.Answer("000000"), len(s.bank.Requests())
	for _, err := range s.client.TransactionPages(t.Context(), req) {
		require.Equal(t, bankmux.ErrAnswerRejected, bankmux.KindOf(err), "%v", err)
	}
	assert.Len(t, s.bank.Requests(), before+1)
}

func questionsDuringDapisOwnOperationsAreAnswered(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		path string
		call func(context.Context, *bankmux.Client, bankmux.Connection, string, *bankmux.Answers) error
	}{
		"CompleteAccounts": {"/data/completeAccounts/get", func(
			ctx context.Context, client *bankmux.Client, conn bankmux.Connection, _ string, answers *bankmux.Answers,
		) error {
			_, _, err := dapi.CompleteAccounts(ctx, client, conn, answers)
			return err
		}},
		"CategorizedTransactions": {"/data/categorizedTransactions/get", func(
			ctx context.Context, client *bankmux.Client, conn bankmux.Connection, account string,
			answers *bankmux.Answers,
		) error {
			_, err := dapi.CategorizedTransactions(ctx, client,
				bankmux.TransactionsRequest{Connection: conn, Accounts: []string{account}, Answers: answers})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, nil)
			conn := s.connect()
			all, err := s.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
			require.NoError(t, err)
			call := func(answers *bankmux.Answers) error {
				return tc.call(t.Context(), s.client, conn, all.Accounts[0].ID, answers)
			}
			ask := func() *bankmux.Challenge {
				require.NoError(t, s.bank.RequireInput(conn.Reference(), tc.path, []string{"otp"}))
				e, ok := errors.AsType[*bankmux.Error](call(nil))
				require.True(t, ok)
				require.NotNil(t, e.Challenge)
				return e.Challenge
			}
			require.NoError(t, call(ask().Answer("123456")))
			e, _ := errors.AsType[*bankmux.Error](call(ask().Abandon()))
			require.NotNil(t, e)
			assert.Equal(t, bankmux.CodeCancelled, e.Code)
			ch := *ask()
			sent := len(s.bank.Requests())
			for what, spoil := range map[string]func(*bankmux.Challenge){
				"another connection's": func(ch *bankmux.Challenge) { ch.Connection = "somebody else's" },
				"another operation's":  func(ch *bankmux.Challenge) { ch.Op = "Accounts" },
			} {
				other := ch
				spoil(&other)
				require.ErrorIs(t, call(other.Answer("123456")), bankmux.ErrInvalid, what)
			}
			late := ch
			late.ExpiresAt = time.Now().Add(-time.Minute)
			require.ErrorIs(t, call(late.Answer("123456")), bankmux.ErrChallengeExpired)
			assert.Len(t, s.bank.Requests(), sent, "none of these was sent")
		})
	}
	t.Run("a window that ends before it starts is not sent", func(t *testing.T) {
		t.Parallel()
		s := start(t, nil)
		conn := s.connect()
		_, err := dapi.CategorizedTransactions(t.Context(), s.client, bankmux.TransactionsRequest{
			Connection: conn,
			Accounts:   []string{"one"},
			From:       bankmux.NewDate(2026, 3, 2),
			To:         bankmux.NewDate(2026, 3, 1),
		})
		e, _ := errors.AsType[*bankmux.Error](err)
		require.NotNil(t, e)
		assert.Equal(t, bankmux.ErrInvalid, e.Kind)
		assert.True(t, e.NotSent)
	})
}

func theOperationOfAChallengeCanBeReadUntilItEnds(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := s.connect()
	ctx := t.Context()
	read := func(id string) dapi.Operation {
		t.Helper()
		op, err := dapi.ReadOperation(ctx, s.client, conn, id)
		require.NoError(t, err)
		assert.Equal(t, "/v2/data/accounts/get", op.Path)
		assert.False(t, op.Started.IsZero())
		return op
	}
	ask := func(rounds ...[]string) *bankmux.Challenge {
		t.Helper()
		require.NoError(t, s.bank.RequireInput(conn.Reference(), "/data/accounts/get", rounds...))
		_, err := s.client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
		e, ok := errors.AsType[*bankmux.Error](err)
		require.True(t, ok, err)
		require.NotNil(t, e.Challenge)
		return e.Challenge
	}
	first := ask([]string{"otp"}, []string{"pin"})
	assert.Equal(t, "user_input_required", read(first.ID).Status)
	_, err := s.client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn, Answers: first.Answer("123456")})
	e, ok := errors.AsType[*bankmux.Error](err)
	require.True(t, ok, err)
	require.NotNil(t, e.Challenge, "the second round")
	assert.Equal(t, first.ID, e.Challenge.ID)
	_, err = s.client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn, Answers: e.Challenge.Answer("1234")})
	require.NoError(t, err)
	assert.Equal(t, "done", read(first.ID).Status)

	wrong := ask([]string{"otp"})
	_, err = s.client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn, Answers: wrong.Answer("000000")})
	require.Error(t, err)
	op := read(wrong.ID)
	assert.Equal(t, "failed", op.Status)
	assert.Equal(t, "INVALID_MFA", op.ErrorCode)
}
