package moneykit_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestCreateSession specifies what a link session requests.
func TestCreateSession(t *testing.T) {
	t.Parallel()
	t.Run("every field of a link session can be sent", everyFieldOfALinkSessionCanBeSent)
	t.Run("a request that MoneyKit would refuse is not sent", aRequestThatMoneyKitWouldRefuseIsNotSent)
	t.Run(
		"nil and empty lists of sandbox data are sent as documented",
		nilAndEmptyListsOfSandboxDataAreSentAsDocumented,
	)
	t.Run("any id of the application's user is accepted", anyIdOfTheApplicationsUserIsAccepted)
}

func everyFieldOfALinkSessionCanBeSent(t *testing.T) {
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
			"owners": [{"names": ["Rosa"], "addresses": [{"city": "Austin"}],`+
		` "phone_numbers": [{"number": "1", "type": "home"}], "emails": [{"address": "a@b.example"}]}]
		}
	}`, string(s.sent("POST /link-session")[0]))
	assert.Equal(t, "2023-02-18", s.header.Get("MoneyKit-Version"))
	assert.Equal(t, bankmux.Launch{
		Provider: moneykit.Name, Mode: bankmux.ModeLink, Environment: bankmux.Sandbox, Token: session.Launch.Token,
		Package: "@moneykit/connect@0.3.28",
	}, session.Launch)
	assert.False(t, session.Launch.Token.IsZero())
}

func aRequestThatMoneyKitWouldRefuseIsNotSent(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	for name, c := range map[string]struct {
		change func(*bankmux.SessionRequest)
		kind   bankmux.Kind
		field  string
	}{
		"no redirect":                   {func(r *bankmux.SessionRequest) { r.RedirectURI = "" }, bankmux.ErrInvalid, "RedirectURI"},
		"a redirect query":              {func(r *bankmux.SessionRequest) { r.RedirectURI += "?a=b" }, bankmux.ErrInvalid, "RedirectURI"},
		"a short e-mail":                {func(r *bankmux.SessionRequest) { r.Contact.Email = "a@b" }, bankmux.ErrInvalid, "Contact.Email"},
		"a long phone":                  {func(r *bankmux.SessionRequest) { r.Contact.Phone = strings.Repeat("1", 31) }, bankmux.ErrInvalid, "Contact.Phone"},
		"a strange phone":               {func(r *bankmux.SessionRequest) { r.Contact.PhoneCountry = "AE" }, bankmux.ErrInvalid, "Contact.PhoneCountry"},
		"an empty tag":                  {func(r *bankmux.SessionRequest) { r.Tags = []string{""} }, bankmux.ErrInvalid, "Tags"},
		"a tag with a dash":             {func(r *bankmux.SessionRequest) { r.Tags = []string{"-a"} }, bankmux.ErrInvalid, "Tags"},
		"a long tag":                    {func(r *bankmux.SessionRequest) { r.Tags = []string{strings.Repeat("a", 100)} }, bankmux.ErrInvalid, "Tags"},
		"a forged session":              {func(r *bankmux.SessionRequest) { r.Tags = []string{"bankmux-session:x"} }, bankmux.ErrInvalid, "Tags"},
		"a country that MoneyKit lacks": {func(r *bankmux.SessionRequest) { r.Country = "AE" }, bankmux.ErrUnsupported, "Country"},
		"a bank that MoneyKit lacks": {
			func(r *bankmux.SessionRequest) { r.Institution = bankmux.InstitutionRef{"dapi": "X"} },
			bankmux.ErrUnsupported, "Institution",
		},
		"a product that MoneyKit lacks": {func(r *bankmux.SessionRequest) {
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

func nilAndEmptyListsOfSandboxDataAreSentAsDocumented(t *testing.T) {
	t.Parallel()
	rosa := []moneykit.Owner{{Names: []string{"Rosa"}}}
	for name, c := range map[string]struct {
		data moneykit.CustomSandboxData
		want string
	}{
		"nil lists are empty, and nil owners are random": {moneykit.CustomSandboxData{}, `{"accounts":[]}`},
		"no owners at all": {
			moneykit.CustomSandboxData{Accounts: []moneykit.CustomSandboxAccount{}, Owners: []moneykit.Owner{}},
			`{"accounts":[],"owners":[]}`,
		},
		"an owner with a name": {
			moneykit.CustomSandboxData{Owners: rosa},
			`{"accounts":[],"owners":[{"names":["Rosa"],"addresses":[],"phone_numbers":[],"emails":[]}]}`,
		},
		"an owner without data": {
			moneykit.CustomSandboxData{Owners: []moneykit.Owner{{}}},
			`{"accounts":[],"owners":[{"names":[],"addresses":[],"phone_numbers":[],"emails":[]}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, virtualbank.Options{}, nil)
			var sent struct {
				Data json.RawMessage `json:"custom_sandbox_data"`
			}
			client := intercepted(t, s, func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/link-session" {
					return false
				}
				body, _ := io.ReadAll(r.Body)
				assert.NoError(t, json.Unmarshal(body, &sent))
				return write(w, http.StatusCreated, "application/json", `{"link_session_token":"token"}`)
			})
			req := request
			req.Options = []bankmux.SessionOption{moneykit.SessionOptions{CustomSandboxData: &c.data}}
			_, err := client.CreateSession(t.Context(), req)
			require.NoError(t, err)
			assert.JSONEq(t, c.want, string(sent.Data))
		})
	}
	assert.Nil(t, rosa[0].Emails, "the caller's value is not changed")
}

