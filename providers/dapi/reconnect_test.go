package dapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestReconnect specifies which login may renew a connection.
func TestReconnect(t *testing.T) {
	t.Parallel()
	t.Run("another bank is refused, and its access ends", anotherBankIsRefused)
	t.Run("an access to another bank that could not be ended is reported", anAccessThatStaysOpenIsReported)
	t.Run("a bank that merged is the same bank", aBankThatMergedIsTheSameBank)
	t.Run("the granted products are kept", theGrantedProductsAreKept)
	t.Run("the launch offers the banks of the connection's country", theLaunchOffersTheBanksOfTheCountry)
}

// TestDisconnect specifies when a connection has ended.
func TestDisconnect(t *testing.T) {
	t.Parallel()
	t.Run("a login that changed is not delinked", aLoginThatChangedIsNotDelinked)
}

func anotherBankIsRefused(t *testing.T) {
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
	assert.Equal(t, bankmux.CodeOtherBank, bankmux.ErrorOf(err).Code)
	assert.True(t, bankmux.ErrorOf(err).UserMustAct())
	assert.Equal(t, []string{conn.Institution.ID}, s.connectedBanks())
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

func theLaunchOffersTheBanksOfTheCountry(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := s.connect()
	for name, c := range map[string]struct {
		change func(*bankmux.SessionRequest)
		want   []string
	}{
		"the request names no country":  {func(*bankmux.SessionRequest) {}, []string{"AE"}},
		"the request names a country":   {func(r *bankmux.SessionRequest) { r.Country = "SA" }, []string{"SA"}},
		"the connection has no country": {func(r *bankmux.SessionRequest) { r.Reconnect.Institution.Country = "" }, nil},
		"the options name countries": {func(r *bankmux.SessionRequest) {
			r.Options = []bankmux.SessionOption{dapi.SessionOptions{Countries: []string{"BH", "KW"}}}
		}, []string{"BH", "KW"}},
	} {
		renewed := conn
		req := bankmux.SessionRequest{User: conn.User, Reconnect: &renewed}
		c.change(&req)
		session, err := s.client.CreateSession(t.Context(), req)
		require.NoError(t, err, name)
		assert.Equal(t, bankmux.ModeRelink, session.Launch.Mode, name)
		assert.Equal(t, c.want, session.Launch.Countries, name)
	}
}

// connectedBanks returns the banks at which a login is connected, such as "DAPIBANK_AE_ENBD".
func (s *setup) connectedBanks() (all []string) {
	for _, l := range s.bank.Links() {
		if l.State == "connected" {
			all = append(all, l.Institution)
		}
	}
	return all
}

func anAccessThatStaysOpenIsReported(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := s.connect()
	req := request
	req.Reconnect = &conn
	post := s.post(s.client, req, virtualbank.DapiLink{InstitutionID: "DAPIBANK_AE_ADCB"})
	require.NoError(t, s.bank.Inject(virtualbank.Fault{Name: "unavailable", Operation: "/users/DelinkUser"}))
	_, err := s.client.ExchangeToken(t.Context(), post)
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	e := bankmux.ErrorOf(err)
	assert.Equal(t, bankmux.CodeOtherBank, e.Code)
	assert.Contains(t, e.Detail, "its access could not be ended")
	require.ErrorIs(t, e.Err, bankmux.ErrUnavailable)
	assert.Len(t, s.connectedBanks(), 2)
}

func aBankThatMergedIsTheSameBank(t *testing.T) {
	t.Parallel()
	const legal = "Emirates NBD Bank PJSC"
	for name, change := range map[string]map[string]string{
		"another SWIFT code":          {"swiftCode": "EMNBAEAD"},
		"another id":                  {"bankId": "DAPIBANK_AE_EMNB"},
		"both, and the name stays":    {"bankId": "DAPIBANK_AE_EMNB", "swiftCode": "EMNBAEAD", "bankName": strings.ToUpper(legal)},
		"another name":                {"bankName": "Emirates Group Bank"},
		"another name and SWIFT code": {"bankName": "Emirates Group Bank", "swiftCode": "EMNBAEAD"},
		"another name and id":         {"bankName": "Emirates Group Bank", "bankId": "DAPIBANK_AE_EMNB"},
		"the SWIFT code is gone":      {"swiftCode": ""},
	} {
		for _, asked := range []bool{true, false} {
			t.Run(
				name+map[bool]string{true: ", and the status was read", false: ", and no status was read"}[asked],
				func(t *testing.T) {
					t.Parallel()
					m := startMerging(t)
					conn := m.connect()
					require.Equal(t, legal, conn.Institution.Name)
					m.change = change
					if asked {
						for range 2 {
							got, err := m.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
							require.NoError(t, err)
							conn = got.Connection
						}
						assert.Equal(t, bankmux.StateActive, conn.Status.State)
						if want, ok := change["swiftCode"]; ok && want != "" {
							assert.Equal(t, want, conn.Institution.BIC)
						}
						if want, ok := change["bankId"]; ok {
							assert.Equal(t, want, conn.Institution.ID)
						}
					}
					req := request
					req.Reconnect = &conn
					renewed, err := single.Connection(
						m.client.ExchangeToken(
							t.Context(),
							m.post(m.client, req, virtualbank.DapiLink{InstitutionID: "DAPIBANK_AE_ENBD"}),
						),
					)
					require.NoError(t, err)
					assert.Equal(t, conn.ID, renewed.ID)
					if want, ok := change["bankName"]; ok {
						assert.Equal(t, want, renewed.Institution.Name)
					}
				},
			)
		}
	}
	t.Run("what a status does not say stays", func(t *testing.T) {
		t.Parallel()
		for name, change := range map[string]map[string]string{
			"no country":        {"country": ""},
			"no SWIFT code":     {"swiftCode": ""},
			"no name":           {"bankName": ""},
			"only a name":       {"bankId": "", "swiftCode": "", "country": ""},
			"only a SWIFT code": {"bankId": "", "bankName": "", "country": ""},
		} {
			m := startMerging(t)
			conn := m.connect()
			require.NotEmpty(t, conn.Institution.Country)
			m.change = change
			got, err := m.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
			require.NoError(t, err, name)
			assert.Equal(t, conn.Institution, got.Connection.Institution, name)
		}
	})
	t.Run("a status accepts a bank that changed everything, and a reconnect then does, too", func(t *testing.T) {
		t.Parallel()
		m := startMerging(t)
		conn := m.connect()
		m.change = map[string]string{"bankId": "DAPIBANK_AE_NEW", "swiftCode": "NEWBAEAD", "bankName": "New Bank"}
		req := request
		req.Reconnect = &conn
		post := m.post(m.client, req, virtualbank.DapiLink{InstitutionID: "DAPIBANK_AE_ENBD"})
		_, err := m.client.ExchangeToken(t.Context(), post)
		require.ErrorIs(t, err, bankmux.ErrInvalid, "nothing shows that it is the same bank")
		got, err := m.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
		require.NoError(t, err, "the exchange checked this login")
		assert.Equal(t, "DAPIBANK_AE_NEW", got.Connection.Institution.ID)
		req.Reconnect = &got.Connection
		_, err = m.client.ExchangeToken(
			t.Context(),
			m.post(m.client, req, virtualbank.DapiLink{InstitutionID: "DAPIBANK_AE_ENBD"}),
		)
		require.NoError(t, err)
	})
	t.Run("a reconnect whose bank could not be read is checked by the status", func(t *testing.T) {
		t.Parallel()
		m := startMerging(t)
		conn := m.connect()
		req := request
		req.Reconnect = &conn
		post := m.post(m.client, req, virtualbank.DapiLink{InstitutionID: "DAPIBANK_AE_ADCB"})
		require.NoError(
			t,
			m.bank.Inject(virtualbank.Fault{Name: "unavailable", Operation: "/metadata/accounts/get", Times: 1}),
		)
		unverified, err := single.Connection(m.client.ExchangeToken(t.Context(), post))
		require.NoError(t, err)
		require.Equal(t, bankmux.StateUnverified, unverified.Status.State)
		got, err := m.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: unverified})
		require.NoError(t, err)
		assert.Equal(t, bankmux.StateReauth, got.Connection.Status.State)
		assert.Equal(t, bankmux.CodeOtherBank, got.Connection.Status.Code)
		assert.Equal(t, conn.Institution, got.Connection.Institution, "the bank to log in at")
		again, err := m.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: got.Connection})
		require.NoError(t, err)
		assert.Equal(t, got.Connection.Status, again.Connection.Status, "it stays so")
		_, err = m.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: again.Connection})
		require.ErrorIs(t, err, bankmux.ErrReauth)
		assert.Equal(t, bankmux.CodeOtherBank, bankmux.ErrorOf(err).Code)
		assert.True(t, bankmux.ErrorOf(err).NotSent)
		req.Reconnect = &again.Connection
		post = m.post(m.client, req, virtualbank.DapiLink{InstitutionID: conn.Institution.ID})
		renewed, err := single.Connection(m.client.ExchangeToken(t.Context(), post))
		require.NoError(t, err)
		assert.Equal(t, bankmux.StateActive, renewed.Status.State)
	})
	t.Run("the common code of sandbox banks does not make them one bank", func(t *testing.T) {
		t.Parallel()
		m := startMerging(t)
		m.change = map[string]string{"swiftCode": "DAPIBANK"}
		conn := m.connect()
		req := request
		req.Reconnect = &conn
		_, err := m.client.ExchangeToken(
			t.Context(),
			m.post(m.client, req, virtualbank.DapiLink{InstitutionID: "DAPIBANK_AE_ADCB"}),
		)
		require.ErrorContains(t, err, "another bank")
	})
	t.Run("one name in two countries is two banks", func(t *testing.T) {
		t.Parallel()
		m := startMerging(t)
		conn := m.connect()
		m.change = map[string]string{"country": "SA", "bankId": "DAPIBANK_SA_ENBD", "swiftCode": "EBILSARI"}
		req := request
		req.Reconnect = &conn
		_, err := m.client.ExchangeToken(
			t.Context(),
			m.post(m.client, req, virtualbank.DapiLink{InstitutionID: "DAPIBANK_AE_ENBD"}),
		)
		require.ErrorContains(t, err, "another bank")
	})
}

