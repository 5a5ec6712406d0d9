package dapi_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
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

type setup struct {
	t      *testing.T
	bank   *virtualbank.Bank
	client *bankmux.Client
	url    string
}

func start(t *testing.T, change func(*dapi.Config)) *setup {
	t.Helper()
	s := &setup{t: t, bank: virtualbank.New(virtualbank.Options{})}
	server := httptest.NewServer(s.bank.Dapi())
	t.Cleanup(server.Close)
	s.url = server.URL + "/v2"
	s.client = s.another(change)
	return s
}

// another makes a second client of the same application.
func (s *setup) another(change func(*dapi.Config)) *bankmux.Client {
	s.t.Helper()
	creds := s.bank.Credentials().Dapi
	cfg := dapi.Config{
		AppKey:      creds.AppKey,
		AppSecret:   bankmux.NewSecret(creds.AppSecret),
		Environment: bankmux.Sandbox,
		BaseURL:     s.url,
		Guard:       guard.New(guard.Options{Retry: guard.RetryOptions{MaxAttempts: 1}}),
	}
	if change != nil {
		change(&cfg)
	}
	client, err := dapi.New(cfg)
	require.NoError(s.t, err)
	return client
}

var request = bankmux.SessionRequest{User: "user-1", Country: "AE"}

func (s *setup) post(
	client *bankmux.Client,
	req bankmux.SessionRequest,
	link virtualbank.DapiLink,
) bankmux.ExchangeRequest {
	s.t.Helper()
	session, err := client.CreateSession(s.t.Context(), req)
	require.NoError(s.t, err)
	link.AppKey = session.Launch.AppKey
	if link.InstitutionID == "" {
		link.Countries = session.Launch.Countries
	}
	payload, err := s.bank.LinkDapi(link)
	require.NoError(s.t, err)
	return bankmux.ExchangeRequest{Session: session, User: req.User, Payload: bankmux.NewSecret(payload)}
}

func (s *setup) connect() bankmux.Connection {
	s.t.Helper()
	conn, err := single.Connection(
		s.client.ExchangeToken(s.t.Context(), s.post(s.client, request, virtualbank.DapiLink{})),
	)
	require.NoError(s.t, err)
	return conn
}

func TestConfigIsCheckedAndNamesTheField(t *testing.T) {
	t.Parallel()
	good := dapi.Config{AppKey: "key", AppSecret: bankmux.NewSecret("planted"), Environment: bankmux.Production}
	for field, change := range map[string]func(*dapi.Config){
		"AppKey":      func(c *dapi.Config) { c.AppKey = "" },
		"AppSecret":   func(c *dapi.Config) { c.AppSecret = bankmux.Secret{} },
		"Environment": func(c *dapi.Config) { c.Environment = "live" },
		"BaseURL":     func(c *dapi.Config) { c.BaseURL = "http://api.example.com/v2" },
		"ScriptURL":   func(c *dapi.Config) { c.ScriptURL = "http://cdn.example.com/x.js" },
		"BodyLimit":   func(c *dapi.Config) { c.BodyLimit = -1 },
	} {
		cfg := good
		change(&cfg)
		_, err := dapi.New(cfg)
		require.ErrorIs(t, err, bankmux.ErrInvalid, field)
		require.ErrorContains(t, err, "dapi.Config."+field)
	}
	_, err := dapi.New(good)
	assert.NoError(t, err)
}

