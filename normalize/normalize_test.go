package normalize_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// want is what a code must become; the codes are those of the providers' documentation and SDKs.
type want struct {
	code   string
	status int
	op     string
	kind   bankmux.Kind
	scope  bankmux.Scope
}

func TestEveryCodeOfMoneyKitHasItsMeaning(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, w := range []want{
		{"api_error.auth.expired_access_token", 401, "", bankmux.ErrCredentials, bankmux.ScopeApp},
		{"api_error.auth.unauthorized", 401, "", bankmux.ErrCredentials, bankmux.ScopeApp},
		{"api_error.auth.unauthorized", 400, "Token", bankmux.ErrCredentials, bankmux.ScopeApp},
		{"api_error.rate_limit_exceeded", 429, "", bankmux.ErrRateLimited, bankmux.ScopeApp},
		{"api_error.request.validation_failed", 422, "CreateSession", bankmux.ErrInvalid, bankmux.ScopeCall},
		{"link_error.unauthorized_access", 401, "", bankmux.ErrNotFound, bankmux.ScopeCall},
		{"link_error.forbidden_action", 403, "", bankmux.ErrConsent, bankmux.ScopeConnection},
		{"link_error.not_found", 404, "", bankmux.ErrGone, bankmux.ScopeConnection},
		{"link_error.deleted", 410, "", bankmux.ErrGone, bankmux.ScopeConnection},
		{"link_error.bad_state", 422, "", bankmux.ErrUnknown, bankmux.ScopeConnection},
		{"link_error.bad_config", 400, "", bankmux.ErrInvalid, bankmux.ScopeCall},
		{"link_session_error.forbidden_config", 403, "", bankmux.ErrNotPermitted, bankmux.ScopeApp},
		{"link_session_error.invalid_token_exchange", 400, "ExchangeToken", bankmux.ErrTokenSpent, bankmux.ScopeCall},
		{"link_session_error.invalid_token_exchange", 422, "ExchangeToken", bankmux.ErrQuota, bankmux.ScopeApp},
		{"institution_error.not_found", 404, "", bankmux.ErrNotFound, bankmux.ScopeCall},
	} {
		check(t, normalize.MoneyKitError(normalize.Failure{Code: w.code, Status: w.status, Op: w.op}, ""), w, w.code)
		seen[w.code] = true
	}
	covered(t, normalize.MoneyKitCatalogue(), seen)
}

func TestEveryLinkErrorDecidesABadState(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for code, w := range map[string]struct {
		kind  bankmux.Kind
		state bankmux.State
	}{
		"user_error":           {bankmux.ErrReauth, bankmux.StateReauth},
		"incomplete":           {bankmux.ErrUserAction, bankmux.StatePending},
		"institution_error":    {bankmux.ErrInstitution, bankmux.StateDegraded},
		"provider_error":       {bankmux.ErrInstitution, bankmux.StateDegraded},
		"system_error":         {bankmux.ErrInstitution, bankmux.StateDegraded},
		"auth_expired":         {bankmux.ErrReauth, bankmux.StateReauth},
		"no_accounts":          {bankmux.ErrUserAction, bankmux.StatePending},
		"user_setup_required":  {bankmux.ErrReauth, bankmux.StateReauth},
		"invalid_credentials":  {bankmux.ErrReauth, bankmux.StateReauth},
		"user_oauth_denied":    {bankmux.ErrReauth, bankmux.StateReauth},
		"user_input_incorrect": {bankmux.ErrReauth, bankmux.StateReauth},
	} {
		e := normalize.MoneyKitError(normalize.Failure{Code: "link_error.bad_state", Status: 422}, code)
		assert.Equal(t, w.kind, e.Kind, code)
		assert.Equal(t, "link_error.bad_state/"+code, e.Code)
		assert.NotEqual(t, bankmux.ScopeProvider, e.Affects(), "%s never trips a breaker", code)
		assert.Equal(t, w.state, normalize.MoneyKitStatus("error", code).State, code)
		seen[code] = true
	}
	covered(t, normalize.MoneyKitLinkErrors(), seen)
	e := normalize.MoneyKitError(normalize.Failure{Code: "link_error.bad_state", Status: 422}, "brand_new")
	assert.True(t, e.Unlisted)
	assert.Equal(t, bankmux.ErrUnknown, e.Kind)
}

