package dapi_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
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

// TestCreateSession specifies the launch configuration.
func TestCreateSession(t *testing.T) {
	t.Parallel()
	t.Run("a session is a launch configuration and sends nothing", aSessionIsALaunchConfigurationAndSendsNothing)
}

// TestExchange specifies which payloads become a connection.
func TestExchange(t *testing.T) {
	t.Parallel()
	t.Run("the bank is read from Dapi and not from the payload", theBankIsReadFromDapiAndNotFromThePayload)
	t.Run("a payload that lacks something is refused by name", aPayloadThatLacksSomethingIsRefusedByName)
	t.Run("a sandbox bank is refused in production", aSandboxBankIsRefusedInProduction)
	t.Run("a sandbox bank whose access stays open is reported", aSandboxBankThatStaysOpenIsReported)
	t.Run("a login that Dapi refuses after the exchange ends", aLoginThatDapiRefusesEnds)
	t.Run("a spent code has a kind and a remedy", aSpentCodeHasAKindAndARemedy)
	t.Run("two banks from one session are two connections", twoBanksFromOneSessionAreTwoConnections)
	t.Run("a connection is kept if its bank cannot be read", aConnectionIsKeptIfItsBankCannotBeRead)
	t.Run("a connection is kept if a proxy answers for the bank", aConnectionIsKeptIfAProxyAnswersForTheBank)
	t.Run("an access token that cannot be sent is malformed", anAccessTokenThatCannotBeSentIsMalformed)
	t.Run(
		"an unsendable token of the payload is refused before it is sent",
		anUnsendableTokenOfThePayloadIsRefusedBeforeItIsSent,
	)
	t.Run(
		"an opened connection with an unsendable token harms only itself",
		anOpenedConnectionWithAnUnsendableTokenHarmsOnlyItself,
	)
}

func aSessionIsALaunchConfigurationAndSendsNothing(t *testing.T) {
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

func theBankIsReadFromDapiAndNotFromThePayload(t *testing.T) {
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

func aPayloadThatLacksSomethingIsRefusedByName(t *testing.T) {
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

func aSandboxBankIsRefusedInProduction(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *dapi.Config) { c.Environment = bankmux.Production })
	_, err := s.client.ExchangeToken(
		t.Context(),
		s.post(s.client, request, virtualbank.DapiLink{Environment: "sandbox"}),
	)
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	require.ErrorContains(t, err, "sandbox bank")
	assert.Empty(t, s.connectedBanks(), "the access has ended")
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
	got, err := s.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: unverified})
	require.NoError(t, err)
	assert.Equal(t, bankmux.StateReauth, got.Connection.Status.State, "the check happens later and is not skipped")
	_, err = s.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: got.Connection})
	assert.ErrorIs(t, err, bankmux.ErrReauth)
}

func aSandboxBankThatStaysOpenIsReported(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *dapi.Config) { c.Environment = bankmux.Production })
	require.NoError(t, s.bank.Inject(virtualbank.Fault{Name: "unavailable", Operation: "/users/DelinkUser"}))
	_, err := s.client.ExchangeToken(
		t.Context(),
		s.post(s.client, request, virtualbank.DapiLink{Environment: "sandbox"}),
	)
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	require.ErrorIs(t, err, bankmux.ErrUnavailable)
	require.ErrorContains(t, err, "its access could not be ended")
	assert.Len(t, s.connectedBanks(), 1)
}

func aLoginThatDapiRefusesEnds(t *testing.T) {
	t.Parallel()
	for code, kind := range map[string]bankmux.Kind{
		"INVALID_CREDENTIALS": bankmux.ErrReauth, "INVALID_CONNECTION": bankmux.ErrReauth,
		"INVALID_TOKEN": bankmux.ErrReauth, "USER_DELINKED": bankmux.ErrGone, "BAD_REQUEST": bankmux.ErrInvalid,
	} {
		for _, stays := range []bool{false, true} {
			s := start(t, nil)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/metadata/accounts/get") {
					w.Header().Set("Content-Type", "application/json")
					_, _ = io.WriteString(w, `{"success":false,"status":"failed","type":"`+code+`"}`)
					return
				}
				s.bank.Dapi().ServeHTTP(w, r)
			}))
			s.url = server.URL + "/v2"
			client := s.another(func(c *dapi.Config) { c.Guard = guard.New(guard.Options{}) })
			if stays {
				fault := virtualbank.Fault{Name: "unavailable", Operation: "/users/DelinkUser"}
				require.NoError(t, s.bank.Inject(fault))
			}
			_, err := client.ExchangeToken(t.Context(), s.post(client, request, virtualbank.DapiLink{}))
			server.Close()
			e := bankmux.ErrorOf(err)
			require.NotNil(t, e, code)
			assert.Equal(t, code, e.Code)
			if !stays {
				require.ErrorIs(t, err, kind)
				assert.Empty(t, s.connectedBanks(), code)
				continue
			}
			assert.Equal(t, bankmux.ErrInvalid, e.Kind, "package store lists it, and package bankhttp logs it: "+code)
			assert.False(t, e.NotSent)
			require.ErrorIs(t, e.Err, bankmux.ErrUnavailable)
			assert.Len(t, s.connectedBanks(), 1)
		}
	}
}

func aSpentCodeHasAKindAndARemedy(t *testing.T) {
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
	require.ErrorIs(t, err, bankmux.ErrTokenSpent, "a code is valid for five minutes")
}

