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
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/virtualbank"
)

// canned answers calls with texts, by path; the rest goes to the bank. It counts what arrives.
func canned(
	t *testing.T,
	answers map[string]string,
) (client *bankmux.Client, conn bankmux.Connection, calls map[string]int) {
	t.Helper()
	s := start(t, nil)
	conn = s.connect()
	calls = map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls[r.URL.Path]++
		body, ok := answers[r.URL.Path]
		if !ok {
			s.bank.Dapi().ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if strings.Contains(body, `"failed"`) {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	creds := s.bank.Credentials().Dapi
	client, err := dapi.New(dapi.Config{
		AppKey:      creds.AppKey,
		AppSecret:   bankmux.NewSecret(creds.AppSecret),
		Environment: bankmux.Sandbox,
		BaseURL:     server.URL + "/v2",
		Guard:       guard.New(guard.Options{Retry: guard.RetryOptions{MaxAttempts: 1}}),
	})
	require.NoError(t, err)
	return client, conn, calls
}

func TestDataOfTheFactSheetAreRead(t *testing.T) {
	t.Parallel()
	const envelope = `"operationID":"X:1","success":true,"status":"done"`
	const aed = `"currency":{"code":"AED","name":"UNITED ARAB EMIRATES DIRHAM"}`
	today := bankmux.DateOf(time.Now().UTC())
	ago := func(days int) string { return today.AddDays(-days).String() }
	client, conn, _ := canned(t, map[string]string{
		"/v2/data/accounts/get": `{` + envelope + `,"accounts":[
			{"id":"a1","name":"Current Account","number":"1015234567801","iban":"AE070331015234567801001","type":"current","isFavourite":false,` + aed + `},
			{"id":"a2","name":null,"number":null,"iban":null,"type":"loan","isFavourite":null,` + aed + `},
			{"id":"a3","name":"Odd","number":"1","iban":null,"type":"treasure","isFavourite":null,"currency":{"code":"XAU","name":"GOLD"}}]}`,
		"/v2/data/balance/get": `{` + envelope + `,"balance":{"amount":"5000.25",` + aed + `,"accountNumber":"1"}}`,
		"/v2/data/cards/get": `{` + envelope + `,"cards":[
			{"id":"c1","name":"Visa","cardNumber":"XXXX-4421","type":"credit","status":"active","creditLimit":20000,"expiryDate":"2028-03-31T00:00:00+00:00",` + aed + `},
			{"id":"c2","name":null,"cardNumber":null,"type":"credit","status":"frozen","creditLimit":null,"expiryDate":null,` + aed + `}]}`,
		"/v2/data/identity/get": `{` + envelope + `,"identity":{"name":"Rosa Example","nationality":null,"dateOfBirth":"1990-11-30T00:00:00.000Z","emailAddress":"rosa@example.com",
			"numbers":[{"type":"mobile","value":"050"}],"address":{"full":"12 Corniche","city":"Dubai","flat":null},"identification":[{"type":"passport","value":"P1"}]}}`,
		"/v2/data/transactions/get": `{` + envelope + `,"transactions":[
			{"amount":312.4,"date":"` + ago(3) + `T00:00:00.000Z","type":"debit","description":"POS CARREFOUR","details":"CARD 4421",` + aed + `,"beforeAmount":10763.15,"afterAmount":10450.75,"reference":null},
			{"amount":-18500,"date":"` + ago(6) + ` 00:00:00","type":"credit","description":"SALARY","details":null,` + aed + `,"beforeAmount":null,"afterAmount":null,"reference":"FT1"},
			{"amount":1,"date":"` + ago(7) + `","type":"debit","currency":{}},
			{"amount":1,"date":null,"type":"debit",` + aed + `}]}`,
	})
	ctx := t.Context()
	accounts, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	assert.Equal(t, []bankmux.Account{
		{
			ID:           "a1",
			Kind:         bankmux.AccountChecking,
			ProviderKind: "current",
			Name:         "Current Account",
			Number:       "1015234567801",
			IBAN:         "AE070331015234567801001",
			Currency:     "AED",
		},
		{ID: "a2", Kind: bankmux.AccountLoan, ProviderKind: "loan", Currency: "AED"},
		{ID: "a3", Kind: bankmux.AccountUnknown, ProviderKind: "treasure", Name: "Odd", Number: "1", Currency: "XAU"},
	}, accounts.Accounts)
	balances, err := client.Balances(ctx, bankmux.BalancesRequest{Connection: conn, Accounts: []string{"a1", "a2"}})
	require.NoError(t, err)
	first, _ := balances.Balances[0].Of(bankmux.BalanceBooked)
	second, _ := balances.Balances[1].Of(bankmux.BalanceBooked)
	assert.Equal(t, "5000.25 AED", first.String(), "some SDKs have amounts as text")
	assert.Equal(t, "-5000.25 AED", second.String(), "a loan is owed")
	numbers, err := client.AccountNumbers(ctx, bankmux.AccountNumbersRequest{Connection: conn})
	require.NoError(t, err)
	require.Len(t, numbers.Accounts, 2)
	iban, ok := numbers.Accounts[0].Of(bankmux.SchemeIBAN)
	require.True(t, ok)
	assert.Equal(t, "EBILAEAD", iban.BIC)
	cards, err := client.Cards(ctx, bankmux.CardsRequest{Connection: conn})
	require.NoError(t, err)
	assert.Equal(t, "20000.00 AED", cards.Cards[0].Limit.String())
	assert.Equal(t, "2028-03-31", cards.Cards[0].Expires.String())
	assert.True(t, cards.Cards[1].Limit.IsZero() && cards.Cards[1].Expires.IsZero())
	assert.Equal(t, "frozen", cards.Cards[1].Status)
	who, err := client.Identity(ctx, bankmux.IdentityRequest{Connection: conn})
	require.NoError(t, err)
	assert.Equal(t, []bankmux.Owner{
		{
			Names: []string{
				"Rosa Example",
			},
			Emails:    []bankmux.Email{{Address: "rosa@example.com"}},
			BirthDate: bankmux.NewDate(1990, 11, 30),
			Phones: []bankmux.Phone{
				{Number: "050", Kind: "mobile"},
			},
			Addresses: []bankmux.Address{{Full: "12 Corniche", City: "Dubai"}},
			Documents: []bankmux.Document{{Kind: "passport", Number: "P1"}},
		},
	}, who.Owners)
	var rows []bankmux.Transaction
	failed := 0
	for row, err := range client.Transactions(ctx, bankmux.TransactionsRequest{Connection: conn, Accounts: []string{"a1"}, From: today.AddDays(-20)}) {
		if err != nil {
			failed++
			continue
		}
		rows = append(rows, row)
	}
	assert.Equal(t, 2, failed)
	require.Len(t, rows, 2)
	assert.Equal(t, "-312.40 AED", rows[0].Amount.String())
	assert.Equal(t, "10450.75 AED", rows[0].BalanceAfter.String())
	assert.Equal(t, "CARD 4421", rows[0].Details)
	assert.Empty(t, rows[0].Status, "Dapi does not tell")
	assert.Empty(t, rows[0].ID, "Dapi has none")
	assert.Equal(t, "18500.00 AED", rows[1].Amount.String(), "the type tells the direction, not the sign")
	assert.Equal(t, ago(6), rows[1].Date.String())
	assert.True(t, rows[1].BalanceAfter.IsZero())
}

func TestOneBadAccountDoesNotSinkTheRest(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := s.connect()
	ctx := t.Context()
	all, err := s.client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	require.Len(t, all.Accounts, 2)
	require.NoError(t, s.bank.SetBalance(conn.Reference(), all.Accounts[0].ID, virtualbank.BalanceSpec{Current: `{}`}))
	got, err := s.client.Balances(ctx, bankmux.BalancesRequest{Connection: conn})
	partial, ok := errors.AsType[*bankmux.PartialError](err)
	require.True(t, ok, err)
	require.Len(t, partial.Failed, 1)
	assert.Equal(t, all.Accounts[0].ID, partial.Failed[0].Account)
	require.Len(t, got.Balances, 1)

	// A bank that fails for good names what is missing and keeps what it gave.
	require.NoError(
		t,
		s.bank.Inject(virtualbank.Fault{Name: "unknown_code", Operation: "/data/transactions/get", Times: 1}),
	)
	var failed []string
	rows := map[string]int{}
	for row, err := range s.client.Transactions(ctx, bankmux.TransactionsRequest{Connection: conn, From: bankmux.DateOf(time.Now().UTC().Add(4 * time.Hour)).AddDays(-30)}) {
		if err != nil {
			failed = append(failed, row.Account)
			continue
		}
		rows[row.Account]++
	}
	assert.Equal(t, []string{all.Accounts[0].ID}, failed)
	assert.Positive(t, rows[all.Accounts[1].ID])
}

func TestDaysBeyondTheBanksRangeAreRefusedOrLeftOutAsAsked(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := s.connect()
	ctx := t.Context()
	require.NoError(t, s.bank.ServeDays(conn.Institution.ID, 60))
	all, err := s.client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	today := bankmux.DateOf(time.Now().UTC().Add(4 * time.Hour))
	read := func(req bankmux.TransactionsRequest) (covered []bankmux.Covered, err error) {
		req.Connection, req.Accounts = conn, []string{all.Accounts[0].ID}
		for page, failed := range s.client.TransactionPages(ctx, req) {
			if failed != nil {
				return covered, failed
			}
			for _, f := range page.Failed {
				err = f
			}
			covered = append(covered, page.Covered...)
		}
		return covered, err
	}
	_, err = read(bankmux.TransactionsRequest{From: today.AddDays(-100)})
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	require.ErrorContains(t, err, "60 days")
	covered, err := read(bankmux.TransactionsRequest{From: today.AddDays(-100), Beyond: bankmux.RangeClamp})
	require.NoError(t, err)
	require.Len(t, covered, 2, "a long range is split")
	assert.Equal(t, today, covered[0].To)
	assert.Equal(t, covered[0].From.AddDays(-1), covered[1].To)
	assert.Equal(t, today.AddDays(-59), covered[1].From)
	covered, err = read(bankmux.TransactionsRequest{})
	require.NoError(t, err, "without From it is never beyond")
	assert.Equal(t, today.AddDays(-59), covered[len(covered)-1].From)
	covered, err = read(
		bankmux.TransactionsRequest{From: today.AddDays(-200), To: today.AddDays(-150), Beyond: bankmux.RangeClamp},
	)
	require.NoError(t, err)
	assert.Empty(t, covered, "nothing was served, and it says so")
}

func TestTheBanksRangeIsAskedForOnceAnHour(t *testing.T) {
	t.Parallel()
	client, conn, calls := canned(t, nil)
	for range 3 {
		for _, err := range client.TransactionPages(t.Context(), bankmux.TransactionsRequest{Connection: conn}) {
			require.NoError(t, err)
		}
	}
	assert.Equal(t, 1, calls["/v2/metadata/accounts/get"])
}

func TestARunningOperationIsWaitedForInsideTheCallersDeadline(t *testing.T) {
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
		began := time.Now()
		got, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
		require.NoError(t, err)
		assert.Len(t, got.Accounts, 2)
		assert.Equal(t, 4, calls["/v2/operation/get"], "three times running, then done")
		assert.Equal(t, 2, calls["/v2/data/accounts/get"], "the result is read by the call itself")
		assert.Contains(t, last, `"operationID":"DAPIBANK_AE_ENBD:`, "sent again for the operation that was finished")
		assert.Equal(t, 12*time.Second, time.Since(began), "1, 2, 4 and 5 seconds")

		require.NoError(t, bank.Defer(conn.Reference(), "/data/accounts/get", 1000))
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		began = time.Now()
		_, err = client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
		require.ErrorIs(t, err, bankmux.ErrInstitution)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 20*time.Second, time.Since(began))
	})
}

