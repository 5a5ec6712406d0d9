package dapi_test

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
)

// Rows as banks send them: one odd member costs itself or its row, never the page, the sync or the
// breaker.

const (
	done = `"operationID":"X:1","success":true,"status":"done"`
	aed  = `"currency":{"code":"AED","name":"UNITED ARAB EMIRATES DIRHAM"}`
)

// yesterday is a day that every reading asks for.
func yesterday() string {
	return bankmux.DateOf(time.Now().UTC()).AddDays(-1).String()
}

// rowsOf reads the rows of an account a1 from a list and from a sync, and what failed of each.
func rowsOf(
	t *testing.T,
	client *bankmux.Client,
	conn bankmux.Connection,
) (rows []bankmux.Transaction, failed []error, delta bankmux.Delta) {
	t.Helper()
	from := bankmux.DateOf(time.Now().UTC()).AddDays(-3)
	for row, err := range client.Transactions(t.Context(), bankmux.TransactionsRequest{Connection: conn, Accounts: []string{"a1"}, From: from}) {
		if err != nil {
			failed = append(failed, err)
			continue
		}
		rows = append(rows, row)
	}
	delta, err := client.Sync(t.Context(), bankmux.SyncRequest{Connection: conn, Accounts: []string{"a1"}})
	partly(t, err)
	return rows, failed, delta
}

// partly demands that an error, if there is one, is about what is missing from a good answer.
func partly(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		_, partial := errors.AsType[*bankmux.PartialError](err)
		require.True(t, partial, err)
	}
}