func theGrantedProductsAreKept(t *testing.T) {
	t.Parallel()
	products := func(list ...bankmux.Product) (all []bankmux.ProductRequest) {
		for _, p := range list {
			all = append(all, bankmux.ProductRequest{Product: p})
		}
		return all
	}
	for name, c := range map[string]struct{ asked, want []bankmux.Product }{
		"and asks for nothing": {nil, []bankmux.Product{bankmux.ProductTransactions, bankmux.ProductIdentity}},
		"and asks for another": {
			[]bankmux.Product{bankmux.ProductCards},
			[]bankmux.Product{bankmux.ProductTransactions, bankmux.ProductIdentity, bankmux.ProductCards},
		},
		"and asks for the same": {[]bankmux.Product{bankmux.ProductIdentity}, []bankmux.Product{bankmux.ProductTransactions, bankmux.ProductIdentity}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, nil)
			req := request
			req.Products = products(bankmux.ProductTransactions, bankmux.ProductIdentity)
			conn, err := single.Connection(
				s.client.ExchangeToken(t.Context(), s.post(s.client, req, virtualbank.DapiLink{})),
			)
			require.NoError(t, err)
			for range 2 { // it stays so
				req = request
				req.Products, req.Reconnect = products(c.asked...), &conn
				conn, err = single.Connection(
					s.client.ExchangeToken(
						t.Context(),
						s.post(s.client, req, virtualbank.DapiLink{InstitutionID: conn.Institution.ID}),
					),
				)
				require.NoError(t, err)
				assert.Equal(t, c.want, conn.Products)
			}
			got, err := s.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
			require.NoError(t, err)
			assert.Equal(t, c.want, got.Connection.Products)
		})
	}
}