func anyIdOfTheApplicationsUserIsAccepted(t *testing.T) {
	t.Parallel()
	t.Run("links are made, found and renewed", func(t *testing.T) {
		t.Parallel()
		for _, user := range []string{
			"7", "ab", "日本", "u/1", "user/1/x", "..", "abcd", "user 1", strings.Repeat("ü", 150),
			strings.Repeat("u", 151), strings.Repeat("日", 5000), "bankmux-user-7",
		} {
			s := start(t, virtualbank.Options{}, nil)
			req := request
			req.User = user
			conn := s.connect(req)
			assert.Equal(t, user, conn.User)
			links, err := moneykit.UserLinks(t.Context(), s.client, user)
			require.NoError(t, err)
			assert.Len(t, links, 1, user)
			req.Reconnect = &conn
			_, err = s.client.CreateSession(t.Context(), req)
			require.NoError(t, err)
			accounts, err := moneykit.UserAccounts(t.Context(), s.client, user)
			require.NoError(t, err)
			assert.Len(t, accounts, 1, user)
		}
	})
	t.Run("each user has an own id that MoneyKit accepts", func(t *testing.T) {
		t.Parallel()
		seen := map[string]string{}
		for i := range 2000 {
			for _, user := range []string{fmt.Sprint(i), strings.Repeat("x", i), moneykit.CustomerID(fmt.Sprint(i))} {
				id := moneykit.CustomerID(user)
				if n := utf8.RuneCountInString(id); user != "" && (n < 4 || n > 150) {
					t.Fatalf("%q has %d characters", id, n)
				}
				if other, ok := seen[id]; ok && other != user {
					t.Fatalf("%q stands for %q and %q", id, other, user)
				}
				seen[id] = user
			}
		}
	})
	t.Run("an id that MoneyKit accepts is sent unchanged", func(t *testing.T) {
		t.Parallel()
		for _, user := range []string{"abcd", "1234", "日本語だ", strings.Repeat("ü", 150)} {
			assert.Equal(t, user, moneykit.CustomerID(user))
		}
		assert.Equal(
			t,
			"bankmux-user-eQJpm-Qsio5G-7tFAXJlF-hrIsVqGJ92JabaSQgbJFE",
			moneykit.CustomerID("7"),
			"the same in every release",
		)
		assert.Empty(t, moneykit.CustomerID(""))
	})
}