func TestEveryProductErrorHasItsMeaning(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for code, kind := range map[string]bankmux.Kind{
		"rate_limit": bankmux.ErrRateLimited, "auth_expired": bankmux.ErrReauth, "not_supported": bankmux.ErrUnsupported,
		"timeout": bankmux.ErrInstitution, "unknown": bankmux.ErrInstitution, "no_accounts": bankmux.ErrUnsupported,
		"institution_error": bankmux.ErrInstitution, "no_permission": bankmux.ErrConsent, "invalid_credentials": bankmux.ErrReauth,
	} {
		e := normalize.MoneyKitProductErrors().Error(normalize.Failure{Code: code})
		assert.Equal(t, kind, e.Kind, code)
		assert.False(t, e.Unlisted, code)
		seen[code] = true
	}
	covered(t, normalize.MoneyKitProductErrors(), seen)
}

func TestEveryTypeOfDapiHasItsMeaning(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, w := range []want{
		{"INVALID_CREDENTIALS", 401, "", bankmux.ErrReauth, bankmux.ScopeConnection},
		{"INVALID_CONNECTION", 401, "", bankmux.ErrReauth, bankmux.ScopeConnection},
		{"USER_DELINKED", 401, "", bankmux.ErrGone, bankmux.ScopeConnection},
		{"INVALID_TOKEN", 401, "ExchangeToken", bankmux.ErrTokenSpent, bankmux.ScopeCall},
		{"INVALID_TOKEN", 401, "ConnectionStatus", bankmux.ErrReauth, bankmux.ScopeConnection},
		{"INVALID_MFA", 401, "", bankmux.ErrAnswerRejected, bankmux.ScopeCall},
		{"ACCOUNT_LOCKED", 401, "", bankmux.ErrUserAction, bankmux.ScopeConnection},
		{"INACTIVE_ACCOUNT", 401, "", bankmux.ErrInvalid, bankmux.ScopeCall},
		{"INVALID_ACCOUNT_ID", 404, "", bankmux.ErrNotFound, bankmux.ScopeCall},
		{"INVALID_CARD_ID", 404, "", bankmux.ErrNotFound, bankmux.ScopeCall},
		{"INVALID_DATE_RANGE", 400, "", bankmux.ErrInvalid, bankmux.ScopeCall},
		{"PARAMETER_ERROR", 400, "", bankmux.ErrInvalid, bankmux.ScopeCall},
		{"PARAMETER_MISSING", 422, "", bankmux.ErrInvalid, bankmux.ScopeCall},
		{"INVALID_ARGS", 400, "", bankmux.ErrInvalid, bankmux.ScopeCall},
		{"INSUFFICIENT_BALANCE", 400, "", bankmux.ErrInvalid, bankmux.ScopeCall},
		{"INSUFFICIENT_FUNDS", 400, "", bankmux.ErrInvalid, bankmux.ScopeCall},
		{"BENEFICIARY_NOT_ACTIVATED", 400, "", bankmux.ErrUserAction, bankmux.ScopeCall},
		{"BENEFICIARY_COOL_DOWN_PERIOD", 400, "", bankmux.ErrUserAction, bankmux.ScopeCall},
		{"BENEFICIARY_ALREADY_EXISTS", 400, "", bankmux.ErrInvalid, bankmux.ScopeCall},
		{"SESSION_EXPIRED", 401, "", bankmux.ErrInstitution, bankmux.ScopeConnection},
		{"SESSION_INVALIDATED", 401, "", bankmux.ErrInstitution, bankmux.ScopeConnection},
		{"USER_ALREADY_LOGGED_IN", 401, "", bankmux.ErrInstitution, bankmux.ScopeConnection},
		{"UNKNOWN_ERROR", 500, "", bankmux.ErrUnknown, bankmux.ScopeCall},
		{"BAD_REQUEST", 400, "", bankmux.ErrInvalid, bankmux.ScopeCall},
		{"UNEXPECTED_RESPONSE", 500, "", bankmux.ErrMalformed, bankmux.ScopeProvider},
		{normalize.DapiFailed, 200, "", bankmux.ErrUnknown, bankmux.ScopeCall},
	} {
		for _, status := range []int{w.status, 200} { // a failed envelope counts under 200 too
			check(t, normalize.DapiError(normalize.Failure{Code: w.code, Status: status, Op: w.op}), w, w.code)
		}
		seen[w.code] = true
	}
	covered(t, normalize.DapiCatalogue(), seen)
}

