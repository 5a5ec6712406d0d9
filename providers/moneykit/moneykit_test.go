package moneykit_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// setup is a client and the bank it talks to over loopback.
type setup struct {
	t      *testing.T
	bank   *virtualbank.Bank
	client *bankmux.Client

	mu     sync.Mutex
	bodies map[string][]json.RawMessage // by method and path
	header http.Header                  // of the last request
}

func start(t *testing.T, opts virtualbank.Options, change func(*moneykit.Config)) *setup {
	t.Helper()
	s := &setup{t: t, bank: virtualbank.New(opts), bodies: map[string][]json.RawMessage{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		s.mu.Lock()
		key := r.Method + " " + r.URL.Path
		s.bodies[key] = append(s.bodies[key], body)
		s.header = r.Header.Clone()
		s.mu.Unlock()
		s.bank.MoneyKit().ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections() // a token request may outlive its impatient caller
		server.Close()
	})
	creds := s.bank.Credentials().MoneyKit
	cfg := moneykit.Config{
		ClientID:     creds.ClientID,
		ClientSecret: bankmux.NewSecret(creds.ClientSecret),
		Environment:  bankmux.Sandbox,
		BaseURL:      server.URL,
		Guard:        guard.New(guard.Options{Retry: guard.RetryOptions{MaxAttempts: 1}}),
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	s.client, err = moneykit.New(cfg)
	require.NoError(t, err)
	return s
}

var request = bankmux.SessionRequest{User: "user-1", Country: "US", RedirectURI: "https://app.example.com/oauth"}

func (s *setup) sent(key string) []json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bodies[key]
}

func (s *setup) post(req bankmux.SessionRequest) bankmux.ExchangeRequest {
	s.t.Helper()
	session, err := s.client.CreateSession(s.t.Context(), req)
	require.NoError(s.t, err)
	payload, err := s.bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: session.Launch.Token.Reveal()})
	require.NoError(s.t, err)
	return bankmux.ExchangeRequest{Session: session, User: req.User, Payload: bankmux.NewSecret(payload)}
}

func (s *setup) connect(req bankmux.SessionRequest) bankmux.Connection {
	s.t.Helper()
	conn, err := single.Connection(s.client.ExchangeToken(s.t.Context(), s.post(req)))
	require.NoError(s.t, err)
	return conn
}

const exchangePath = "POST /link-session/exchange-token"

func TestConfigIsCheckedAndNamesTheField(t *testing.T) {
	t.Parallel()
	good := moneykit.Config{ClientID: "id", ClientSecret: bankmux.NewSecret("planted"), Environment: bankmux.Production}
	for name, c := range map[string]struct {
		change func(*moneykit.Config)
		field  string
	}{
		"no id":                {func(c *moneykit.Config) { c.ClientID = "" }, "ClientID"},
		"no secret":            {func(c *moneykit.Config) { c.ClientSecret = bankmux.Secret{} }, "ClientSecret"},
		"no environment":       {func(c *moneykit.Config) { c.Environment = "" }, "Environment"},
		"strange auth":         {func(c *moneykit.Config) { c.Auth = "magic" }, "Auth"},
		"a negative limit":     {func(c *moneykit.Config) { c.BodyLimit = -1 }, "BodyLimit"},
		"http":                 {func(c *moneykit.Config) { c.BaseURL = "http://api.example.com" }, "BaseURL"},
		"a loopback lookalike": {func(c *moneykit.Config) { c.BaseURL = "http://localhost.example.com" }, "BaseURL"},
		"a query":              {func(c *moneykit.Config) { c.BaseURL = "https://api.example.com/?key=planted" }, "BaseURL"},
		"a user":               {func(c *moneykit.Config) { c.BaseURL = "https://planted@api.example.com" }, "BaseURL"},
		"no URL":               {func(c *moneykit.Config) { c.BaseURL = "api" }, "BaseURL"},
	} {
		cfg := good
		c.change(&cfg)
		_, err := moneykit.New(cfg)
		require.ErrorIs(t, err, bankmux.ErrInvalid, name)
		require.ErrorContains(t, err, "moneykit.Config."+c.field, name)
		assert.NotContains(t, err.Error(), "planted", name)
	}
	client, err := moneykit.New(good)
	require.NoError(t, err)
	assert.Equal(t, "moneykit", client.Name())
	assert.Equal(t, bankmux.Production, client.Environment())
}

