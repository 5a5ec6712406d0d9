package plaid_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestSession specifies the link token that a session request becomes.
func TestSession(t *testing.T) {
	t.Parallel()
	t.Run("each product is in the strongest list that it was asked for in", productsAreInTheirLists)
	t.Run("the settings reach Plaid", settingsReachPlaid)
	t.Run("the language is one of Link's", languageIsOneOfLinks)
	t.Run("a country is required", aCountryIsRequired)
	t.Run("a personal user id becomes a digest", aPersonalUserIDBecomesADigest)
	t.Run("the front end gets what Link needs", theFrontEndGetsWhatLinkNeeds)
	t.Run("a hosted page has an address", aHostedPageHasAnAddress)
	t.Run("a session that cannot be launched is malformed", aSessionThatCannotBeLaunchedIsMalformed)
	t.Run("a session ends with its link token", aSessionEndsWithItsLinkToken)
	t.Run("what Plaid does not have is refused", whatPlaidDoesNotHaveIsRefused)
}

// lists are the four lists of products, joined by spaces.
type lists struct{ required, ifSupported, optional, consented string }

func listsOf(body map[string]any) lists {
	join := func(name string) string {
		var names []string
		all, _ := body[name].([]any)
		for _, one := range all {
			names = append(names, one.(string))
		}
		return strings.Join(names, " ")
	}
	return lists{
		join("products"), join("required_if_supported_products"), join("optional_products"),
		join("additional_consented_products"),
	}
}

func productsAreInTheirLists(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	product := func(p bankmux.Product, required, permission bool) bankmux.ProductRequest {
		return bankmux.ProductRequest{Product: p, Required: required, RequirePermission: permission}
	}
	for name, c := range map[string]struct {
		products []bankmux.ProductRequest
		options  plaid.SessionOptions
		want     lists
	}{
		"nothing": {nil, plaid.SessionOptions{}, lists{required: "transactions"}},
		"accounts alone": {
			[]bankmux.ProductRequest{product(bankmux.ProductAccounts, true, false)},
			plaid.SessionOptions{},
			lists{required: "transactions"},
		},
		"one in each list": {
			[]bankmux.ProductRequest{
				product(bankmux.ProductTransactions, true, false),
				product(bankmux.ProductAccountNumbers, false, true),
				product(bankmux.ProductIdentity, false, false),
			},
			plaid.SessionOptions{AdditionalConsented: []string{"liabilities"}},
			lists{"transactions", "auth", "identity", "liabilities"},
		},
		"one in two lists": {
			[]bankmux.ProductRequest{
				product(bankmux.ProductTransactions, false, false), product(bankmux.ProductEnrichment, true, false),
			},
			plaid.SessionOptions{AdditionalConsented: []string{"transactions"}, Optional: []string{"transactions"}},
			lists{required: "transactions"},
		},
		"transactions are promoted": {
			[]bankmux.ProductRequest{
				product(bankmux.ProductIdentity, false, true), product(bankmux.ProductTransactions, false, false),
			},
			plaid.SessionOptions{},
			lists{required: "transactions", ifSupported: "identity"},
		},
		"without transactions the first is promoted": {
			[]bankmux.ProductRequest{
				product(bankmux.ProductIdentity, false, false), product(bankmux.ProductAccountNumbers, false, true),
			},
			plaid.SessionOptions{},
			lists{required: "identity", ifSupported: "auth"},
		},
		"a consent is not promoted, but another product is": {
			nil,
			plaid.SessionOptions{AdditionalConsented: []string{"transactions"}, Optional: []string{"auth"}},
			lists{required: "auth", consented: "transactions"},
		},
		"besides a consent, transactions are required as without it": {
			nil,
			plaid.SessionOptions{AdditionalConsented: []string{"auth"}},
			lists{required: "transactions", consented: "auth"},
		},
		"Plaid's own names": {
			nil,
			plaid.SessionOptions{
				Products: []string{"liabilities"}, RequiredIfSupported: []string{"auth"},
				Optional: []string{"identity"},
			},
			lists{"liabilities", "auth", "identity", ""},
		},
		"optional cards are left out": {
			[]bankmux.ProductRequest{product(bankmux.ProductCards, false, false)},
			plaid.SessionOptions{},
			lists{required: "transactions"},
		},
	} {
		req := request
		req.Products, req.Options = c.products, []bankmux.SessionOption{c.options}
		s.session(req)
		assert.Equal(t, c.want, listsOf(s.lastSent(createPath)), name)
	}
	created := len(s.sent(createPath))
	req := request
	req.Products = nil
	req.Options = []bankmux.SessionOption{plaid.SessionOptions{AdditionalConsented: []string{"auth", "transactions"}}}
	_, err := s.client.CreateSession(t.Context(), req)
	require.ErrorIs(t, err, bankmux.ErrInvalid, "Plaid requires a product, and none may be billed")
	assert.Equal(t, "SessionRequest.Products", bankmux.ErrorOf(err).Field)
	assert.Len(t, s.sent(createPath), created)
}