func TestAChallengeHoldsNoAccountNumber(t *testing.T) {
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
		raw, err := json.Marshal(e)
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

func TestAChallengeInTheSecondAccountKeepsTheFirst(t *testing.T) {
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

	// Two rounds, each from the text of the round before as another process would read it.
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

	// The same for balances, where the list of accounts is asked for first and is what gets
	// interrupted.
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

func TestARejectedLoginIsNeverTriedAgain(t *testing.T) {
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

	// In another process the stored status says so.
	other, conn2, calls := canned(t, nil)
	conn2.Status = conn2.Status.After(err)
	assert.Equal(t, bankmux.StateReauth, conn2.Status.State)
	_, err = other.Accounts(ctx, bankmux.AccountsRequest{Connection: conn2})
	require.ErrorIs(t, err, bankmux.ErrReauth)
	assert.Zero(t, calls["/v2/data/accounts/get"])
}

func TestOperationsOfDapiAloneAreReachable(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := s.connect()
	ctx := t.Context()
	bank, err := dapi.BankMetadata(ctx, s.client, conn)
	require.NoError(t, err)
	assert.Equal(t, conn.Institution, bank.Institution)
	assert.Equal(t, 90, bank.TransactionDays)
	assert.Equal(t, 24*time.Hour, bank.CoolDown)
	assert.Equal(t, "1.00 AED", bank.Smallest["local"].String())
	assert.True(t, bank.CreateBeneficiaryFirst && bank.ShownInCoolDown)
	assert.Contains(t, bank.Rules["createTransfer"]["same"]["remarks"], `"length":35`)

	accounts, balances, err := dapi.CompleteAccounts(ctx, s.client, conn, nil)
	require.NoError(t, err)
	each, err := s.client.Balances(ctx, bankmux.BalancesRequest{Connection: conn})
	require.NoError(t, err)
	require.Len(t, balances.Balances, len(accounts))
	for i := range balances.Balances {
		one, _ := balances.Balances[i].Of(bankmux.BalanceBooked)
		other, _ := each.Balances[i].Of(bankmux.BalanceBooked)
		assert.Equal(t, other, one)
	}
	page, err := dapi.CategorizedTransactions(
		ctx,
		s.client,
		bankmux.TransactionsRequest{Connection: conn, Accounts: []string{accounts[0].ID}},
	)
	require.NoError(t, err)
	categories := 0
	for _, row := range page.Transactions {
		if row.Enrichment != nil {
			categories++
			assert.Empty(t, row.Enrichment.Merchant.Name)
		}
	}
	assert.Positive(t, categories)
	brands := 0
	for row, err := range s.client.Transactions(ctx, bankmux.TransactionsRequest{Connection: conn, Accounts: []string{accounts[0].ID}, Enrich: true}) {
		require.NoError(t, err)
		if row.Enrichment != nil && row.Enrichment.Merchant.Name != "" {
			brands++
		}
	}
	assert.Positive(t, brands)

	require.NoError(t, s.bank.RequireInput(conn.Reference(), "", []string{"captcha", "multiple_choice"}))
	_, err = s.client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
	e, ok := errors.AsType[*bankmux.Error](err)
	require.True(t, ok)
	assert.NotEmpty(t, e.Challenge.Inputs[0].Image)
	assert.Equal(t, []string{"Text message", "Phone call"}, e.Challenge.Inputs[1].Options)
	raw, err := json.Marshal(e)
	require.NoError(t, err)
	var back bankmux.Error
	require.NoError(t, json.Unmarshal(raw, &back))
	assert.Equal(t, e.Challenge.ID, back.Challenge.ID)
	_, err = s.client.Accounts(
		ctx,
		bankmux.AccountsRequest{Connection: conn, Answers: e.Challenge.Answer("BANK7", "0")},
	)
	require.NoError(t, err)
}

func TestABareStatusOfAProxyDoesNotLoseAnExchangedCode(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 403, 404, 410, 422, 502} {
		s := start(t, nil)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/metadata/accounts/get") {
				w.Header().Set("Content-Type", "text/html")
				w.WriteHeader(status)
				_, _ = io.WriteString(w, "<html>blocked</html>")
				return
			}
			s.bank.Dapi().ServeHTTP(w, r)
		}))
		s.url = server.URL + "/v2"
		client := s.another(nil)
		conn, err := single.Connection(
			client.ExchangeToken(t.Context(), s.post(client, request, virtualbank.DapiLink{})),
		)
		server.Close()
		require.NoError(t, err, status)
		assert.Equal(t, bankmux.StateUnverified, conn.Status.State, status)
	}
}