func TestSessionIsALaunchConfigurationWithoutACall(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	req := request
	req.Institution = bankmux.InstitutionRef{"dapi": "DAPIBANK_AE_ENBD"}
	req.Language = "ar-AE"
	req.Products = []bankmux.ProductRequest{
		{Product: bankmux.ProductTransactions, Required: true},
		{Product: bankmux.ProductInvestments},
	}
	req.Options = []bankmux.SessionOption{
		dapi.SessionOptions{
			Countries:    []string{"AE", "SA"},
			Experimental: true,
			BundleID:     "app.example",
			ClientUserID: "u-1",
		},
	}
	session, err := s.client.CreateSession(t.Context(), req)
	require.NoError(t, err)
	launch, err := json.Marshal(session.Launch)
	require.NoError(t, err)
	assert.JSONEq(t, `{
		"provider": "dapi", "mode": "link", "environment": "sandbox", "app_key": "`+s.bank.Credentials().Dapi.AppKey+`",
		"countries": ["AE", "SA"], "institution": "DAPIBANK_AE_ENBD", "script_url": "https://cdn.dapi.com/connect/v3/connector.js",
		"parameters": {"isExperimental": "true", "bundleID": "app.example", "clientUserID": "u-1", "language": "ar-AE"}
	}`, string(launch))
	assert.Empty(t, s.bank.Requests())

	req.Products[1].Required = true
	_, err = s.client.CreateSession(t.Context(), req)
	require.ErrorIs(t, err, bankmux.ErrUnsupported)
	_, err = s.client.CreateSession(
		t.Context(),
		bankmux.SessionRequest{User: "u", Institution: bankmux.InstitutionRef{"moneykit": "chase"}},
	)
	require.ErrorIs(t, err, bankmux.ErrUnsupported)
}

func TestTheBankIsReadFromDapiAndNotFromThePayload(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	post := s.post(s.client, request, virtualbank.DapiLink{InstitutionID: "DAPIBANK_AE_ENBD"})
	var fields map[string]any
	require.NoError(t, json.Unmarshal([]byte(post.Payload.Reveal()), &fields))
	fields["bankID"], fields["operationID"], fields["name"] = "DAPIBANK_AE_OTHER", "DAPIBANK_AE_OTHER:1", "Another Bank"
	changed, _ := json.Marshal(fields)
	post.Payload = bankmux.NewSecret(changed)
	conn, err := single.Connection(s.client.ExchangeToken(t.Context(), post))
	require.NoError(t, err)
	assert.Equal(t, "DAPIBANK_AE_ENBD", conn.Institution.ID)
	assert.Equal(t, "AE", conn.Institution.Country)
	assert.Equal(t, "EBILAEAD", conn.Institution.BIC)
	assert.Equal(t, fields["connectionID"], conn.Reference())
	var grant map[string]any
	require.NoError(t, json.Unmarshal([]byte(conn.Credential().Reveal()), &grant))
	assert.Equal(t, fields["userSecret"], grant["user_secret"])
	assert.NotEmpty(t, grant["access_token"])
	assert.Equal(t, fields["tokenID"], grant["token_id"])
}

func TestPayloadsThatLackSomethingAreNamed(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	good := s.post(s.client, request, virtualbank.DapiLink{})
	for _, key := range []string{"accessCode", "connectionID", "userSecret"} {
		var fields map[string]any
		require.NoError(t, json.Unmarshal([]byte(good.Payload.Reveal()), &fields))
		for name, v := range map[string]any{"missing": nil, "a number": 7, "empty": ""} {
			fields[key] = v
			post := good
			changed, _ := json.Marshal(fields)
			post.Payload = bankmux.NewSecret(changed)
			_, err := s.client.ExchangeToken(t.Context(), post)
			require.ErrorIs(t, err, bankmux.ErrInvalid, "%s %s", key, name)
			require.ErrorContains(t, err, key)
		}
	}
	post := good
	post.Payload = bankmux.NewSecret(`{"exchangeable_token":"x","institution":{}}`)
	_, err := s.client.ExchangeToken(t.Context(), post)
	require.ErrorContains(t, err, "another provider's")
	assert.Empty(t, s.bank.Requests())
}