func settingsReachPlaid(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	req := request
	req.Contact = bankmux.Contact{Email: "ada@example.com", Phone: "+14155550123"}
	req.WebhookURL, req.Language, req.HistoryDays = "https://app.example.com/hooks/{client}", "fr-CA", 4000
	req.Options = []bankmux.SessionOption{plaid.SessionOptions{
		Countries: []string{"US", "CA"}, RoutingNumber: "011401533", Customization: "brand",
		AccountFilters: map[string][]string{"depository": {"checking", "savings"}},
	}}
	s.session(req)
	assert.Equal(t, map[string]any{
		"client_name": "Example Bookkeeping", "language": "fr", "country_codes": []any{"US", "CA"},
		"user": map[string]any{
			"client_user_id": "user-1", "email_address": "ada@example.com", "phone_number": "+14155550123",
		},
		"products": []any{"transactions"}, "optional_products": []any{"identity"},
		"webhook": "https://app.example.com/hooks/plaid", "redirect_uri": "https://app.example.com/oauth",
		"transactions": map[string]any{"days_requested": 730.0}, "link_customization_name": "brand",
		"institution_data": map[string]any{"routing_number": "011401533"},
		"account_filters": map[string]any{
			"depository": map[string]any{"account_subtypes": []any{"checking", "savings"}},
		},
	}, s.lastSent(createPath))
	assert.Equal(t, "2020-09-14", s.header.Get("Plaid-Version"))
	creds := s.bank.Credentials().Plaid
	assert.Equal(t, creds.ClientID, s.header.Get("Plaid-Client-Id"))
	assert.Equal(t, creds.Secret, s.header.Get("Plaid-Secret"), "credentials are in the header, not in the body")

	req = request
	req.Contact.Phone = "415 555 0123"
	req.Options = []bankmux.SessionOption{plaid.SessionOptions{AndroidPackage: "com.example.app"}}
	s.session(req)
	body := s.lastSent(createPath)
	assert.Equal(t, map[string]any{"client_user_id": "user-1"}, body["user"], "Plaid takes E.164 alone")
	assert.Equal(t, "com.example.app", body["android_package_name"])
	assert.NotContains(t, body, "redirect_uri")
	assert.NotContains(t, body, "transactions", "Plaid chooses the days")
	assert.NotContains(t, body, "webhook")
}

func languageIsOneOfLinks(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	for tag, want := range map[string]string{
		"": "en", "en-GB": "en", "pt": "pt", "NL": "nl", "nb-NO": "no", "nn": "no", "ar-AE": "en", "zh": "en",
	} {
		req := request
		req.Language = tag
		s.session(req)
		assert.Equal(t, want, s.lastSent(createPath)["language"], tag)
	}
}

func aCountryIsRequired(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	req := request
	req.Country = ""
	_, err := s.client.CreateSession(t.Context(), req)
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	require.ErrorContains(t, err, "SessionRequest.Country is empty")
	req.Country = "AE"
	_, err = s.client.CreateSession(t.Context(), req)
	require.ErrorIs(t, err, bankmux.ErrUnsupported)
	assert.Empty(t, s.sent(createPath))

	s = start(t, virtualbank.Options{}, func(c *plaid.Config) { c.Countries = []string{"GB", "IE"} })
	req.Country = ""
	s.session(req)
	assert.Equal(t, []any{"GB", "IE"}, s.lastSent(createPath)["country_codes"])
	conn := s.connect(request, "")
	again := req
	again.Reconnect = &conn
	s.session(again)
	assert.Equal(t, []any{"US"}, s.lastSent(createPath)["country_codes"], "a reconnect has that of the bank")
}