func TestEveryFieldOfALinkSessionCanBeSent(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	verified := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	req := request
	req.Contact = bankmux.Contact{
		Email:           "rosa@example.com",
		EmailVerifiedAt: verified,
		Phone:           "5550100",
		PhoneCountry:    "US",
		PhoneVerifiedAt: verified,
	}
	req.Institution = bankmux.InstitutionRef{"moneykit": "credentials_bank", "dapi": "X"}
	req.WebhookURL, req.Tags = "https://app.example.com/hooks", []string{"tier:gold"}
	req.Products = []bankmux.ProductRequest{
		{Product: bankmux.ProductAccounts, Required: true},
		{Product: bankmux.ProductTransactions, Required: true, Prefetch: true, Reason: "show your spending"},
		{Product: bankmux.ProductIdentity, RequirePermission: true},
		{Product: bankmux.ProductCards},
	}
	req.Options = []bankmux.SessionOption{moneykit.SessionOptions{
		Providers: []string{"mx", "moneykit"}, Countries: []string{"US", "CA"},
		Features: moneykit.ConnectFeatures{
			IssueReporter:                true,
			EnableMoneyID:                true,
			DuplicateInstitutionWarning:  true,
			DuplicateInstitutionRejected: true,
			ConnectManually:              true,
			PermitOnlyOneAccount:         true,
			PermitOnlyDepositoryAccounts: true,
		},
		CustomSandboxData: &moneykit.CustomSandboxData{
			Accounts: []moneykit.CustomSandboxAccount{
				{AccountType: "depository.checking", Name: "Main", AccountNumber: "123", RoutingNumber: "021000021"},
			},
			Owners: []moneykit.Owner{
				{
					Names:     []string{"Rosa"},
					Addresses: []moneykit.Address{{City: "Austin"}},
					PhoneNumbers: []moneykit.PhoneNumber{
						{Number: "1", Type: "home"},
					},
					Emails: []moneykit.Email{{Address: "a@b.example"}},
				},
			},
		},
	}}
	session, err := s.client.CreateSession(t.Context(), req)
	require.NoError(t, err)
	require.Len(t, s.sent("POST /link-session"), 1)
	assert.JSONEq(t, `{
		"settings": {
			"providers": ["mx", "moneykit"], "countries": ["US", "CA"],
			"products": {
				"transactions": {"required": true, "require_permission": false, "prefetch": true, "reason": "show your spending"},
				"identity": {"required": false, "require_permission": true, "prefetch": false}
			}
		},
		"customer_user": {
			"id": "user-1",
			"email": {"address": "rosa@example.com", "customer_verified_at": "2026-11-20T09:00:00.000000+00:00"},
			"phone": {"number": "5550100", "country": "US", "customer_verified_at": "2026-11-20T09:00:00.000000+00:00"}
		},
		"institution_id": "credentials_bank",
		"redirect_uri": "https://app.example.com/oauth",
		"webhook": "https://app.example.com/hooks",
		"link_tags": ["tier:gold", "bankmux-session:`+session.ID+`"],
		"connect_features": {
			"issue_reporter": true, "enable_money_id": true, "duplicate_institution_warning": true, "duplicate_institution_rejected": true,
			"connect_manually": true, "permit_only_one_account": true, "permit_only_depository_accounts": true
		},
		"custom_sandbox_data": {
			"accounts": [{"account_type": "depository.checking", "name": "Main", "account_number": "123", "routing_number": "021000021"}],
			"owners": [{"names": ["Rosa"], "addresses": [{"city": "Austin"}], "phone_numbers": [{"number": "1", "type": "home"}], "emails": [{"address": "a@b.example"}]}]
		}
	}`, string(s.sent("POST /link-session")[0]))
	assert.Equal(t, "2023-02-18", s.header.Get("MoneyKit-Version"))
}

