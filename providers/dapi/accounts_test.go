package dapi_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestAccounts specifies how accounts, balances, identity and cards are read.
func TestAccounts(t *testing.T) {
	t.Parallel()
	t.Run("the documented examples are read", theDocumentedExamplesAreRead)
	t.Run("one unreadable account does not cost the others", oneUnreadableAccountDoesNotCostTheOthers)
	t.Run("each list loses only its unreadable element", eachListLosesOnlyItsUnreadableElement)
	t.Run("one unreadable balance costs itself", oneUnreadableBalanceCostsItself)
	t.Run("balances of accounts that are known list no accounts", knownAccountsAreNotListed)
	t.Run("an object of another shape is absent", anObjectOfAnotherShapeIsAbsent)
	t.Run("a list of a person in another shape costs itself", aListOfAPersonInAnotherShapeCostsItself)
	t.Run("rules of the bank in another shape never cost a link", rulesOfTheBankInAnotherShapeNeverCostALink)
}

func theDocumentedExamplesAreRead(t *testing.T) {
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
			{"id":"c1","name":"Visa","cardNumber":"XXXX-4421","type":"credit","status":"active",` +
			`"creditLimit":20000,"expiryDate":"2028-03-31T00:00:00+00:00",` + aed + `},
			{"id":"c2","name":null,"cardNumber":null,"type":"credit","status":"frozen","creditLimit":null,"expiryDate":null,` + aed + `}]}`,
		"/v2/data/identity/get": `{` + envelope + `,"identity":{"name":"Rosa Example","nationality":null,` +
			`"dateOfBirth":"1990-11-30T00:00:00.000Z","emailAddress":"rosa@example.com",
			"numbers":[{"type":"mobile","value":"050"}],"address":{"full":"12 Corniche","city":"Dubai",` +
			`"flat":null},"identification":[{"type":"passport","value":"P1"}]}}`,
		"/v2/data/transactions/get": `{` + envelope + `,"transactions":[
			{"amount":312.4,"date":"` + ago(3) + `T00:00:00.000Z","type":"debit","description":"POS CARREFOUR","details":"CARD 4421",` + aed +
			`,"beforeAmount":10763.15,"afterAmount":10450.75,"reference":null},
			{"amount":-18500,"date":"` + ago(6) + ` 00:00:00","type":"credit","description":"SALARY","details":null,` + aed +
			`,"beforeAmount":null,"afterAmount":null,"reference":"FT1"},
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
	for row, err := range client.Transactions(ctx,
		bankmux.TransactionsRequest{Connection: conn, Accounts: []string{"a1"}, From: today.AddDays(-20)}) {
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
	assert.Empty(t, rows[0].Status, "Dapi does not say")
	assert.Empty(t, rows[0].ID, "Dapi has none")
	assert.Equal(t, "18500.00 AED", rows[1].Amount.String(), "the type is the direction, not the sign")
	assert.Equal(t, ago(6), rows[1].Date.String())
	assert.True(t, rows[1].BalanceAfter.IsZero())
}

func oneUnreadableAccountDoesNotCostTheOthers(t *testing.T) {
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

	// A bank that keeps failing: the result has what was read, and names what is missing.
	require.NoError(
		t,
		s.bank.Inject(virtualbank.Fault{Name: "unknown_code", Operation: "/data/transactions/get", Times: 1}),
	)
	var failed []string
	rows := map[string]int{}
	for row, err := range s.client.Transactions(ctx, bankmux.TransactionsRequest{
		Connection: conn, From: bankmux.DateOf(time.Now().UTC().Add(4 * time.Hour)).AddDays(-30),
	}) {
		if err != nil {
			failed = append(failed, row.Account)
			continue
		}
		rows[row.Account]++
	}
	assert.Equal(t, []string{all.Accounts[0].ID}, failed)
	assert.Positive(t, rows[all.Accounts[1].ID])
}

func eachListLosesOnlyItsUnreadableElement(t *testing.T) {
	t.Parallel()
	const accounts = `[{"id":"a1","name":5,"number":1015234567801,"iban":{},"type":"current",` + aed +
		`},"odd",{"name":"no id"},{"id":"a2","id":"a3"},{"id":"a4","type":[],"balance":"none"}]`
	client, conn, _ := canned(t, map[string]string{
		"/v2/data/accounts/get":         `{` + done + `,"accounts":` + accounts + `}`,
		"/v2/data/completeAccounts/get": `{` + done + `,"accounts":` + accounts + `}`,
		"/v2/data/cards/get": `{` + done + `,"cards":[{"id":"c1","creditLimit":"NA","cardNumber":4421,"status":{},` + aed +
			`},7,{"name":"no id"}]}`,
		"/v2/data/identity/get": `{` + done + `,"identity":{"name":["Rosa"],` +
			`"emailAddress":"rosa@example.com","numbers":[{"type":"mobile","value":50},"odd"],` +
			`"address":"Dubai","identification":[5]}}`,
		"/v2/data/transactions/get": `{` + done + `,"transactions":[]}`,
	})
	ctx := t.Context()
	places := func(err error) (names []string) {
		partial, ok := errors.AsType[*bankmux.PartialError](err)
		require.True(t, ok, err)
		require.ErrorIs(t, err, bankmux.ErrMalformed)
		for _, f := range partial.Failed {
			names = append(names, strings.Trim(f.Account+"/"+f.Transaction, "/"))
		}
		return names
	}
	for range 7 {
		got, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
		assert.ElementsMatch(t, []string{"row 2", "row 3", "row 4"}, places(err))
		require.Len(t, got.Accounts, 2)
		assert.Equal(
			t,
			bankmux.Account{
				ID:           "a1",
				Kind:         bankmux.AccountChecking,
				ProviderKind: "current",
				Name:         "5",
				Number:       "1015234567801",
				Currency:     "AED",
			},
			got.Accounts[0],
		)
	}
	numbers, err := client.AccountNumbers(ctx, bankmux.AccountNumbersRequest{Connection: conn})
	assert.ElementsMatch(t, []string{"row 2", "row 3", "row 4"}, places(err))
	require.Len(t, numbers.Accounts, 1)
	list, balances, err := dapi.CompleteAccounts(ctx, client, conn, nil)
	require.NoError(t, err)
	assert.Len(t, list, 2)
	assert.Len(t, balances.Failed, 3)
	cards, err := client.Cards(ctx, bankmux.CardsRequest{Connection: conn})
	assert.ElementsMatch(t, []string{"row 2", "row 3", "c1"}, places(err))
	require.Len(t, cards.Cards, 1)
	assert.Equal(t, bankmux.Card{ID: "c1", Number: "4421", Currency: "AED"}, cards.Cards[0])
	who, err := client.Identity(ctx, bankmux.IdentityRequest{Connection: conn})
	assert.ElementsMatch(t, []string{"row 2", "row 1"}, places(err))
	assert.Equal(
		t,
		[]bankmux.Owner{
			{
				Emails: []bankmux.Email{{Address: "rosa@example.com"}},
				Phones: []bankmux.Phone{{Number: "50", Kind: "mobile"}},
			},
		},
		who.Owners,
	)
	delta, err := client.Sync(ctx, bankmux.SyncRequest{Connection: conn})
	partly(t, err)
	assert.Len(t, delta.Failed, 3, "unreadable accounts are named, and the others are synced")
	assert.True(t, delta.More)
	for _, body := range []string{
		`{` + done + `,"accounts":{}}`, `{` + done + `,"accounts":"none"}`,
		`{` + done + `,"accounts":[],"status":"done"}`, `{` + done + `}`,
	} {
		client, conn, _ := canned(t, map[string]string{"/v2/data/accounts/get": body})
		_, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
		require.ErrorIs(t, err, bankmux.ErrMalformed, body)
		e, _ := errors.AsType[*bankmux.Error](err)
		assert.Equal(t, bankmux.ScopeProvider, e.Affects(), "an envelope that is wrong counts")
	}
}

func oneUnreadableBalanceCostsItself(t *testing.T) {
	t.Parallel()
	client, conn, _ := canned(
		t,
		map[string]string{
			"/v2/data/balance/get": `{` + done + `,"balance":{"outstandingBalance":"NA","availableBalance":7500,"cardNumber":7,` + aed + `}}`,
		},
	)
	got, err := client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn, Cards: []string{"c1"}})
	partial, ok := errors.AsType[*bankmux.PartialError](err)
	require.True(t, ok, err)
	require.Len(t, partial.Failed, 1)
	assert.Equal(t, "c1", partial.Failed[0].Account)
	require.Len(t, got.Balances, 1)
	available, _ := got.Balances[0].Of(bankmux.BalanceAvailable)
	assert.Equal(t, "7500.00 AED", available.String())
	_, ok = got.Balances[0].Of(bankmux.BalanceBooked)
	assert.False(t, ok)
	client, conn, _ = canned(
		t,
		map[string]string{
			"/v2/data/balance/get": `{` + done + `,"balance":{"outstandingBalance":1,"availableBalance":2,"amountDue":3,"currency":null}}`,
		},
	)
	got, err = client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn, Cards: []string{"c1"}})
	partial, ok = errors.AsType[*bankmux.PartialError](err)
	require.True(t, ok, err)
	assert.Len(t, partial.Failed, 1, "one failure per account is enough")
	assert.Empty(t, got.Balances)
}