func aPersonalUserIDBecomesADigest(t *testing.T) {
	t.Parallel()
	for _, user := range []string{
		"user-1", "550e8400-e29b-41d4-a716-446655440000", "123456789012", "usr_7", "Ada", "2026-01",
	} {
		assert.Equal(t, user, plaid.ClientUserID(user), "an id is sent as it is")
	}
	seen := map[string]bool{}
	for _, user := range []string{
		"ada@example.com", "+14155550123", "415-555-0123", "(415) 555-0123", "bankmux-user-x", strings.Repeat("u", 201),
	} {
		digest := plaid.ClientUserID(user)
		assert.True(t, strings.HasPrefix(digest, "bankmux-user-"), user)
		assert.NotContains(t, digest, user)
		assert.Equal(t, digest, plaid.ClientUserID(user))
		seen[digest] = true
	}
	assert.Len(t, seen, 6)
	s := start(t, virtualbank.Options{}, nil)
	req := request
	req.User = "ada@example.com"
	assert.Equal(t, req.User, s.session(req).User, "the session has the application's own id")
}

func theFrontEndGetsWhatLinkNeeds(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	first, second := s.session(request), s.session(request)
	assert.True(t, strings.HasPrefix(first.Launch.Token.Reveal(), "link-sandbox-"))
	assert.Equal(t, "https://cdn.plaid.com/link/v2/stable/link-initialize.js", first.Launch.ScriptURL)
	assert.True(t, first.Launch.URL.IsZero())
	assert.Equal(t, map[string]string{"redirect_uri": request.RedirectURI}, first.Launch.Parameters)
	assert.True(t, first.State.IsZero())
	assert.Len(t, first.ID, 26)
	assert.NotEqual(t, first.ID, second.ID)
}

func aHostedPageHasAnAddress(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	req := request
	req.Lifetime = 2 * time.Hour
	req.Options = []bankmux.SessionOption{plaid.SessionOptions{Hosted: &plaid.HostedLink{}}}
	session := s.session(req)
	name := strings.TrimPrefix(session.Launch.Token.Reveal(), "link-sandbox-")
	assert.True(t, strings.HasSuffix(session.Launch.URL.Reveal(), "/link/"+name))
	assert.Empty(t, session.Launch.ScriptURL, "the page is Plaid's")
	body := s.lastSent(createPath)
	assert.Equal(t, map[string]any{
		"completion_redirect_uri": request.RedirectURI, "url_lifetime_seconds": 7200.0,
	}, body["hosted_link"])
	assert.NotContains(t, body, "redirect_uri", "Plaid's page handles the bank's own")

	req.Options = []bankmux.SessionOption{plaid.SessionOptions{Hosted: &plaid.HostedLink{
		DeliveryMethod: "sms", CompletionRedirectURI: "exampleapp://done", LifetimeSeconds: 60, IsMobileApp: true,
	}}}
	s.session(req)
	assert.Equal(t, map[string]any{
		"delivery_method": "sms", "completion_redirect_uri": "exampleapp://done", "url_lifetime_seconds": 60.0,
		"is_mobile_app": true,
	}, s.lastSent(createPath)["hosted_link"])

	for seconds, field := range map[int]string{
		0: "SessionRequest.Lifetime", -5: "SessionRequest.Options", 22 * 24 * 60 * 60: "SessionRequest.Options",
	} {
		req.Options = []bankmux.SessionOption{plaid.SessionOptions{Hosted: &plaid.HostedLink{LifetimeSeconds: seconds}}}
		req.Lifetime = 22 * 24 * time.Hour
		_, err := s.client.CreateSession(t.Context(), req)
		require.ErrorIs(t, err, bankmux.ErrInvalid)
		assert.Equal(t, field, bankmux.ErrorOf(err).Field, "%d seconds", seconds)
	}
}