func TestWhatMoneyKitWouldRefuseIsNotSent(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	for name, c := range map[string]struct {
		change func(*bankmux.SessionRequest)
		kind   bankmux.Kind
		field  string
	}{
		"no redirect":        {func(r *bankmux.SessionRequest) { r.RedirectURI = "" }, bankmux.ErrInvalid, "RedirectURI"},
		"a redirect query":   {func(r *bankmux.SessionRequest) { r.RedirectURI += "?a=b" }, bankmux.ErrInvalid, "RedirectURI"},
		"a short e-mail":     {func(r *bankmux.SessionRequest) { r.Contact.Email = "a@b" }, bankmux.ErrInvalid, "Contact.Email"},
		"a long phone":       {func(r *bankmux.SessionRequest) { r.Contact.Phone = strings.Repeat("1", 31) }, bankmux.ErrInvalid, "Contact.Phone"},
		"a strange phone":    {func(r *bankmux.SessionRequest) { r.Contact.PhoneCountry = "AE" }, bankmux.ErrInvalid, "Contact.PhoneCountry"},
		"an empty tag":       {func(r *bankmux.SessionRequest) { r.Tags = []string{""} }, bankmux.ErrInvalid, "Tags"},
		"a tag with a dash":  {func(r *bankmux.SessionRequest) { r.Tags = []string{"-a"} }, bankmux.ErrInvalid, "Tags"},
		"a long tag":         {func(r *bankmux.SessionRequest) { r.Tags = []string{strings.Repeat("a", 100)} }, bankmux.ErrInvalid, "Tags"},
		"a forged session":   {func(r *bankmux.SessionRequest) { r.Tags = []string{"bankmux-session:x"} }, bankmux.ErrInvalid, "Tags"},
		"a country it lacks": {func(r *bankmux.SessionRequest) { r.Country = "AE" }, bankmux.ErrUnsupported, "Country"},
		"a bank it lacks":    {func(r *bankmux.SessionRequest) { r.Institution = bankmux.InstitutionRef{"dapi": "X"} }, bankmux.ErrUnsupported, "Institution"},
		"a product it lacks": {func(r *bankmux.SessionRequest) {
			r.Products = []bankmux.ProductRequest{{Product: bankmux.ProductPayments, Required: true}}
		}, bankmux.ErrUnsupported, "Products"},
	} {
		req := request
		c.change(&req)
		_, err := s.client.CreateSession(t.Context(), req)
		require.ErrorIs(t, err, c.kind, name)
		require.ErrorContains(t, err, "SessionRequest."+c.field, name)
	}
	assert.Empty(t, s.bank.Requests())
}

func TestAnExpiredTokenIsRenewedOnceEvenForAOneShot(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	post := s.post(request)
	s.bank.Advance(2 * time.Hour) // the token expires before its time here, as with a clock that is off
	_, err := s.client.ExchangeToken(t.Context(), post)
	require.ErrorIs(t, err, bankmux.ErrTokenSpent, "the exchange got through, its own token is too old by now")
	assert.Len(t, s.sent("POST /auth/token"), 2)

	require.NoError(t, s.bank.Inject(virtualbank.Fault{Name: "token_expired", Times: 1, Operation: exchangePath}))
	s.connect(request)
	assert.Len(t, s.sent("POST /auth/token"), 3)

	require.NoError(t, s.bank.Inject(virtualbank.Fault{Name: "token_expired"}))
	_, err = s.client.CreateSession(t.Context(), request)
	require.ErrorIs(t, err, bankmux.ErrCredentials)
	assert.Len(t, s.sent("POST /auth/token"), 4, "once, not for ever")
	s.bank.ClearFaults()

	require.NoError(t, s.bank.Inject(virtualbank.Fault{Name: "credentials_rejected", Operation: "POST /link-session"}))
	before := len(s.sent("POST /auth/token"))
	_, err = s.client.CreateSession(t.Context(), request)
	require.ErrorIs(t, err, bankmux.ErrCredentials)
	assert.Len(t, s.sent("POST /auth/token"), before, "never on another 401")
}