func twoBanksFromOneSessionAreTwoConnections(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	session, err := s.client.CreateSession(t.Context(), request)
	require.NoError(t, err)
	rows := map[string]bankmux.Connection{} // an application upserts by the id
	var ids []string
	for _, bank := range []string{"DAPIBANK_AE_ENBD", "DAPIBANK_AE_ADCB", "DAPIBANK_AE_ENBD"} {
		payload, err := s.bank.LinkDapi(virtualbank.DapiLink{AppKey: session.Launch.AppKey, InstitutionID: bank})
		require.NoError(t, err)
		raw, err := json.Marshal(session) // another process has the stored session
		require.NoError(t, err)
		var stored bankmux.Session
		require.NoError(t, json.Unmarshal(raw, &stored))
		conn, err := single.Connection(
			s.another(nil).
				ExchangeToken(t.Context(),
					bankmux.ExchangeRequest{Session: stored, User: "user-1", Payload: bankmux.NewSecret(payload)}),
		)
		require.NoError(t, err)
		assert.Equal(t, session.ConnectionOf(conn.Reference()), conn.ID, "in any process that exchanges it")
		rows[conn.ID] = conn
		ids = append(ids, conn.ID)
		_, err = s.client.ExchangeToken(
			t.Context(),
			bankmux.ExchangeRequest{Session: session, User: "user-1", Payload: bankmux.NewSecret(payload)},
		)
		require.ErrorIs(t, err, bankmux.ErrTokenSpent, "the second post makes no other connection")
	}
	require.Len(t, rows, 3)
	for i, id := range ids {
		got, err := s.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: rows[id]})
		require.NoError(t, err)
		assert.Equal(
			t,
			[]string{"DAPIBANK_AE_ENBD", "DAPIBANK_AE_ADCB", "DAPIBANK_AE_ENBD"}[i],
			got.Connection.Institution.ID,
		)
		_, err = s.client.Disconnect(t.Context(), bankmux.DisconnectRequest{Connection: rows[id]})
		require.NoError(t, err, "no login stays open")
	}
	other, err := s.client.CreateSession(t.Context(), request)
	require.NoError(t, err)
	assert.NotEqual(t, session.ConnectionOf("login"), other.ConnectionOf("login"))
}

func aConnectionIsKeptIfItsBankCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{
		"unavailable", "html_200", "reset_before", "failed_envelope_200", "unknown_code", "rate_limited", "initialized",
	} {
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

func aConnectionIsKeptIfAProxyAnswersForTheBank(t *testing.T) {
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

func anAccessTokenThatCannotBeSentIsMalformed(t *testing.T) {
	t.Parallel()
	for _, bad := range unsendable {
		s := start(t, nil)
		var calls atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			calls.Add(1)
			w.Header().Set("Content-Type", "application/json")
			assert.NoError(
				t,
				json.NewEncoder(w).Encode(map[string]any{"success": true, "status": "done", "accessToken": bad}),
			)
		}))
		s.url = server.URL + "/v2"
		client := s.another(nil)
		_, err := client.ExchangeToken(t.Context(), s.post(client, request, virtualbank.DapiLink{}))
		server.Close()
		require.ErrorIs(t, err, bankmux.ErrMalformed, "%.20q", bad)
		assert.EqualValues(t, 1, calls.Load(), "%.20q: no call uses it", bad)
		assert.NotContains(t, err.Error(), "X-Other")
	}
}

func anUnsendableTokenOfThePayloadIsRefusedBeforeItIsSent(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"accessCode", "userSecret", "connectionID"} {
		for _, bad := range unsendable {
			s := start(t, nil)
			post := s.post(s.client, request, virtualbank.DapiLink{})
			var payload map[string]any
			require.NoError(t, json.Unmarshal([]byte(post.Payload.Reveal()), &payload))
			payload[key] = bad
			raw, err := json.Marshal(payload)
			require.NoError(t, err)
			post.Payload = bankmux.NewSecret(raw)
			_, err = s.client.ExchangeToken(t.Context(), post)
			require.ErrorIs(t, err, bankmux.ErrInvalid, "%s %.20q", key, bad)
			assert.True(t, bankmux.OutcomeKnown(err))
		}
	}
}

func anOpenedConnectionWithAnUnsendableTokenHarmsOnlyItself(t *testing.T) {
	t.Parallel()
	g := guard.New(guard.Options{})
	s := start(t, func(c *dapi.Config) { c.Guard = g })
	good := s.connect()
	keyring, err := bankmux.NewKeyring(bankmux.Key{ID: "k", Material: bankmux.NewSecret(strings.Repeat("k", 32))})
	require.NoError(t, err)
	for _, bad := range unsendable {
		grant, err := json.Marshal(map[string]string{"access_token": bad, "user_secret": "s", "connection_id": "c"})
		require.NoError(t, err)
		stored := bankmux.NewConnection(
			bankmux.Session{User: good.User, ConnectionID: good.ID, Reconnect: &good},
			"c",
			bankmux.NewSecret(grant),
		)
		blob, err := stored.Seal(keyring)
		require.NoError(t, err)
		conn, err := bankmux.Open(keyring, stored.Ref(), blob)
		require.NoError(t, err)
		for range 8 {
			_, err := s.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
			e, ok := errors.AsType[*bankmux.Error](err)
			require.True(t, ok, "%v", err)
			assert.True(t, e.NotSent, "%.20q: %v", bad, err)
			assert.Equal(t, bankmux.ErrInvalid, e.Kind)
		}
	}
	_, err = s.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: good})
	require.NoError(t, err, "the circuit is closed for all others")
}