func aSessionThatCannotBeLaunchedIsMalformed(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	hosted := request
	hosted.Options = []bankmux.SessionOption{plaid.SessionOptions{Hosted: &plaid.HostedLink{}}}
	for _, c := range []struct {
		req     bankmux.SessionRequest
		members string
		ok      bool
	}{
		{hosted, `"hosted_link_url":"https://secure.plaid.com/link/lp-x?lang=en#top"`, true},
		{hosted, `"hosted_link_url":"http://127.0.0.1:8080/link/x"`, true},
		{hosted, `"new":1`, false},
		{hosted, `"hosted_link_url":null`, false},
		{hosted, `"hosted_link_url":7`, false},
		{hosted, `"hosted_link_url":"/link/x"`, false},
		{hosted, `"hosted_link_url":"javascript:alert(1)"`, false},
		{hosted, `"hosted_link_url":"javascript:alert(1)//?https://secure.plaid.com"`, false},
		{hosted, `"hosted_link_url":"http://secure.plaid.com/link/x"`, false},
		{hosted, `"hosted_link_url":"https://user@secure.plaid.com/link/x"`, false},
		{hosted, `"hosted_link_url":"https://secure.plaid.com/link/x?a\r\nSet-Cookie: a=b"`, false},
		{request, `"hosted_link_url":"javascript:alert(1)"`, true}, // not used
		{request, `"expiration":"2001-01-01T00:00:00Z"`, false},
		{request, `"expiration":"soon"`, true},
		{request, `"new":1`, true},
	} {
		s.fails(createPath, http.StatusOK, `{"link_token":"link-sandbox-x","request_id":"r",`+c.members+`}`)
		session, err := s.client.CreateSession(t.Context(), c.req)
		if !c.ok {
			require.ErrorIs(t, err, bankmux.ErrMalformed, c.members)
			continue
		}
		require.NoError(t, err, c.members)
		assert.Equal(t, len(c.req.Options) > 0, !session.Launch.URL.IsZero(), c.members)
	}
}

func aSessionEndsWithItsLinkToken(t *testing.T) {
	t.Parallel()
	for name, start0 := range map[string]time.Time{"of now": {}, "years ago": time.Now().AddDate(-3, 0, 0)} {
		var now func() time.Time
		s := start(t, virtualbank.Options{Start: start0}, func(c *plaid.Config) {
			c.Now = func() time.Time { return now() }
		})
		now = s.bank.Now
		req := request
		req.Lifetime = 10 * time.Hour
		session := s.session(req)
		assert.WithinDuration(t, session.CreatedAt.Add(4*time.Hour), session.ExpiresAt, time.Minute, name)
		conn := s.connect(request, "")
		req.Reconnect = &conn
		session = s.session(req)
		assert.WithinDuration(t, session.CreatedAt.Add(30*time.Minute), session.ExpiresAt, time.Minute, name)
		req.Lifetime = 5 * time.Minute
		session = s.session(req)
		assert.WithinDuration(t, session.CreatedAt.Add(5*time.Minute), session.ExpiresAt, time.Second, name)
	}
}

func whatPlaidDoesNotHaveIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	for _, p := range []bankmux.Product{bankmux.ProductCards, bankmux.ProductPayments, "unheard_of"} {
		req := request
		req.Products = []bankmux.ProductRequest{{Product: p, Required: true}}
		_, err := s.client.CreateSession(t.Context(), req)
		require.ErrorIs(t, err, bankmux.ErrUnsupported, p)
	}
	req := request
	req.Options = []bankmux.SessionOption{plaid.SessionOptions{MultiItem: true}}
	_, err := s.client.CreateSession(t.Context(), req)
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	req = request
	req.Institution = bankmux.InstitutionRef{"moneykit": "northwind"}
	_, err = s.client.CreateSession(t.Context(), req)
	require.ErrorIs(t, err, bankmux.ErrUnsupported, "Plaid may not have the bank")
	assert.Empty(t, s.sent(createPath))
	req.Institution = bankmux.InstitutionRef{"plaid": "ins_900101"}
	assert.Empty(t, s.session(req).Launch.Institution, "Link cannot skip the choice of a bank")
}