func TestHeadersReplaceTheTokenWhereAsked(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, func(c *moneykit.Config) { c.Auth = moneykit.AuthHeaders })
	s.connect(request)
	require.NoError(t, s.client.Check(t.Context()))
	assert.Empty(t, s.sent("POST /auth/token"))
	assert.Empty(t, s.header.Get("Authorization"))
	assert.NotEmpty(t, s.header.Get("X-Client-Secret"))
}

func TestSpentTokenAndQuotaAreToldApart(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{LinkQuota: 1}, nil)
	first := s.post(request)
	second := s.post(request)
	s.connectPost(first)
	_, err := s.client.ExchangeToken(t.Context(), second)
	require.ErrorIs(t, err, bankmux.ErrQuota)

	forged := second
	forged.Payload = bankmux.NewSecret(`{"exchangeable_token":"never-issued"}`)
	_, err = s.client.ExchangeToken(t.Context(), forged)
	require.ErrorIs(t, err, bankmux.ErrTokenSpent)
	e, _ := errors.AsType[*bankmux.Error](err)
	assert.Equal(t, http.StatusBadRequest, e.Status)
	assert.Equal(t, "link_session_error.invalid_token_exchange", e.Code)
}

func (s *setup) connectPost(post bankmux.ExchangeRequest) bankmux.Connection {
	s.t.Helper()
	conn, err := single.Connection(s.client.ExchangeToken(s.t.Context(), post))
	require.NoError(s.t, err)
	return conn
}

func TestAnExchangeWhoseAnswerWasLostIsFoundByItsTag(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"reset_after", "cut_body", "html_200", "truncated", "empty_200", "null_200", "no_content", "gateway_timeout", "duplicate_keys", "oversized", "hang_after"} {
		patience := time.Minute
		if fault == "hang_after" {
			patience = 5 * time.Second // of which a fifth is left for the question
		}
		s := start(t, virtualbank.Options{}, func(c *moneykit.Config) {
			c.Guard = guard.New(guard.Options{Deadline: guard.DeadlineOptions{Link: patience}})
		})
		post := s.post(request)
		require.NoError(t, s.bank.Inject(virtualbank.Fault{Name: fault, Operation: exchangePath}))
		conn, err := single.Connection(s.client.ExchangeToken(t.Context(), post))
		if fault == "html_200" { // nothing was carried out, so there is nothing to find
			require.ErrorIs(t, err, bankmux.ErrOutcomeUnknown)
			continue
		}
		require.NoError(t, err, fault)
		assert.Equal(t, post.Session.ConnectionID, conn.ID, fault)
		assert.Len(t, s.sent(exchangePath), 1, fault)
		s.bank.ClearFaults()
		again := s.connectPost(post) // a spent token is looked up as well
		assert.Equal(t, conn.Reference(), again.Reference())
	}
}

func TestALostExchangeThatCannotBeFoundIsAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	post := s.post(request)
	require.NoError(t, s.bank.Inject(virtualbank.Fault{Name: "reset_after", Operation: exchangePath}))
	require.NoError(t, s.bank.Inject(virtualbank.Fault{Name: "unavailable", Operation: "GET /users/{id}/links"}))
	_, err := s.client.ExchangeToken(t.Context(), post)
	require.ErrorIs(t, err, bankmux.ErrOutcomeUnknown)
	require.ErrorIs(t, err, bankmux.ErrUnavailable, "the first cause stays visible")
	s.bank.ClearFaults()
	assert.Equal(t, post.Session.ConnectionID, s.connectPost(post).ID, "asking again finds out")
}