func TestOneOddRowNeverCostsThePage(t *testing.T) {
	t.Parallel()
	good := `{"amount":1,"date":"` + yesterday() + `","type":"credit","description":"GOOD",` + aed + `}`
	for name, c := range map[string]struct {
		row   string
		check func(*testing.T, bankmux.Transaction)
	}{
		"a numeric reference is read": {
			`{"amount":5,"date":"DAY","type":"debit","reference":998877,` + aed + `}`,
			func(t *testing.T, row bankmux.Transaction) { assert.Equal(t, "998877", row.Reference) },
		},
		"members to show are absent": {
			`{"amount":5,"date":"DAY","type":"debit","description":{"en":"x"},"details":[1],"category":true,"brandDetails":"none",` + aed + `}`,
			func(t *testing.T, row bankmux.Transaction) {
				assert.Empty(t, row.Description+row.Details)
				assert.Nil(t, row.Enrichment)
			},
		},
		"a currency that is a code alone is read": {
			`{"amount":"5","date":"DAY","type":"DEBIT","currency":"AED"}`,
			func(*testing.T, bankmux.Transaction) {},
		},
		"a running balance that cannot be read is absent": {
			`{"amount":5,"date":"DAY","type":"debit","beforeAmount":"NA","afterAmount":{},` + aed + `}`,
			func(t *testing.T, row bankmux.Transaction) {
				assert.True(t, row.BalanceBefore.IsZero() && row.BalanceAfter.IsZero())
			},
		},
		"text is not a row":                 {`"row"`, nil},
		"a list is not a row":               {`[1]`, nil},
		"a row that repeats a key fails":    {`{"amount":5,"amount":6,"date":"DAY","type":"debit",` + aed + `}`, nil},
		"a currency that repeats a key":     {`{"amount":5,"date":"DAY","type":"debit","currency":{"code":"AED","code":"USD"}}`, nil},
		"an unknown word is not a credit":   {`{"amount":5,"date":"DAY","type":"sideways",` + aed + `}`, nil},
		"a word that is a number fails":     {`{"amount":5,"date":"DAY","type":1,` + aed + `}`, nil},
		"an amount that is an object fails": {`{"amount":{"value":5},"date":"DAY","type":"debit",` + aed + `}`, nil},
		"a day that is a number fails":      {`{"amount":5,"date":17,"type":"debit",` + aed + `}`, nil},
		"a currency by its name":            {`{"amount":5,"date":"DAY","type":"debit","currency":{"code":"dirham"}}`, nil},
		"a currency that is a number":       {`{"amount":5,"date":"DAY","type":"debit","currency":784}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := `{` + done + `,"transactions":[` + good + `,` + strings.ReplaceAll(
				c.row,
				"DAY",
				yesterday(),
			) + `,` + good + `]}`
			client, conn, _ := canned(t, map[string]string{"/v2/data/transactions/get": body})
			for range 7 { // one more than opens a circuit
				rows, failed, delta := rowsOf(t, client, conn)
				if c.check == nil {
					require.Len(t, rows, 2)
					require.Len(t, failed, 1)
					require.ErrorIs(t, failed[0], bankmux.ErrMalformed)
					require.ErrorContains(t, failed[0], "row 2")
					require.Len(t, delta.Failed, 1)
					assert.Equal(t, "row 2", delta.Failed[0].Transaction)
					continue
				}
				require.Empty(t, failed)
				require.Len(t, rows, 3)
				assert.Equal(t, "-5.00 AED", rows[1].Amount.String())
				c.check(t, rows[1])
				assert.Empty(t, delta.Failed)
				assert.Len(t, delta.Added, 3)
			}
		})
	}
}

func TestADayThatCannotBeMeantFailsAndIsQuoted(t *testing.T) {
	t.Parallel()
	for _, day := range []string{"1448-05-13", "0001-01-01", "9999-12-31", "2569-11-20T00:00:00.000Z", "1970-01-01"} {
		client, conn, _ := canned(t, map[string]string{
			"/v2/data/transactions/get": `{` + done + `,"transactions":[{"amount":5,"date":"` + day + `","type":"debit",` + aed + `}]}`,
			"/v2/data/balance/get":      `{` + done + `,"balance":{"outstandingBalance":5,"dueDate":"` + day + `",` + aed + `}}`,
			"/v2/data/cards/get":        `{` + done + `,"cards":[{"id":"c1","expiryDate":"` + day + `",` + aed + `}]}`,
			"/v2/data/identity/get":     `{` + done + `,"identity":{"name":"Rosa","dateOfBirth":"` + day + `"}}`,
		})
		rows, failed, delta := rowsOf(t, client, conn)
		assert.Empty(t, rows)
		require.Len(t, failed, 1)
		require.ErrorContains(t, failed[0], `"`+day+`"`)
		require.Len(t, delta.Failed, 1, "a sync names it, too")
		require.ErrorContains(t, delta.Failed[0], `"`+day+`"`)
		if strings.HasPrefix(day, "1970") {
			continue // as good a birthday as any
		}
		balances, err := client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn, Cards: []string{"c1"}})
		require.ErrorContains(t, err, `"`+day+`"`)
		require.Len(t, balances.Balances, 1)
		assert.True(t, balances.Balances[0].Due.IsZero())
		cards, err := client.Cards(t.Context(), bankmux.CardsRequest{Connection: conn})
		require.ErrorContains(t, err, `"`+day+`"`)
		require.Len(t, cards.Cards, 1)
		who, err := client.Identity(t.Context(), bankmux.IdentityRequest{Connection: conn})
		require.ErrorContains(t, err, `"`+day+`"`)
		require.Len(t, who.Owners, 1)
	}
}

func TestEveryListLosesOnlyTheOddElement(t *testing.T) {
	t.Parallel()
	const accounts = `[{"id":"a1","name":5,"number":1015234567801,"iban":{},"type":"current",` + aed + `},"odd",{"name":"no id"},{"id":"a2","id":"a3"},{"id":"a4","type":[],"balance":"none"}]`
	client, conn, _ := canned(t, map[string]string{
		"/v2/data/accounts/get":         `{` + done + `,"accounts":` + accounts + `}`,
		"/v2/data/completeAccounts/get": `{` + done + `,"accounts":` + accounts + `}`,
		"/v2/data/cards/get":            `{` + done + `,"cards":[{"id":"c1","creditLimit":"NA","cardNumber":4421,"status":{},` + aed + `},7,{"name":"no id"}]}`,
		"/v2/data/identity/get":         `{` + done + `,"identity":{"name":["Rosa"],"emailAddress":"rosa@example.com","numbers":[{"type":"mobile","value":50},"odd"],"address":"Dubai","identification":[5]}}`,
		"/v2/data/transactions/get":     `{` + done + `,"transactions":[]}`,
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
	assert.Len(t, delta.Failed, 3, "accounts that cannot be read are named, and the others are synced")
	assert.True(t, delta.More)
	for _, body := range []string{`{` + done + `,"accounts":{}}`, `{` + done + `,"accounts":"none"}`, `{` + done + `,"accounts":[],"status":"done"}`, `{` + done + `}`} {
		client, conn, _ := canned(t, map[string]string{"/v2/data/accounts/get": body})
		_, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
		require.ErrorIs(t, err, bankmux.ErrMalformed, body)
		e, _ := errors.AsType[*bankmux.Error](err)
		assert.Equal(t, bankmux.ScopeProvider, e.Affects(), "an envelope that is wrong counts")
	}
}

func TestOneBalanceThatCannotBeReadCostsItself(t *testing.T) {
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
	assert.Len(t, partial.Failed, 1, "one failure an account says enough")
	assert.Empty(t, got.Balances)
}

func TestWhatIsOnlyForDisplayNeverDecides(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		kind bankmux.Kind
	}{
		"a numeric operation id beside a lapsed login": {`{"operationID":77,"status":"failed","type":"INVALID_CREDENTIALS","msg":{"en":"x"}}`, bankmux.ErrReauth},
		"an operation id of another shape":             {`{"operationID":["x"],"status":"failed","type":"INVALID_CREDENTIALS"}`, bankmux.ErrReauth},
		"a broken list beside a lapsed login":          {`{"operationID":"X:1","status":"failed","type":"INVALID_CREDENTIALS","accounts":{},"userInputs":"none"}`, bankmux.ErrReauth},
		"a broken result beside a deleted connection":  {`{"status":"failed","type":"USER_DELINKED","accounts":[7]}`, bankmux.ErrGone},
		"a type that is a number: the status decides":  {`{"status":"failed","type":401}`, bankmux.ErrCredentials},
		"a repeated key: the status decides":           {`{"status":"failed","status":"failed","type":"INVALID_CREDENTIALS"}`, bankmux.ErrCredentials},
	} {
		client, conn, _ := canned(t, map[string]string{"/v2/data/accounts/get": c.body})
		_, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
		assert.Equal(t, c.kind, bankmux.KindOf(err), name)
	}
	for name, c := range map[string]struct {
		options string
		want    []string
	}{
		"an object":         {`{"1":"Text message","0":"Phone call"}`, []string{"Text message", "Phone call"}},
		"a list":            {`["Text message",{"text":"Phone call"},null]`, []string{"Text message", "Phone call"}},
		"text":              {`"Text message"`, nil},
		"a number":          {`7`, nil},
		"an object of none": {`{}`, nil},
	} {
		client, conn, _ := canned(
			t,
			map[string]string{
				"/v2/data/accounts/get": `{"operationID":77,"success":"yes","status":"user_input_required",
			"userInputs":["odd",{"id":"multiple_choice","index":"0","query":5,"queryType":{},"queryOptions":` + c.options + `}]}`,
			},
		)
		_, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
		e, _ := errors.AsType[*bankmux.Error](err)
		require.NotNil(t, e, name)
		require.NotNil(t, e.Challenge, name)
		assert.Equal(t, "77", e.Challenge.ID)
		require.Len(t, e.Challenge.Inputs, 1)
		assert.Equal(t, "5", e.Challenge.Inputs[0].Query)
		assert.Equal(t, c.want, e.Challenge.Inputs[0].Options, name)
	}
	client, conn, _ := canned(
		t,
		map[string]string{
			"/v2/data/accounts/get": `{"operationID":"X:1","status":"user_input_required","userInputs":["odd"]}`,
		},
	)
	_, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	require.ErrorIs(t, err, bankmux.ErrMalformed, "without a question there is nothing to ask")
}

func TestTheStatusOfAnAnswerDecides(t *testing.T) {
	t.Parallel()
	const asks = `"status":"user_input_required","userInputs":[{"id":"otp","index":0}]`
	for name, c := range map[string]struct {
		status   int
		kind     string
		body     string
		want     bankmux.Kind
		unlisted bool
		says     string // Detail
	}{
		"done":                          {200, "application/json", `{"status":"done","accounts":[]}`, "", false, ""},
		"done under another 2xx":        {201, "application/json", `{"status":"done","accounts":[]}`, "", false, ""},
		"done, with a broken list":      {200, "application/json", `{"status":"done","accounts":7}`, bankmux.ErrMalformed, false, "the response is not the JSON expected here"},
		"the same under 201":            {201, "application/json", `{"status":"done","accounts":{}}`, bankmux.ErrMalformed, false, "the response is not the JSON expected here"},
		"the same under 500":            {500, "application/json", `{"status":"done","accounts":7}`, bankmux.ErrUnavailable, false, "the provider is not available"},
		"the same under 429":            {429, "application/json", `{"status":"done","accounts":"none"}`, bankmux.ErrRateLimited, false, "too many requests were made"},
		"neither done nor failed":       {200, "application/json", `{"status":"brand_new","accounts":[]}`, bankmux.ErrUnknown, true, "the response has an unlisted status"},
		"neither, under 500":            {500, "application/json", `{"status":"brand_new"}`, bankmux.ErrUnknown, true, "the response has an unlisted status"},
		"in another case":               {200, "application/json", `{"status":"DONE","accounts":[]}`, bankmux.ErrUnknown, true, "the response has an unlisted status"},
		"a number":                      {200, "application/json", `{"status":200,"accounts":[]}`, bankmux.ErrMalformed, false, "the response lacks status"},
		"none":                          {200, "application/json", `{"accounts":[]}`, bankmux.ErrMalformed, false, "the response lacks status"},
		"none, under 201":               {201, "application/json", `{"accounts":[]}`, bankmux.ErrMalformed, false, "the response lacks status"},
		"a page of a proxy under 200":   {200, "text/html", `<html>`, bankmux.ErrMalformed, false, "the response is not of a JSON content type"},
		"a page of a proxy under 299":   {299, "text/html", `<html>`, bankmux.ErrMalformed, false, "the response is not of a JSON content type"},
		"a page of a proxy under 403":   {403, "text/html", `<html>`, bankmux.ErrNotPermitted, false, "the application may not do this"},
		"a page of a proxy under 502":   {502, "text/html", `<html>`, bankmux.ErrUnavailable, false, "the provider is not available"},
		"a redirect":                    {302, "text/html", `<html>`, bankmux.ErrMalformed, false, "the answer cannot be read"},
		"failed under 200":              {200, "application/json", `{"status":"failed","type":"INVALID_MFA"}`, bankmux.ErrAnswerRejected, false, "the user's answer was wrong"},
		"failed under 200, no type":     {200, "application/json", `{"status":"failed"}`, bankmux.ErrUnknown, false, "Dapi failed and does not say why"},
		"failed under 404, no type":     {404, "application/json", `{"status":"failed"}`, bankmux.ErrNotFound, false, "the provider does not know this"},
		"running, and nothing to await": {200, "application/json", `{"status":"initialized"}`, bankmux.ErrInstitution, false, "the operation is still running at the bank"},
		"a question without operation":  {200, "application/json", `{` + asks + `}`, bankmux.ErrMalformed, false, "the response lacks operationID or userInputs"},
		"a question of operation null":  {200, "application/json", `{"operationID":null,` + asks + `}`, bankmux.ErrMalformed, false, "the response lacks operationID or userInputs"},
		"a question of operation empty": {200, "application/json", `{"operationID":"",` + asks + `}`, bankmux.ErrMalformed, false, "the response lacks operationID or userInputs"},
		"an operation without question": {200, "application/json", `{"operationID":"X:1","status":"user_input_required"}`, bankmux.ErrMalformed, false, "the response lacks operationID or userInputs"},
		"an operation with a question":  {200, "application/json", `{"operationID":"X:1",` + asks + `}`, bankmux.ErrUserAction, false, "the bank asks the user a question"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := answering(t, c.status, http.Header{"Content-Type": {c.kind}}, c.body)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			e, _ := errors.AsType[*bankmux.Error](err)
			require.NotNil(t, e)
			assert.Equal(t, c.want, e.Kind)
			assert.Equal(t, c.unlisted, e.Unlisted)
			assert.Equal(t, c.status, e.Status)
			assert.Equal(t, c.says, e.Detail)
			assert.Equal(
				t,
				c.want == bankmux.ErrUserAction,
				e.Challenge != nil,
				"only a question that can be answered is one",
			)
		})
	}
	t.Run("a wait is kept, with an envelope and without", func(t *testing.T) {
		t.Parallel()
		for _, body := range []string{`{"status":"failed","type":"INVALID_MFA"}`, `{"status":"failed"}`, `{"status":"done","accounts":7}`, `<html>`} {
			_, err := answering(t, 429, http.Header{"Content-Type": {"application/json"}, "Retry-After": {"17"}}, body)
			e, _ := errors.AsType[*bankmux.Error](err)
			require.NotNil(t, e, body)
			assert.Equal(t, 17*time.Second, e.RetryAfter, body)
		}
	})
	t.Run("an operation that is still running concerns its connection alone", func(t *testing.T) {
		t.Parallel()
		for _, status := range []int{200, 202, 500} {
			// no operation to wait for
			_, err := answering(
				t,
				status,
				http.Header{"Content-Type": {"application/json"}},
				`{"status":"initialized"}`,
			)
			e, _ := errors.AsType[*bankmux.Error](err)
			require.NotNil(t, e)
			assert.Equal(t, bankmux.ErrInstitution, e.Kind)
			assert.Equal(t, bankmux.ScopeConnection, e.Scope)
			assert.Equal(t, bankmux.ScopeConnection, e.Affects())
			assert.Equal(t, "initialized", e.Code)
		}
	})
}

// answering reads accounts from a server that answers everything alike. Nothing is sent again.
func answering(t *testing.T, status int, header http.Header, body string) (bankmux.AccountsResult, error) {
	t.Helper()
	s := start(t, nil)
	conn := s.connect()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		maps.Copy(w.Header(), header)
		w.WriteHeader(status)
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
	return client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
}

func TestTheBanksRulesNeverCostALink(t *testing.T) {
	t.Parallel()
	for name, members := range map[string]string{
		"a version among the validators":   `"validators":{"version":2,"createTransfer":{"version":3,"same":{"remarks":{"length":35},"note":"x"},"local":7}}`,
		"validators that are a list":       `"validators":[1,2]`,
		"members of another shape":         `"transferBounds":"none","address":"Dubai","beneficiaryCoolDownPeriod":24,"isCreateBeneficiaryEndpointRequired":"yes","branchName":7`,
		"a repeated key, which is refused": `"country":{"code":"SA"}`,
		"bounds of another shape":          `"transferBounds":[7,{"minimum":1,"type":"local",` + aed + `},{"minimum":{},"type":"same"}],"transactionRange":"90 days"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, nil)
			conn := s.connect()
			body := `{` + done + `,"accountsMetadata":{"swiftCode":"EBILAEAD","bankName":"Emirates NBD","country":{"code":"AE","name":5},` + members + `}}`
			client := s.another(func(cfg *dapi.Config) {
				cfg.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
					if strings.HasSuffix(r.URL.Path, "/metadata/accounts/get") {
						w := httptest.NewRecorder()
						w.Header().Set("Content-Type", "application/json")
						_, _ = w.WriteString(body)
						return w.Result(), nil
					}
					return http.DefaultTransport.RoundTrip(r)
				})}
			})
			if strings.Contains(members, `"country"`) {
				_, err := dapi.BankMetadata(t.Context(), client, conn)
				require.ErrorIs(t, err, bankmux.ErrMalformed)
				return
			}
			bank, err := dapi.BankMetadata(t.Context(), client, conn)
			require.NoError(t, err)
			assert.Equal(t, "AE", bank.Institution.Country)
			if strings.Contains(members, "version") {
				assert.Equal(t, map[string]map[string]map[string]string{
					"version":        {},
					"createTransfer": {"version": {}, "same": {"remarks": `{"length":35}`, "note": `"x"`}, "local": {}},
				}, bank.Rules)
			}
			s.client = client
			fresh := s.connect()
			assert.Equal(t, bankmux.StateActive, fresh.Status.State, "a new link is verified")
		})
	}
}