func check(t *testing.T, e *bankmux.Error, w want, name string) {
	t.Helper()
	assert.Equal(t, w.kind, e.Kind, name)
	assert.Equal(t, w.scope, e.Affects(), name)
	assert.Equal(t, w.code, e.Code)
	assert.NotEmpty(t, e.Detail, name)
	assert.False(t, e.Unlisted, name)
}

// covered fails for a row that no case above asks about.
func covered(t *testing.T, c *normalize.Catalogue, seen map[string]bool) {
	t.Helper()
	require.NotEmpty(t, c.Rows())
	for _, r := range c.Rows() {
		assert.True(t, seen[r.Code], "row %s is not tested", r.Code)
	}
}

func TestAnUnlistedCodeIsClassifiedByStatusAndNeverRepeated(t *testing.T) {
	t.Parallel()
	for status, kind := range map[int]bankmux.Kind{
		0: bankmux.ErrUnknown, 204: bankmux.ErrMalformed, 307: bankmux.ErrMalformed, 400: bankmux.ErrInvalid,
		401: bankmux.ErrCredentials, 403: bankmux.ErrNotPermitted, 404: bankmux.ErrNotFound, 408: bankmux.ErrUnavailable,
		409: bankmux.ErrInvalid, 410: bankmux.ErrGone, 422: bankmux.ErrInvalid, 429: bankmux.ErrRateLimited,
		500: bankmux.ErrUnavailable, 504: bankmux.ErrUnavailable,
	} {
		for _, classify := range []func(normalize.Failure) *bankmux.Error{
			normalize.DapiError,
			func(f normalize.Failure) *bankmux.Error { return normalize.MoneyKitError(f, "") },
		} {
			e := classify(normalize.Failure{Code: "BRAND_NEW", Status: status})
			assert.Equal(t, kind, e.Kind, status)
			assert.True(t, e.Unlisted, status)
			assert.False(t, e.Repeatable(bankmux.Read), status)
			plain := classify(normalize.Failure{Status: status})
			assert.Equal(t, kind, plain.Kind, status)
			assert.False(t, plain.Unlisted, status)
		}
	}
}

func TestAHostileCodeIsNotShown(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"secret with blanks", "line\nbreak", strings.Repeat("x", 101), "\xff", `{"a":1}`} {
		e := normalize.DapiError(normalize.Failure{Code: code, Status: 400, RequestID: code})
		assert.Equal(t, "unreadable", e.Code)
		assert.Equal(t, "unreadable", e.RequestID)
		assert.True(t, e.Unlisted)
	}
}

func TestACatalogueWithAMistakePanics(t *testing.T) {
	t.Parallel()
	row := normalize.Row{Code: "a", Kind: bankmux.ErrInvalid}
	assert.Panics(t, func() { normalize.NewCatalogue(row, row) })
	assert.Panics(t, func() { normalize.NewCatalogue(normalize.Row{Code: "a"}) })
	c := normalize.NewCatalogue(row,
		normalize.Row{Code: "a", Op: "x", Kind: bankmux.ErrGone},
		normalize.Row{Code: "a", Status: 400, Kind: bankmux.ErrQuota},
		normalize.Row{Code: "a", Status: 400, Op: "x", Kind: bankmux.ErrConsent})
	for _, w := range []want{
		{"a", 400, "x", bankmux.ErrConsent, ""},
		{"a", 500, "x", bankmux.ErrGone, ""},
		{"a", 400, "y", bankmux.ErrQuota, ""},
		{"a", 500, "y", bankmux.ErrInvalid, ""},
	} {
		assert.Equal(t, w.kind, c.Error(normalize.Failure{Code: w.code, Status: w.status, Op: w.op}).Kind)
	}
}

func TestMoneyKitStatesBecomeOurs(t *testing.T) {
	t.Parallel()
	for state, w := range map[string]bankmux.State{
		"connected": bankmux.StateActive, "connecting": bankmux.StatePending, "awaiting_token_exchange": bankmux.StatePending,
		"deleted": bankmux.StateGone, "error": bankmux.StateDegraded, "hibernating": "hibernating",
	} {
		assert.Equal(t, w, normalize.MoneyKitStatus(state, "").State, state)
	}
	assert.Equal(t, bankmux.StateActive, normalize.MoneyKitStatus("connected", "auth_expired").State)
}