func TestALoginThatChangedIsNotDelinked(t *testing.T) {
	t.Parallel()
	for code, gone := range map[string]bool{"INVALID_CREDENTIALS": false, "INVALID_CONNECTION": false, "INVALID_TOKEN": true, "USER_DELINKED": true} {
		client, conn, _ := canned(
			t,
			map[string]string{"/v2/users/DelinkUser": `{"success":false,"status":"failed","type":"` + code + `"}`},
		)
		res, err := client.Disconnect(t.Context(), bankmux.DisconnectRequest{Connection: conn})
		assert.Equal(t, gone, err == nil, code)
		assert.Equal(t, gone, res.Connection.Status.State == bankmux.StateGone, code)
	}
}

func TestAFaultOfOneBankThatNobodyListedLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn, other := s.connect(), s.connect()
	down := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, `{"success":false,"status":"failed","type":"BANK_TIMEOUT"}`)
			return
		}
		s.bank.Dapi().ServeHTTP(w, r)
	}))
	defer server.Close()
	s.url = server.URL + "/v2"
	client := s.another(nil)
	for range 10 {
		_, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
		e, ok := errors.AsType[*bankmux.Error](err)
		require.True(t, ok)
		assert.True(t, e.Unlisted)
		assert.Equal(t, "BANK_TIMEOUT", e.Code)
	}
	down = false
	_, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: other})
	require.NoError(t, err, "the circuit is closed")
}