func knownAccountsAreNotListed(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := s.connect()
	all, err := s.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	require.Len(t, all.Accounts, 2)
	first, both := all.Accounts[:1], all.Accounts
	const list, balance = "/v2/data/accounts/get", "/v2/data/balance/get"
	for name, c := range map[string]struct {
		req   bankmux.BalancesRequest
		calls []string
	}{
		"nothing known":            {bankmux.BalancesRequest{}, []string{list, balance, balance}},
		"all known":                {bankmux.BalancesRequest{Known: both}, []string{balance, balance}},
		"one known twice":          {bankmux.BalancesRequest{Known: slices.Concat(first, first)}, []string{balance}},
		"a named one known":        {bankmux.BalancesRequest{Known: both, Accounts: idsOf(first)}, []string{balance}},
		"not all named ones known": {bankmux.BalancesRequest{Known: first, Accounts: idsOf(both)}, []string{list, balance, balance}},
	} {
		before := len(s.bank.Requests())
		c.req.Connection = conn
		res, err := s.client.Balances(t.Context(), c.req)
		require.NoError(t, err, name)
		var calls []string
		for _, r := range s.bank.Requests()[before:] {
			calls = append(calls, r.Path)
		}
		assert.Equal(t, c.calls, calls, name)
		assert.Len(t, res.Balances, strings.Count(strings.Join(calls, " "), balance), name)
	}
}