func aLoginThatChangedIsNotDelinked(t *testing.T) {
	t.Parallel()
	for code, gone := range map[string]bool{
		"INVALID_CREDENTIALS": false, "INVALID_CONNECTION": false, "INVALID_TOKEN": true, "USER_DELINKED": true,
	} {
		client, conn, _ := canned(
			t,
			map[string]string{"/v2/users/DelinkUser": `{"success":false,"status":"failed","type":"` + code + `"}`},
		)
		res, err := client.Disconnect(t.Context(), bankmux.DisconnectRequest{Connection: conn})
		assert.Equal(t, gone, err == nil, code)
		assert.Equal(t, gone, res.Connection.Status.State == bankmux.StateGone, code)
	}
}

// merging is a Dapi whose metadata change.
type merging struct {
	*setup
	change map[string]string // members of the metadata
}

func startMerging(t *testing.T) *merging {
	t.Helper()
	m := &merging{setup: &setup{t: t, bank: virtualbank.New(virtualbank.Options{})}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/metadata/accounts/get") || m.change == nil {
			m.bank.Dapi().ServeHTTP(w, r)
			return
		}
		seen := httptest.NewRecorder()
		m.bank.Dapi().ServeHTTP(seen, r)
		var body map[string]any
		_ = json.Unmarshal(seen.Body.Bytes(), &body)
		if metadata, ok := body["accountsMetadata"].(map[string]any); ok {
			for name, v := range m.change {
				if name == "country" {
					metadata[name] = map[string]string{"code": v, "name": v}
					continue
				}
				metadata[name] = v
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(seen.Code)
		_ = json.NewEncoder(w).Encode(body)
	}))
	t.Cleanup(server.Close)
	m.url = server.URL + "/v2"
	m.client = m.another(nil)
	return m
}