func TestReconnectKeepsWebhookAndTagsUnlessToldOtherwise(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change  func(*bankmux.SessionRequest)
		webhook string // "" for none
		tags    []string
	}{
		"kept": {func(*bankmux.SessionRequest) {}, "https://app.example.com/hooks", []string{"tier:gold"}},
		"replaced": {func(r *bankmux.SessionRequest) {
			r.WebhookURL, r.Tags = "https://app.example.com/new", []string{"tier:tin"}
		}, "https://app.example.com/new", []string{"tier:tin"}},
		"removed": {func(r *bankmux.SessionRequest) {
			r.Tags, r.Options = []string{}, []bankmux.SessionOption{moneykit.SessionOptions{RemoveWebhook: true}}
		}, "", nil},
	} {
		s := start(t, virtualbank.Options{}, nil)
		req := request
		req.WebhookURL, req.Tags = "https://app.example.com/hooks", []string{"tier:gold"}
		conn := s.connect(req)
		require.NoError(t, s.bank.Lapse(conn.Reference()))
		again := request
		again.Reconnect = &conn
		c.change(&again)
		session, err := s.client.CreateSession(t.Context(), again)
		require.NoError(t, err, name)
		bodies := s.sent("POST /link-session")
		var got struct {
			ExistingLinkID string   `json:"existing_link_id"`
			Webhook        string   `json:"webhook"`
			LinkTags       []string `json:"link_tags"`
		}
		require.NoError(t, json.Unmarshal(bodies[len(bodies)-1], &got))
		assert.Equal(t, conn.Reference(), got.ExistingLinkID, name)
		assert.Equal(t, c.webhook, got.Webhook, name)
		assert.Equal(t, append(c.tags, "bankmux-session:"+session.ID), got.LinkTags, name)

		payload, err := s.bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: session.Launch.Token.Reveal()})
		require.NoError(t, err)
		renewed := s.connectPost(
			bankmux.ExchangeRequest{Session: session, User: request.User, Payload: bankmux.NewSecret(payload)},
		)
		assert.Equal(t, conn.ID, renewed.ID, name)
		assert.Equal(t, bankmux.StateActive, renewed.Status.State, name)
		assert.Len(t, s.sent(exchangePath), 1, "no exchange happens")
	}
}

func TestAReconnectThatWasNotFinishedIsSaidToBeSo(t *testing.T) {
	t.Parallel()
	for name, lapse := range map[string]bool{"of a lapsed link": true, "of a link that works": false} {
		s := start(t, virtualbank.Options{}, nil)
		conn := s.connect(request)
		if lapse {
			require.NoError(t, s.bank.Lapse(conn.Reference()))
		}
		req := request
		req.Reconnect = &conn
		session, err := s.client.CreateSession(t.Context(), req)
		require.NoError(t, err)
		post := bankmux.ExchangeRequest{
			Session: session,
			User:    request.User,
			Payload: bankmux.NewSecret(`{"institution":{}}`),
		}
		_, err = s.client.ExchangeToken(t.Context(), post)
		require.ErrorIs(t, err, bankmux.ErrUserAction, name)
		post.Payload = bankmux.NewSecret(`{"exchangeable_token":"x","institution":{}}`)
		_, err = s.client.ExchangeToken(t.Context(), post)
		require.ErrorIs(t, err, bankmux.ErrInvalid, name)
	}
}

func TestAnotherProvidersPayloadIsNamed(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	post := s.post(request)
	post.Payload = bankmux.NewSecret(`{"accessCode":"a","connectionID":"b","userSecret":"c"}`)
	_, err := s.client.ExchangeToken(t.Context(), post)
	require.ErrorContains(t, err, "another provider's")
	assert.Empty(t, s.sent(exchangePath))
}