func idsOf(accounts []bankmux.Account) (ids []string) {
	for _, a := range accounts {
		ids = append(ids, a.ID)
	}
	return ids
}

func anObjectOfAnotherShapeIsAbsent(t *testing.T) {
	t.Parallel()
	for _, odd := range oddShapes {
		t.Run("a balance and a person that are "+odd+" are malformed", func(t *testing.T) {
			t.Parallel()
			client, conn, _ := canned(t, map[string]string{
				"/v2/data/balance/get":          `{` + done + `,"balance":` + odd + `}`,
				"/v2/data/identity/get":         `{` + done + `,"identity":` + odd + `}`,
				"/v2/data/completeAccounts/get": `{` + done + `,"accounts":[{"id":"a1","type":"current",` + aed + `,"balance":` + odd + `}]}`,
			})
			got, err := client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn, Cards: []string{"c1"}})
			assert.Empty(t, got.Balances)
			require.ErrorIs(t, err, bankmux.ErrMalformed)
			known := []bankmux.Account{{ID: "a1", Kind: bankmux.AccountChecking, Currency: "AED"}}
			got, err = client.Balances(
				t.Context(),
				bankmux.BalancesRequest{Connection: conn, Known: known, Accounts: []string{"a1"}},
			)
			assert.Empty(t, got.Balances)
			require.ErrorIs(t, err, bankmux.ErrMalformed)
			who, err := client.Identity(t.Context(), bankmux.IdentityRequest{Connection: conn})
			assert.Empty(t, who.Owners)
			require.ErrorIs(t, err, bankmux.ErrMalformed)
			e, _ := errors.AsType[*bankmux.Error](err)
			assert.Equal(
				t,
				odd == "null",
				e.Affects() == bankmux.ScopeProvider,
				"a value that the bank wrote says nothing about Dapi",
			)
			accounts, balances, err := dapi.CompleteAccounts(t.Context(), client, conn, nil)
			require.NoError(t, err)
			assert.Len(t, accounts, 1)
			assert.Empty(t, balances.Balances, "it is optional there")
		})
		t.Run("an address that is "+odd+" is absent", func(t *testing.T) {
			t.Parallel()
			client, conn, _ := canned(
				t,
				map[string]string{
					"/v2/data/identity/get": `{` + done + `,"identity":{"name":"Rosa","address":` + odd + `}}`,
				},
			)
			who, err := client.Identity(t.Context(), bankmux.IdentityRequest{Connection: conn})
			require.NoError(t, err)
			assert.Equal(t, []bankmux.Owner{{Names: []string{"Rosa"}}}, who.Owners)
		})
	}
	for _, odd := range append(oddShapes, `{}`, `{"bankName":7,"swiftCode":{}}`) {
		t.Run("metadata that are "+odd+" say nothing about the bank", func(t *testing.T) {
			t.Parallel()
			s := start(t, nil)
			conn := s.connect()
			s.client = s.withMetadata(`"accountsMetadata":` + odd)
			got, err := s.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
			require.ErrorIs(t, err, bankmux.ErrMalformed)
			assert.Empty(t, got.Connection.Institution)
			fresh := s.connect()
			assert.Equal(t, bankmux.StateUnverified, fresh.Status.State)
			assert.Empty(t, fresh.Institution)
		})
	}
}

