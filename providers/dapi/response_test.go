package dapi_test

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestResponse specifies what decides about a response.
func TestResponse(t *testing.T) {
	t.Parallel()
	t.Run("the body decides and not the HTTP status", theBodyDecidesAndNotTheHTTPStatus)
	t.Run("the status of the envelope decides", theStatusOfTheEnvelopeDecides)
	t.Run("a member for display never decides", aMemberForDisplayNeverDecides)
	t.Run("a repeated key of a member for display never decides", aRepeatedKeyOfAMemberForDisplayNeverDecides)
	t.Run("a repeated key within a currency is refused", aRepeatedKeyWithinACurrencyIsRefused)
	t.Run("only the name of a field is kept of a message", onlyTheNameOfAFieldIsKeptOfAMessage)
	t.Run("an unlisted fault of one bank leaves other banks alone", anUnlistedFaultOfOneBankLeavesOtherBanksAlone)
	t.Run("a bank that is down is not called and other banks are", aBankThatIsDownIsNotCalledAndOtherBanksAre)
}

func theBodyDecidesAndNotTheHTTPStatus(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		kind   bankmux.Kind
	}{
		"failed under 200":                     {200, `{"success":false,"status":"failed","type":"INVALID_TOKEN","msg":"planted"}`, bankmux.ErrTokenSpent},
		"failed though success says true":      {200, `{"success":true,"status":"failed","type":"INVALID_ARGS"}`, bankmux.ErrInvalid},
		"failed under 401":                     {401, `{"success":false,"status":"failed","type":"INVALID_TOKEN"}`, bankmux.ErrTokenSpent},
		"failed without type under 401":        {401, `{"success":false,"status":"failed"}`, bankmux.ErrCredentials},
		"failed without type under 200":        {200, `{"success":false,"status":"failed"}`, bankmux.ErrUnknown},
		"an unlisted type":                     {403, `{"success":false,"status":"failed","type":"BRAND_NEW"}`, bankmux.ErrNotPermitted},
		"UNKNOWN_ERROR under 500":              {500, `{"success":false,"status":"failed","type":"UNKNOWN_ERROR"}`, bankmux.ErrUnknown},
		"no envelope under 504":                {504, `{"message":"timeout"}`, bankmux.ErrOutcomeUnknown},
		"no envelope under 404":                {404, `{"message":"no"}`, bankmux.ErrNotFound},
		"done without a token":                 {200, `{"success":true,"status":"done"}`, bankmux.ErrOutcomeUnknown},
		"a question, which auth never asks":    {200, `{"success":true,"status":"user_input_required","userInputs":[]}`, bankmux.ErrOutcomeUnknown},
		"still running, which auth never does": {200, `{"success":true,"status":"initialized"}`, bankmux.ErrOutcomeUnknown},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		}))
		s := &setup{t: t, bank: virtualbank.New(virtualbank.Options{}), url: server.URL + "/v2"}
		s.client = s.another(nil)
		_, err := s.client.ExchangeToken(t.Context(), s.post(s.client, request, virtualbank.DapiLink{}))
		assert.Equal(t, c.kind, bankmux.KindOf(err), name)
		assert.NotContains(t, err.Error(), "planted", name)
		server.Close()
	}
}