func TestAMoneyKitLinkBecomesAConnection(t *testing.T) {
	t.Parallel()
	s := bankmux.NewSession(bankmux.SessionRequest{User: "u", Country: "US"})
	conn, err := normalize.MoneyKitConnection(s, normalize.MoneyKitLink{
		LinkID: "mk_1", InstitutionID: "chase", InstitutionName: "Chase", State: "connected", Country: "US", Products: []string{"accounts", "brand_new"},
	})
	require.NoError(t, err)
	assert.Equal(t, "mk_1", conn.Reference())
	assert.Equal(t, "mk_1", conn.Credential().Reveal())
	assert.Equal(t, bankmux.Institution{ID: "chase", Name: "Chase", Country: "US"}, conn.Institution)
	assert.Equal(t, []bankmux.Product{bankmux.ProductAccounts, "brand_new"}, conn.Products)
	assert.Equal(t, s.ConnectionID, conn.ID)
	_, err = normalize.MoneyKitConnection(s, normalize.MoneyKitLink{})
	assert.ErrorIs(t, err, bankmux.ErrMalformed)
}

func TestProductsAreNamedBothWays(t *testing.T) {
	t.Parallel()
	for p, w := range map[bankmux.Product]struct {
		wire string
		ok   bool
		dapi bool
	}{
		bankmux.ProductAccounts: {"", true, true}, bankmux.ProductAccountNumbers: {"account_numbers", true, true},
		bankmux.ProductIdentity: {"identity", true, true}, bankmux.ProductTransactions: {"transactions", true, true},
		bankmux.ProductInvestments: {"investments", true, false}, bankmux.ProductCards: {"", false, true},
		bankmux.ProductPayments: {"", false, true}, bankmux.ProductEnrichment: {"", false, true}, "brand_new": {"", false, false},
	} {
		wire, ok := normalize.MoneyKitProduct(p)
		assert.Equal(t, w.wire, wire, p)
		assert.Equal(t, w.ok, ok, p)
		assert.Equal(t, w.dapi, normalize.DapiProduct(p), p)
	}
}

func TestADapiGrantBecomesAConnectionAndComesBack(t *testing.T) {
	t.Parallel()
	g := normalize.DapiGrant{AccessToken: "planted-token", UserSecret: "planted-secret", ConnectionID: "c-1", UserID: "u", TokenID: "t"}
	s := bankmux.NewSession(bankmux.SessionRequest{User: "u"})
	conn, err := normalize.DapiConnection(s, g, bankmux.Institution{ID: "X"})
	require.NoError(t, err)
	assert.Equal(t, "c-1", conn.Reference())
	assert.Equal(t, bankmux.StateActive, conn.Status.State)
	back, err := normalize.DapiGrantOf(conn.Credential())
	require.NoError(t, err)
	assert.Equal(t, g, back)
	conn, err = normalize.DapiConnection(s, g, bankmux.Institution{})
	require.NoError(t, err)
	assert.Equal(t, bankmux.StateUnverified, conn.Status.State)
	_, err = normalize.DapiConnection(s, normalize.DapiGrant{AccessToken: "x"}, bankmux.Institution{})
	require.ErrorIs(t, err, bankmux.ErrMalformed)
	for _, bad := range []string{"", "mk_1", `{"access_token":"planted-token"}`} {
		_, err = normalize.DapiGrantOf(bankmux.NewSecret(bad))
		require.ErrorIs(t, err, bankmux.ErrInvalid)
		assert.NotContains(t, err.Error(), "planted")
	}
}

func TestABankIsNamedByTheBestIDThereIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		bank    normalize.DapiBank
		id      string
		sandbox bool
	}{
		{"its id", normalize.DapiBank{BankID: "ADCBAEAA", OperationID: "X:1", SwiftCode: "ADCBAEAA"}, "ADCBAEAA", false},
		{"the operation's prefix", normalize.DapiBank{OperationID: "DAPIBANK_AE_ENBD:3f0c", SwiftCode: "EBILAEAD"}, "DAPIBANK_AE_ENBD", true},
		{"an operation without prefix", normalize.DapiBank{OperationID: "3f0c2a54", SwiftCode: "EBILAEAD"}, "EBILAEAD", false},
		{"a sandbox swift code", normalize.DapiBank{SwiftCode: "DAPIBANK"}, "DAPIBANK", true},
		{"a name alone", normalize.DapiBank{Name: "A Bank"}, "", false},
	} {
		i, err := normalize.DapiInstitution(c.bank)
		require.NoError(t, err, c.name)
		assert.Equal(t, c.id, i.ID, c.name)
		assert.Equal(t, c.sandbox, normalize.DapiSandboxBank(c.bank), c.name)
	}
	_, err := normalize.DapiInstitution(normalize.DapiBank{OperationID: "3f0c2a54"})
	assert.ErrorIs(t, err, bankmux.ErrMalformed)
}