func TestDeletedLinkIsGoneInEitherWayMoneyKitSaysIt(t *testing.T) {
	t.Parallel()
	for _, readable := range []bool{false, true} {
		s := start(t, virtualbank.Options{DeletedReadable: readable}, nil)
		conn := s.connect(request)
		_, err := s.client.Disconnect(t.Context(), bankmux.DisconnectRequest{Connection: conn})
		require.NoError(t, err)
		got, err := s.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
		require.NoError(t, err)
		assert.Equal(t, bankmux.StateGone, got.Connection.Status.State)
		req := request
		req.Reconnect = &conn
		_, err = s.client.CreateSession(t.Context(), req)
		require.ErrorIs(t, err, bankmux.ErrGone)
	}
}

func TestAnUnknownStateIsKept(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	post := s.post(request)
	require.NoError(t, s.bank.Inject(virtualbank.Fault{Name: "unknown_enum"}))
	assert.Equal(t, bankmux.State("hibernating"), s.connectPost(post).Status.State)
}

func TestAnUnlistedCodeIsCounted(t *testing.T) {
	t.Parallel()
	g := guard.New(guard.Options{})
	s := start(t, virtualbank.Options{}, func(c *moneykit.Config) { c.Guard = g })
	require.NoError(t, s.bank.Inject(virtualbank.Fault{Name: "unknown_code", Operation: "POST /link-session"}))
	_, err := s.client.CreateSession(t.Context(), request)
	e, ok := errors.AsType[*bankmux.Error](err)
	require.True(t, ok)
	assert.True(t, e.Unlisted)
	assert.Len(t, s.sent("POST /link-session"), 1)
	assert.Equal(t, map[string]uint64{"moneykit virtualbank.unheard_of": 1}, g.UnlistedCodes())
}

func TestValidationErrorNamesTheField(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	req := request
	req.Options = []bankmux.SessionOption{moneykit.SessionOptions{Providers: []string{"nobody"}}}
	_, err := s.client.CreateSession(t.Context(), req)
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	assert.ErrorContains(t, err, "body.settings.providers")
}

func TestTokenEndpointTrouble(t *testing.T) {
	t.Parallel()
	for fault, kind := range map[string]bankmux.Kind{
		"hang": bankmux.ErrContextDone, "credentials_rejected": bankmux.ErrCredentials, "html_200": bankmux.ErrMalformed, "unavailable": bankmux.ErrUnavailable,
	} {
		s := start(t, virtualbank.Options{}, nil)
		require.NoError(t, s.bank.Inject(virtualbank.Fault{Name: fault, Operation: "POST /auth/token"}))
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := s.client.CreateSession(ctx, request)
		cancel()
		require.ErrorIs(t, err, kind, fault)
		e, _ := errors.AsType[*bankmux.Error](err)
		assert.True(t, e.NotSent, "%s: the operation itself never left", fault)
	}
	s := start(t, virtualbank.Options{}, nil)
	require.NoError(t, s.bank.Inject(virtualbank.Fault{Name: "short_token"}))
	s.connect(request)
}

func TestTwoApplicationsWorkSideBySide(t *testing.T) {
	t.Parallel()
	a := start(t, virtualbank.Options{Seed: 1}, func(c *moneykit.Config) { c.Name = "mk-sandbox" })
	b := start(
		t,
		virtualbank.Options{Seed: 2},
		func(c *moneykit.Config) { c.Name, c.Environment = "mk-live", bankmux.Production },
	)
	registry, err := bankmux.NewRegistry([]*bankmux.Client{a.client, b.client}, []bankmux.Route{{Client: "mk-live"}})
	require.NoError(t, err)
	inSandbox, live := a.connect(request), b.connect(request)
	for conn, want := range map[*bankmux.Connection]string{&inSandbox: "mk-sandbox", &live: "mk-live"} {
		client, err := registry.For(*conn)
		require.NoError(t, err)
		assert.Equal(t, want, client.Name())
		_, err = client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: *conn})
		require.NoError(t, err)
	}
	_, err = a.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: live})
	assert.ErrorIs(t, err, bankmux.ErrInvalid)
}