func aListOfAPersonInAnotherShapeCostsItself(t *testing.T) {
	t.Parallel()
	rosa := bankmux.Owner{Names: []string{"Rosa"}}
	for _, list := range []string{"numbers", "identification", "identifications"} {
		for _, odd := range []string{`{"type":"mobile","value":"1"}`, `"784"`, `7`, `{"a":1,"a":2}`, `["odd"]`} {
			t.Run(list+" that are "+odd, func(t *testing.T) {
				t.Parallel()
				client, conn, _ := canned(t, map[string]string{
					"/v2/data/identity/get": `{` + done + `,"identity":{"name":"Rosa","` + list + `":` + odd + `}}`,
				})
				for range 7 { // one more than opens a circuit
					who, err := client.Identity(t.Context(), bankmux.IdentityRequest{Connection: conn})
					partly(t, err)
					require.ErrorContains(t, err, "row 1", "what is missing is named")
					assert.Equal(t, []bankmux.Owner{rosa}, who.Owners)
				}
			})
		}
	}
	t.Run("a person without any data is not an owner", func(t *testing.T) {
		t.Parallel()
		for _, odd := range []string{
			`{}`, `{"name":{},"emailAddress":[],"numbers":[{"type":"mobile"},null],"identification":[null]}`,
		} {
			client, conn, _ := canned(
				t,
				map[string]string{"/v2/data/identity/get": `{` + done + `,"identity":` + odd + `}`},
			)
			who, err := client.Identity(t.Context(), bankmux.IdentityRequest{Connection: conn})
			require.NoError(t, err)
			assert.Empty(t, who.Owners)
		}
	})
	t.Run("numbers that are plain text are read", func(t *testing.T) {
		t.Parallel()
		client, conn, _ := canned(t, map[string]string{
			"/v2/data/identity/get": `{` + done + `,"identity":{"address":{"poBox":12345,"flat":7,"building":"B","full":{}},"numbers":null}}`,
		})
		who, err := client.Identity(t.Context(), bankmux.IdentityRequest{Connection: conn})
		require.NoError(t, err)
		assert.Equal(
			t,
			[]bankmux.Owner{{Addresses: []bankmux.Address{{POBox: "12345", Flat: "7", Building: "B"}}}},
			who.Owners,
		)
	})
}

// withMetadata returns a client for which Dapi adds these members to every bank's metadata.
func (s *setup) withMetadata(members string) *bankmux.Client {
	return s.another(func(cfg *dapi.Config) {
		cfg.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if !strings.HasSuffix(r.URL.Path, "/metadata/accounts/get") {
				return http.DefaultTransport.RoundTrip(r)
			}
			w := httptest.NewRecorder()
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.WriteString(`{` + done + `,` + members + `}`)
			return w.Result(), nil
		})}
	})
}