func TestAnotherBank(t *testing.T) {
	t.Parallel()
	type i = bankmux.Institution
	for _, c := range []struct {
		name string
		a, b i
		want bool
	}{
		{"same id", i{ID: "A"}, i{ID: "A"}, false},
		{"other id", i{ID: "A"}, i{ID: "B"}, true},
		{"same swift code, another branch", i{BIC: "EBILAEAD"}, i{BIC: "EBILAEADXXX"}, false},
		{"one known by swift code only", i{ID: "EBILAEAD", BIC: "EBILAEAD"}, i{ID: "DAPIBANK_AE_ENBD", BIC: "EBILAEAD"}, false},
		{"the swift code of the sandbox, other ids", i{ID: "A", BIC: "DAPIBANK"}, i{ID: "B", BIC: "DAPIBANK"}, true},
		{"other swift code, same id", i{ID: "A", BIC: "EBILAEAD"}, i{ID: "A", BIC: "ADCBAEAA"}, false},
		{"same name", i{Name: "A Bank"}, i{Name: "a bank"}, false},
		{"same name elsewhere", i{Name: "A Bank", Country: "AE"}, i{Name: "A Bank", Country: "SA"}, true},
		{"nothing known", i{}, i{}, false},
	} {
		assert.Equal(t, c.want, normalize.AnotherBank(c.a, c.b), c.name)
	}
}

func TestTimestampsOfBothProvidersAreRead(t *testing.T) {
	t.Parallel()
	for s, w := range map[string]string{
		"2026-10-28T00:00:00.000Z":         "2026-10-28T00:00:00Z",
		"2026-11-20T14:03:27.418502+00:00": "2026-11-20T14:03:27.418502Z",
		"2026-11-20T09:15:00-0800":         "2026-11-20T17:15:00Z",
		"2023-02-16T09:14:11":              "2023-02-16T09:14:11Z",
		"2023-02-16T09:14:11.5":            "2023-02-16T09:14:11.5Z",
		"2026-10-28 10:00:00":              "2026-10-28T10:00:00Z",
		"2026-10-28":                       "2026-10-28T00:00:00Z",
	} {
		got, ok := normalize.Timestamp(s)
		assert.True(t, ok, s)
		assert.Equal(t, w, got.Format(time.RFC3339Nano), s)
	}
	for _, s := range []string{"", "yesterday", "2026-13-01", "1700000000", "\xff"} {
		_, ok := normalize.Timestamp(s)
		assert.False(t, ok, s)
	}
}

func TestRetryAfterIsSecondsOrADateWithinADay(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for header, w := range map[string]time.Duration{
		"7": 7 * time.Second, "0": 0, "-3": 0, "": 0, "soon": 0, "1.5": 0, "99999999999": 24 * time.Hour,
		now.Add(7 * time.Second).Format(http.TimeFormat): 7 * time.Second,
		now.Add(-time.Hour).Format(http.TimeFormat):      0,
		now.Add(240 * time.Hour).Format(http.TimeFormat): 24 * time.Hour,
	} {
		assert.Equal(t, w, normalize.RetryAfter(header, now), header)
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"", "2026-10-28T00:00:00.000Z", "7", `{"access_token":"a","user_secret":"b"}`, "A:b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		normalize.Timestamp(s)
		wait := normalize.RetryAfter(s, time.Unix(0, 0))
		assert.GreaterOrEqual(t, wait, time.Duration(0))
		assert.LessOrEqual(t, wait, 24*time.Hour)
		_, _ = normalize.DapiGrantOf(bankmux.NewSecret(s))
		assert.LessOrEqual(t, len(normalize.CleanCode(s)), 100)
		assert.NotNil(t, normalize.DapiError(normalize.Failure{Code: s, Status: 500}))
		assert.NotNil(t, normalize.MoneyKitError(normalize.Failure{Code: "link_error.bad_state"}, s))
	})
}