func TestAnAnswerGoesToTheInterruptedCallAndNoOtherCallComesBefore(t *testing.T) {
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

	other := s.another(nil) // another process: it knows nothing of the bank's range
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

func TestARefusedAnswerEndsTheReadingOfAllAccounts(t *testing.T) {
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
	assert.False(t, partial, "it is no failure of one account")
	assert.Equal(t, before+1, len(s.bank.Requests()), "and no other account is asked for")

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
	assert.Equal(t, before+1, len(s.bank.Requests()))
}

func TestTheBanksQuestionsInOperationsOfDapiAloneAreAnswered(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		path string
		call func(context.Context, *bankmux.Client, bankmux.Connection, string, *bankmux.Answers) error
	}{
		"CompleteAccounts": {"/data/completeAccounts/get", func(ctx context.Context, client *bankmux.Client, conn bankmux.Connection, _ string, answers *bankmux.Answers) error {
			_, _, err := dapi.CompleteAccounts(ctx, client, conn, answers)
			return err
		}},
		"CategorizedTransactions": {"/data/categorizedTransactions/get", func(ctx context.Context, client *bankmux.Client, conn bankmux.Connection, account string, answers *bankmux.Answers) error {
			_, err := dapi.CategorizedTransactions(ctx, client, bankmux.TransactionsRequest{Connection: conn, Accounts: []string{account}, Answers: answers})
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
	t.Run("a window that ends before it begins is not sent", func(t *testing.T) {
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
