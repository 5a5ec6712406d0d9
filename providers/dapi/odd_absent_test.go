package dapi_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
)

// oddShapes are what may stand where an object is expected.
var oddShapes = []string{`"NA"`, `7500`, `[]`, `true`, `null`, `[{"name":"X","bankName":"X","amount":1}]`}

func TestAnObjectOfAnotherShapeIsAbsent(t *testing.T) {
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
				"what a bank writes says nothing about Dapi",
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
		t.Run("metadata that are "+odd+" say nothing of the bank", func(t *testing.T) {
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

// withMetadata is a client to which Dapi says this of every bank.
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

func TestAnOddListOfAPersonCostsItself(t *testing.T) {
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
	t.Run("a person of whom nothing is said is not an owner", func(t *testing.T) {
		t.Parallel()
		for _, odd := range []string{`{}`, `{"name":{},"emailAddress":[],"numbers":[{"type":"mobile"},null],"identification":[null]}`} {
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

func TestAKeyThatRepeatsInWhatIsOnlyShownNeverDecides(t *testing.T) {
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
		"something unknown, and done": {`{"status":"done","accounts":[],"note":{"a":1,"a":2},"x":1,"x":2}`, ""},
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
			"userInputs":[null,{"id":"otp","index":0,"query":"?",` + c.members + `},{"id":"otp","id":"pin"}],"note":{"a":1,"a":2}}`},
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