func TestADateToRetryAfterIsCountedFromTheClockThatGaveIt(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	for name, c := range map[string]struct {
		date, after string
		want        time.Duration
	}{
		"an hour ahead":   {at(time.Hour), at(time.Hour + 7*time.Second), 7 * time.Second},
		"an hour behind":  {at(-time.Hour), at(-time.Hour + 7*time.Second), 7 * time.Second},
		"no Date":         {"", at(7 * time.Second), 7 * time.Second},
		"unreadable Date": {"yesterday", at(7 * time.Second), 7 * time.Second},
		"seconds":         {at(time.Hour), "7", 7 * time.Second},
		"nothing":         {at(time.Hour), "", 0},
	} {
		h := http.Header{}
		h.Set("Date", c.date)
		h.Set("Retry-After", c.after)
		assert.Equal(t, c.want, normalize.RetryAfterOf(h, now), name)
	}
}

func TestADayLiesInTheYearsThatCanBeMeant(t *testing.T) {
	t.Parallel()
	for s, c := range map[string]struct{ day, row bool }{
		"2026-10-28": {true, true}, "2026-10-28T00:00:00.000Z": {true, true}, "1971-01-01": {true, true}, "2098-12-31": {true, true},
		"1970-12-31": {true, false}, "2099-01-01": {true, false}, "1900-01-01": {true, false}, "2100-12-31": {true, false},
		"1899-12-31": {}, "2101-01-01": {}, "1448-05-13": {}, "0001-01-01": {}, "9999-12-31": {}, "2026-02-30": {}, "yesterday": {}, "": {}, "20261028": {},
	} {
		_, ok := normalize.Day(s)
		assert.Equal(t, c.day, ok, s)
		day, fault := normalize.RowDay(s)
		assert.Equal(t, c.row, fault == nil, s)
		optional, optionalFault := normalize.OptionalDay(s, "a due day")
		assert.Equal(t, c.day || s == "", optionalFault == nil, s)
		assert.Equal(t, c.day, !optional.IsZero(), s)
		if fault == nil {
			continue
		}
		assert.True(t, day.IsZero())
		assert.Equal(t, bankmux.ErrMalformed, fault.Kind)
		assert.Equal(t, bankmux.ScopeCall, fault.Affects(), "it says nothing about the provider")
		if quoted := strconv.Quote(s); s != "" && s != "yesterday" {
			assert.Contains(t, fault.Detail, quoted)
		}
	}
	for _, s := range []string{"planted secret", "2026\n10", strings.Repeat("1", 99)} {
		_, fault := normalize.RowDay(s)
		require.NotNil(t, fault)
		assert.NotContains(t, fault.Detail, s[:4], "what does not look like a date is not shown")
	}
	_, ok := normalize.Timestamp("9999-12-31T00:00:00Z")
	assert.False(t, ok)
}

func TestAGrantNeedsAllThatCallsNeed(t *testing.T) {
	t.Parallel()
	whole := normalize.DapiGrant{AccessToken: "planted-a", UserSecret: "planted-b", ConnectionID: "c"}
	for name, lack := range map[string]func(*normalize.DapiGrant){
		"access token": func(g *normalize.DapiGrant) { g.AccessToken = "" }, "user secret": func(g *normalize.DapiGrant) { g.UserSecret = "" },
		"connection id": func(g *normalize.DapiGrant) { g.ConnectionID = "" },
	} {
		g := whole
		lack(&g)
		_, err := normalize.DapiConnection(bankmux.NewSession(bankmux.SessionRequest{User: "u"}), g, bankmux.Institution{ID: "X"})
		require.ErrorIs(t, err, bankmux.ErrMalformed, "without %s", name)
		_, err = normalize.DapiGrantOf(g.Credential())
		require.ErrorIs(t, err, bankmux.ErrInvalid, "without %s", name)
		assert.NotContains(t, err.Error(), "planted")
	}
	_, err := normalize.DapiGrantOf(whole.Credential())
	require.NoError(t, err)
}

func TestAnUnknownWordIsNoDirection(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]normalize.Direction{
		"credit": normalize.In, "CREDIT": normalize.In, "debit": normalize.Out, "Debit": normalize.Out,
		"": normalize.Unknown, "sideways": normalize.Unknown, "credited": normalize.Unknown, "in": normalize.Unknown, "credit ": normalize.Unknown, "кредит": normalize.Unknown,
	} {
		assert.Equal(t, want, normalize.DirectionOf(word), word)
	}
	five, _ := bankmux.ParseDecimal("-5")
	for direction, want := range map[normalize.Direction]string{normalize.In: "5 AED", normalize.Out: "-5 AED", normalize.Unknown: "", 7: ""} {
		m, fault := normalize.Signed(five, direction, "AED")
		assert.Equal(t, want, m.String())
		assert.Equal(t, want == "", fault != nil, "an amount whose sign is not known is not one")
	}
}