func TestTheBodyDecidesAndNotTheStatus(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		kind   bankmux.Kind
	}{
		"failed under 200":                       {200, `{"success":false,"status":"failed","type":"INVALID_TOKEN","msg":"planted"}`, bankmux.ErrTokenSpent},
		"failed though success says true":        {200, `{"success":true,"status":"failed","type":"INVALID_ARGS"}`, bankmux.ErrInvalid},
		"failed under 401":                       {401, `{"success":false,"status":"failed","type":"INVALID_TOKEN"}`, bankmux.ErrTokenSpent},
		"failed without type under 401":          {401, `{"success":false,"status":"failed"}`, bankmux.ErrCredentials},
		"failed without type under 200":          {200, `{"success":false,"status":"failed"}`, bankmux.ErrUnknown},
		"an unlisted type":                       {403, `{"success":false,"status":"failed","type":"BRAND_NEW"}`, bankmux.ErrNotPermitted},
		"UNKNOWN_ERROR under 500":                {500, `{"success":false,"status":"failed","type":"UNKNOWN_ERROR"}`, bankmux.ErrUnknown},
		"no envelope under 504":                  {504, `{"message":"timeout"}`, bankmux.ErrOutcomeUnknown},
		"no envelope under 404":                  {404, `{"message":"no"}`, bankmux.ErrNotFound},
		"done without a token":                   {200, `{"success":true,"status":"done"}`, bankmux.ErrOutcomeUnknown},
		"asking the user, which auth never does": {200, `{"success":true,"status":"user_input_required","userInputs":[]}`, bankmux.ErrOutcomeUnknown},
		"still running, which auth never does":   {200, `{"success":true,"status":"initialized"}`, bankmux.ErrOutcomeUnknown},
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

func TestAnExchangedCodeIsNotLostWhenTheBankCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"unavailable", "html_200", "reset_before", "failed_envelope_200", "unknown_code", "rate_limited", "initialized"} {
		s := start(t, nil)
		post := s.post(s.client, request, virtualbank.DapiLink{})
		require.NoError(t, s.bank.Inject(virtualbank.Fault{Name: fault, Operation: "/metadata/accounts/get"}))
		conn, err := single.Connection(s.client.ExchangeToken(t.Context(), post))
		require.NoError(t, err, fault)
		assert.Equal(t, bankmux.StateUnverified, conn.Status.State, fault)
		assert.Zero(t, conn.Institution)
		s.bank.ClearFaults()
		got, err := s.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
		require.NoError(t, err)
		assert.Equal(t, bankmux.StateActive, got.Connection.Status.State, fault)
		assert.NotEmpty(t, got.Connection.Institution.ID)
	}
}

func TestASandboxBankIsRefusedInProduction(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *dapi.Config) { c.Environment = bankmux.Production })
	_, err := s.client.ExchangeToken(
		t.Context(),
		s.post(s.client, request, virtualbank.DapiLink{Environment: "sandbox"}),
	)
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	require.ErrorContains(t, err, "sandbox bank")
	conn, err := single.Connection(
		s.client.ExchangeToken(t.Context(), s.post(s.client, request, virtualbank.DapiLink{Environment: "production"})),
	)
	require.NoError(t, err)
	assert.NotContains(t, conn.Institution.ID, "DAPIBANK")

	post := s.post(s.client, request, virtualbank.DapiLink{Environment: "sandbox"})
	require.NoError(
		t,
		s.bank.Inject(virtualbank.Fault{Name: "unavailable", Operation: "/metadata/accounts/get", Times: 1}),
	)
	unverified, err := single.Connection(s.client.ExchangeToken(t.Context(), post))
	require.NoError(t, err)
	_, err = s.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: unverified})
	assert.ErrorIs(t, err, bankmux.ErrInvalid, "the check is made up for, not skipped")
}

func TestAReconnectAtAnotherBankIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := s.connect()
	var other string
	for _, i := range s.bank.Institutions() {
		if i.Country == "AE" && i.DapiID != "" && i.DapiID != conn.Institution.ID {
			other = i.DapiID
		}
	}
	require.NotEmpty(t, other)
	req := request
	req.Reconnect = &conn
	_, err := s.client.ExchangeToken(t.Context(), s.post(s.client, req, virtualbank.DapiLink{InstitutionID: other}))
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	require.ErrorContains(t, err, "another bank")
	renewed, err := single.Connection(
		s.client.ExchangeToken(
			t.Context(),
			s.post(s.client, req, virtualbank.DapiLink{InstitutionID: conn.Institution.ID}),
		),
	)
	require.NoError(t, err)
	assert.Equal(t, conn.ID, renewed.ID)
	assert.NotEqual(t, conn.Reference(), renewed.Reference())
}

func TestCallsOnOneConnectionNeverOverlap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bank := virtualbank.New(virtualbank.Options{})
		var mu sync.Mutex
		var most, answered int
		now := map[string]int{} // calls under way, by access token
		slow := roundTripper(func(r *http.Request) (*http.Response, error) {
			token := r.Header.Get("Authorization")
			mu.Lock()
			now[token]++
			if token != "" {
				most, answered = max(most, now[token]), answered+1
			}
			mu.Unlock()
			time.Sleep(time.Second)
			w := httptest.NewRecorder()
			bank.Dapi().ServeHTTP(w, r)
			mu.Lock()
			defer mu.Unlock()
			now[token]--
			return w.Result(), nil
		})
		creds := bank.Credentials().Dapi
		client, err := dapi.New(dapi.Config{
			AppKey: creds.AppKey, AppSecret: bankmux.NewSecret(creds.AppSecret), Environment: bankmux.Sandbox,
			BaseURL: "http://127.0.0.1/v2", HTTPClient: &http.Client{Transport: slow},
		})
		require.NoError(t, err)
		s := &setup{t: t, bank: bank, client: client}
		one, other := s.connect(), s.connect()
		began := time.Now()
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				_, err := client.ConnectionStatus(
					t.Context(),
					bankmux.StatusRequest{Connection: []bankmux.Connection{one, other}[i%2]},
				)
				assert.NoError(t, err)
			})
		}
		all.Wait()
		assert.Equal(t, 1, most, "calls with one access token at a time")
		assert.Equal(t, 2+16, answered)
		assert.Equal(t, 8*time.Second, time.Since(began), "the two connections do not wait for each other")
	})
}

func TestTheClientIsAsPatientAsDapi(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	deadline := time.Duration(0)
	watch := func(http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			at, ok := r.Context().Deadline()
			if ok && strings.HasSuffix(r.URL.Path, "/auth/ExchangeToken") {
				deadline = time.Until(at)
			}
			return http.DefaultTransport.RoundTrip(r)
		})
	}
	client := s.another(func(c *dapi.Config) { c.HTTPClient = &http.Client{Transport: watch(nil)} })
	_, err := client.ExchangeToken(t.Context(), s.post(client, request, virtualbank.DapiLink{}))
	require.NoError(t, err)
	assert.Greater(t, deadline, 120*time.Second)
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestSpentCodeIsATypedErrorWithARemedy(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	post := s.post(s.client, request, virtualbank.DapiLink{})
	_, err := s.client.ExchangeToken(t.Context(), post)
	require.NoError(t, err)
	_, err = s.client.ExchangeToken(t.Context(), post)
	require.ErrorIs(t, err, bankmux.ErrTokenSpent)
	e, _ := errors.AsType[*bankmux.Error](err)
	assert.Equal(t, "INVALID_TOKEN", e.Code)
	assert.True(t, e.UserMustAct())
	s.bank.Advance(time.Hour)
	late := s.post(s.client, request, virtualbank.DapiLink{})
	s.bank.Advance(6 * time.Minute)
	_, err = s.client.ExchangeToken(t.Context(), late)
	require.ErrorIs(t, err, bankmux.ErrTokenSpent, "a code lives five minutes")
}