func theStatusOfTheEnvelopeDecides(t *testing.T) {
	t.Parallel()
	const (
		asks     = `"status":"user_input_required","userInputs":[{"id":"otp","index":0}]`
		js       = "application/json"
		notJSON  = "the response is not the JSON expected here"
		unlisted = "the response has an unlisted status"
		noInputs = "the response lacks operationID or userInputs"
	)
	for name, c := range map[string]struct {
		status   int
		kind     string
		body     string
		want     bankmux.Kind
		unlisted bool
		says     string // Detail
	}{
		"done":                          {200, js, `{"status":"done","accounts":[]}`, "", false, ""},
		"done under another 2xx":        {201, js, `{"status":"done","accounts":[]}`, "", false, ""},
		"done, with a broken list":      {200, js, `{"status":"done","accounts":7}`, bankmux.ErrMalformed, false, notJSON},
		"the same under 201":            {201, js, `{"status":"done","accounts":{}}`, bankmux.ErrMalformed, false, notJSON},
		"the same under 500":            {500, js, `{"status":"done","accounts":7}`, bankmux.ErrUnavailable, false, "the provider is not available"},
		"the same under 429":            {429, js, `{"status":"done","accounts":"none"}`, bankmux.ErrRateLimited, false, "too many requests were made"},
		"neither done nor failed":       {200, js, `{"status":"brand_new","accounts":[]}`, bankmux.ErrUnknown, true, unlisted},
		"neither, under 500":            {500, js, `{"status":"brand_new"}`, bankmux.ErrUnknown, true, unlisted},
		"in another case":               {200, js, `{"status":"DONE","accounts":[]}`, bankmux.ErrUnknown, true, unlisted},
		"a number":                      {200, js, `{"status":200,"accounts":[]}`, bankmux.ErrMalformed, false, "the response lacks status"},
		"none":                          {200, js, `{"accounts":[]}`, bankmux.ErrMalformed, false, "the response lacks status"},
		"none, under 201":               {201, js, `{"accounts":[]}`, bankmux.ErrMalformed, false, "the response lacks status"},
		"a page of a proxy under 200":   {200, "text/html", `<html>`, bankmux.ErrMalformed, false, "the response is not of a JSON content type"},
		"a page of a proxy under 299":   {299, "text/html", `<html>`, bankmux.ErrMalformed, false, "the response is not of a JSON content type"},
		"a page of a proxy under 403":   {403, "text/html", `<html>`, bankmux.ErrNotPermitted, false, "the application may not do this"},
		"a page of a proxy under 502":   {502, "text/html", `<html>`, bankmux.ErrUnavailable, false, "the provider is not available"},
		"a redirect":                    {302, "text/html", `<html>`, bankmux.ErrMalformed, false, "the response cannot be read"},
		"failed under 200":              {200, js, `{"status":"failed","type":"INVALID_MFA"}`, bankmux.ErrAnswerRejected, false, "the user's answer was wrong"},
		"failed under 200, no type":     {200, js, `{"status":"failed"}`, bankmux.ErrUnknown, false, "Dapi failed and does not say why"},
		"failed under 404, no type":     {404, js, `{"status":"failed"}`, bankmux.ErrNotFound, false, "the provider does not know this"},
		"running, and nothing to await": {200, js, `{"status":"initialized"}`, bankmux.ErrInstitution, false, "the operation is still running at the bank"},
		"a question without operation":  {200, js, `{` + asks + `}`, bankmux.ErrMalformed, false, noInputs},
		"a question of operation null":  {200, js, `{"operationID":null,` + asks + `}`, bankmux.ErrMalformed, false, noInputs},
		"a question of operation empty": {200, js, `{"operationID":"",` + asks + `}`, bankmux.ErrMalformed, false, noInputs},
		"an operation without question": {200, js, `{"operationID":"X:1","status":"user_input_required"}`, bankmux.ErrMalformed, false, noInputs},
		"an operation with a question":  {200, js, `{"operationID":"X:1",` + asks + `}`, bankmux.ErrUserAction, false, "the bank asks the user a question"},
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
		for _, body := range []string{
			`{"status":"failed","type":"INVALID_MFA"}`, `{"status":"failed"}`, `{"status":"done","accounts":7}`, `<html>`,
		} {
			_, err := answering(t, 429, http.Header{"Content-Type": {"application/json"}, "Retry-After": {"17"}}, body)
			e, _ := errors.AsType[*bankmux.Error](err)
			require.NotNil(t, e, body)
			assert.Equal(t, 17*time.Second, e.RetryAfter, body)
		}
	})
	t.Run("an operation that is still running concerns its connection alone", func(t *testing.T) {
		t.Parallel()
		for _, status := range []int{200, 202, 500} {
			// no operation to await
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

func aMemberForDisplayNeverDecides(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		kind bankmux.Kind
	}{
		"a numeric operation id beside a lapsed login": {
			`{"operationID":77,"status":"failed","type":"INVALID_CREDENTIALS","msg":{"en":"x"}}`, bankmux.ErrReauth,
		},
		"an operation id of another shape": {`{"operationID":["x"],"status":"failed","type":"INVALID_CREDENTIALS"}`, bankmux.ErrReauth},
		"a broken list beside a lapsed login": {
			`{"operationID":"X:1","status":"failed","type":"INVALID_CREDENTIALS","accounts":{},"userInputs":"none"}`,
			bankmux.ErrReauth,
		},
		"a broken result beside a deleted connection": {`{"status":"failed","type":"USER_DELINKED","accounts":[7]}`, bankmux.ErrGone},
		"a type that is a number: the status decides": {`{"status":"failed","type":401}`, bankmux.ErrCredentials},
		"a repeated key: the status decides":          {`{"status":"failed","status":"failed","type":"INVALID_CREDENTIALS"}`, bankmux.ErrCredentials},
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
			"userInputs":["odd",{"id":"multiple_choice","index":"0","query":5,"queryType":{},
			"queryOptions":` + c.options + `}]}`,
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

func aRepeatedKeyOfAMemberForDisplayNeverDecides(t *testing.T) {
	t.Parallel()
	const failed = `"status":"failed","type":"INVALID_CREDENTIALS"`
	for name, c := range map[string]struct {
		body string
		kind bankmux.Kind
	}{
		"within a message":            {`{"operationID":"x",` + failed + `,"msg":{"a":1,"a":2}}`, bankmux.ErrReauth},
		"a message twice":             {`{"operationID":"x",` + failed + `,"msg":"a","msg":"b"}`, bankmux.ErrReauth},
		"an operation id twice":       {`{"operationID":"x","operationID":"y",` + failed + `}`, bankmux.ErrReauth},
		"within an operation id":      {`{"operationID":{"a":1,"a":2},` + failed + `}`, bankmux.ErrReauth},
		"success twice":               {`{"success":true,"success":false,` + failed + `}`, bankmux.ErrReauth},
		"questions twice":             {`{"userInputs":[],"userInputs":[],` + failed + `}`, bankmux.ErrReauth},
		"the result twice":            {`{"accounts":[],"accounts":{},` + failed + `}`, bankmux.ErrReauth},
		"a type twice: it decides":    {`{"type":"USER_DELINKED",` + failed + `}`, bankmux.ErrCredentials},
		"a status twice: it decides":  {`{"status":"done",` + failed + `}`, bankmux.ErrCredentials},
		"something unknown, and done": {`{"status":"done","accounts":[],"note":{"a":1,"a":2},"x":1,"x":2}`, bankmux.ErrMalformed},
		"the result, and done":        {`{"status":"done","accounts":[],"accounts":[]}`, bankmux.ErrMalformed},
	} {
		client, conn, _ := canned(t, map[string]string{"/v2/data/accounts/get": c.body})
		_, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
		assert.Equal(t, c.kind, bankmux.KindOf(err), name)
	}
	for name, c := range map[string]struct {
		members string
		options []string
	}{
		"options":           {`"queryOptions":{"0":"a","0":"b"}`, []string{"a", "b"}},
		"within an option":  {`"queryOptions":[{"text":"a","text":"b"}]`, []string{"b"}},
		"choices":           {`"queryChoices":{"0":"a","0":"b"}`, []string{"a", "b"}},
		"something unknown": {`"note":{"a":1,"a":2},"x":1,"x":2`, nil},
		"within a type":     {`"queryType":{"a":1,"a":2}`, nil},
	} {
		client, conn, _ := canned(
			t,
			map[string]string{"/v2/data/accounts/get": `{"operationID":"x","status":"user_input_required",
			"userInputs":[null,{"id":"otp","index":0,"query":"?",` + c.members + `},
			{"id":"otp","id":"pin"}],"note":{"a":1,"a":2}}`},
		)
		_, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
		e, _ := errors.AsType[*bankmux.Error](err)
		require.NotNil(t, e, name)
		require.NotNil(t, e.Challenge, name)
		require.Len(t, e.Challenge.Inputs, 1, name)
		assert.Equal(t, bankmux.InputKind("otp"), e.Challenge.Inputs[0].Kind, name)
		assert.Equal(t, c.options, e.Challenge.Inputs[0].Options, name)
	}
}

func aRepeatedKeyWithinACurrencyIsRefused(t *testing.T) {
	t.Parallel()
	for name, currency := range map[string]string{
		"two codes": `{"code":"USD","code":"AED"}`, "one code twice": `{"code":"AED","code":"AED"}`,
		"two names": `{"code":"AED","name":"a","name":"b"}`, "within a new member": `{"code":"AED","new":{"a":1,"a":2}}`,
	} {
		client, conn, _ := canned(t, map[string]string{
			"/v2/data/balance/get":  `{"status":"done","balance":{"amount":6111.58,"currency":` + currency + `}}`,
			"/v2/data/accounts/get": `{"status":"done","accounts":[{"id":"a"},{"id":"b","currency":` + currency + `}]}`,
		})
		_, err := client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn, Accounts: []string{"a"}})
		require.ErrorIs(t, err, bankmux.ErrMalformed, name)
		require.ErrorContains(t, err, "repeats a key", name)
		got, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
		partial, _ := errors.AsType[*bankmux.PartialError](err)
		require.NotNil(t, partial, name)
		require.Len(t, partial.Failed, 1, name)
		assert.Equal(t, "row 2", partial.Failed[0].Transaction, "within a row it concerns the row")
		assert.Len(t, got.Accounts, 1, name)
	}
}

func onlyTheNameOfAFieldIsKeptOfAMessage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ what, kind, msg, field string }{
		{"a field", "INVALID_ARGS", `"Validation error on field 'connectionID'"`, "connectionID"},
		{"a field and a value", "INVALID_ARGS", `"Field 'accountID' failed validation: 'rosa'"`, "accountID"},
		{"a missing parameter", "PARAMETER_MISSING", `"missing required parameter: 'userSecret'"`, "userSecret"},
		{"a wrong date", "BAD_REQUEST", strconv.Quote(`field "fromDate" is rosa`), "fromDate"},
		{"a sentence without a field", "INVALID_ARGS", `"rosa is wrong"`, ""},
		{"a value in marks", "INVALID_ARGS", `"the value 'rosa' is wrong"`, ""},
		{"a number", "INVALID_ARGS", `77`, ""},
		{"an object", "INVALID_ARGS", `{"field":"rosa"}`, ""},
		{"an error that is not of the request", "INVALID_TOKEN", `"field 'rosa' is wrong"`, ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			s := start(t, nil)
			client := s.another(func(config *dapi.Config) {
				config.HTTPClient = &http.Client{
					Transport: refusing{
						body: `{"success":false,"status":"failed","type":"` + c.kind + `","msg":` + c.msg + `}`,
					},
				}
			})
			_, err := client.ExchangeToken(t.Context(), s.post(client, request, virtualbank.DapiLink{}))
			e, ok := errors.AsType[*bankmux.Error](err)
			require.True(t, ok, "%v", err)
			assert.Equal(t, c.kind, e.Code)
			assert.Equal(t, c.field, e.Field)
			assert.NotContains(t, err.Error(), "rosa")
			if c.field != "" {
				assert.ErrorContains(t, err, "(field "+c.field+", HTTP 400, "+c.kind)
			}
		})
	}
}

func anUnlistedFaultOfOneBankLeavesOtherBanksAlone(t *testing.T) {
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

func aBankThatIsDownIsNotCalledAndOtherBanksAre(t *testing.T) {
	t.Parallel()
	g := guard.New(guard.Options{Retry: guard.RetryOptions{MaxAttempts: 1}})
	s := start(t, func(cfg *dapi.Config) { cfg.Guard = g })
	at := func(bank string) bankmux.Connection {
		conn, err := single.Connection(
			s.client.ExchangeToken(t.Context(), s.post(s.client, request, virtualbank.DapiLink{InstitutionID: bank})),
		)
		require.NoError(t, err)
		return conn
	}
	const down, up = "DAPIBANK_AE_ENBD", "DAPIBANK_SA_RAJHI"
	users := []bankmux.Connection{at(down), at(down), at(down)}
	other := at(up)
	require.NoError(t, s.bank.Outage(down, true))
	refused := 0
	for i := range 20 {
		_, err := s.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: users[i%3]})
		require.Error(t, err)
		e, _ := err.(*bankmux.Error) //nolint:errorlint // a client's error is one
		assert.Equal(t, bankmux.ScopeInstitution, e.Affects())
		if e.NotSent {
			assert.Equal(t, bankmux.ErrInstitution, e.Kind)
			refused++
		}
		_, err = s.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: other})
		require.NoError(t, err)
	}
	assert.Equal(t, 15, refused, "after five in a row")
	for _, b := range g.Breakers() {
		if b.Institution == "" {
			assert.Equal(t, "closed", b.State)
		} else {
			assert.Equal(t, users[0].Institution.ID, b.Institution)
			assert.Equal(t, "open", b.State)
		}
	}
	_, err := s.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: users[0]})
	require.NoError(t, err, "calls that Dapi answers itself continue")
}

// answering reads accounts from a server that sends one response to everything. No call is
// repeated.
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

// refusing is a transport that returns a failed envelope for everything.
type refusing struct{ body string }

func (r refusing) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode:    http.StatusBadRequest,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Request:       req,
		ContentLength: int64(len(r.body)),
		Header:        http.Header{"Content-Type": {"application/json"}},
		Body:          io.NopCloser(strings.NewReader(r.body)),
	}, nil
}
