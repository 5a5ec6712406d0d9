package plaid

// This file makes link tokens.

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// Lifetimes on the bank's clock.
const (
	linkTokenTTL   = 4 * time.Hour
	updateTokenTTL = 30 * time.Minute
	publicTokenTTL = 30 * time.Minute
	resultsKept    = 6 * time.Hour // after the end of a session
	maxHostedTTL   = 21 * 24 * time.Hour
)

// tokenPrefix starts every link token.
const tokenPrefix = "link-sandbox-"

// HostedPath is the path of Plaid's own page for Link, before the rest of the link token. At Plaid
// it is on a host for pages; the bank serves it at the address of the API.
const HostedPath = "/link/"

// Bounds of the days of transactions that an application can ask for.
const (
	defaultDays = 90
	maxDays     = 730
)

// linkToken is what an application asked for by /link/token/create.
type linkToken struct {
	token            string
	created, expires time.Time
	user             string // the application's id of its user
	clientName       string
	language         string
	countries        []string
	products         []string
	ifSupported      []string
	optional         []string
	consented        []string
	webhook          string
	redirect         string
	filters          map[string]any
	shown            map[string][]string // the subtypes that the filters let through, by type; nil is all
	days             int
	hosted           bool
	completion       string
	multi            bool
	selection        bool  // update mode lets the user choose accounts
	existing         *item // in update mode
	sessions         []*linkSession
}

// asked are all products that Items of the token may be read for.
func (t *linkToken) asked() []string {
	return slices.Concat(t.products, t.ifSupported, t.optional, t.consented)
}

func countryCodes() []string {
	return strings.Fields("US GB ES NL FR IE CA DE IT PL DK NO SE EE LT LV PT BE AT FI")
}

func languages() []string {
	return strings.Fields("da nl en et fr de hi it lv lt no pl pt ro es sv vi")
}

// productNames are the products that the client is enabled for.
func productNames() []string {
	return []string{"auth", "identity", "investments", "liabilities", "transactions"}
}

// personal finds what may not be the id of a user: an address of mail or a phone number.
var personal = regexp.MustCompile(`^(\S+@\S+\.\S+|\+[0-9][0-9 ()-]{6,})$`)

var phoneForm = regexp.MustCompile(`^\+[1-9][0-9]{7,14}$`)

// others are the members of /link/token/create for products that the bank does not have.
func others() []string {
	return []string{
		"access_tokens", "appearance_mode", "card_switch", "eu_config", "institution_id", "payment_configuration",
		"payment_initiation", "employment", "income_verification", "base_report", "credit_partner_insights",
		"cra_options", "consumer_report_permissible_purpose", "auth", "transfer", "identity_verification", "statements",
		"third_party_user_token", "investments", "investments_auth", "cashflow_report", "cra_enabled", "identity",
		"financekit_supported", "link_customization_name", "android_package_name",
	}
}

func (b *Provider) createLinkToken(r request) bank.Reply {
	now := b.Now()
	t := &linkToken{created: now, days: defaultDays}
	t.clientName = r.text("client_name", true, false)
	t.language = r.oneOf("language", true, false, languages()...)
	t.countries = readCountries(r)
	r.know(others()...)
	if institution, ok := r.object.object("institution_data", false, true); ok {
		institution.text("routing_number", false, true)
	}
	b.readUser(r, t)
	t.webhook = r.address("webhook", true)
	access := r.text("access_token", false, true)
	readProducts(r, t, access != "")
	b.readRedirect(r, t)
	readUpdate(r, t, access != "")
	readFilters(r, t, access != "")
	if options, ok := r.object.object("transactions", false, true); ok {
		t.days = options.integer("days_requested", false, defaultDays, 1, maxDays)
	}
	ttl := readHosted(r, t, access != "")
	if p, bad := r.refusal(); bad {
		return p
	}
	if access != "" {
		it, p, ok := b.find(access)
		if !ok {
			return p
		}
		t.existing = it
	}
	t.token = tokenPrefix + b.draw.UUID()
	t.expires = now.Add(ttl)
	b.linkTokens[t.token] = t
	body := map[string]any{"link_token": t.token, "expiration": instant(t.expires)}
	if t.hosted {
		name := strings.TrimPrefix(t.token, tokenPrefix)
		body["hosted_link_url"] = "http://" + r.call.Request.Host + HostedPath + name
	}
	return ok(body)
}

func readCountries(r request) []string {
	list := r.texts("country_codes", true, false, 1)
	for _, country := range list {
		if !slices.Contains(countryCodes(), country) {
			r.invalid("country_codes", "has an unknown country: "+country)
		}
	}
	return list
}

// readUser reads who links: user, or a user_id of /user/create.
func (b *Provider) readUser(r request, t *linkToken) {
	id := r.text("user_id", false, true)
	if token := r.text("user_token", false, true); id == "" {
		id = token
	}
	if id != "" {
		known, ok := b.users[id]
		if !ok {
			r.fail(badUserID, "the provided user_id or user_token does not exist")
		}
		t.user = known
	}
	if user, ok := r.object.object("user", id == "", false); ok {
		user.know("legal_name", "name", "phone_number_verified_time", "email_address", "email_address_verified_time",
			"ssn", "date_of_birth", "address", "id_number")
		if named := user.text("client_user_id", id == "", false); named != "" {
			t.user = named
		}
		if personal.MatchString(t.user) {
			user.invalid("client_user_id", "must not be personally identifiable information")
		}
		if phone := user.text("phone_number", false, true); phone != "" && !phoneForm.MatchString(phone) {
			user.invalid("phone_number", "must be a valid phone number in E.164 format")
		}
	}
	if multi, _ := r.flag("enable_multi_item_link"); multi {
		t.multi = true
		if id == "" {
			r.invalid("enable_multi_item_link", "requires a user_id or user_token")
		}
	}
}

// readProducts reads the four lists. The bank refuses a product that is in two of them as an
// invalid field: which code Plaid gives is not documented.
func readProducts(r request, t *linkToken, update bool) {
	var all []string
	for _, list := range []struct {
		name string
		into *[]string
	}{
		{"products", &t.products},
		{"required_if_supported_products", &t.ifSupported},
		{"optional_products", &t.optional},
		{"additional_consented_products", &t.consented},
	} {
		*list.into = r.texts(list.name, false, true, 0)
		for _, product := range *list.into {
			switch {
			case !slices.Contains(productNames(), product):
				r.fail(invalidProduct, "client is not authorized to access the following products: ["+product+"]")
			case slices.Contains(all, product):
				r.invalid(list.name, "has a product that is in the lists twice: "+product)
			}
			all = append(all, product)
		}
	}
	switch {
	case update && len(t.products) > 0:
		r.invalid("products", "must not be set in update mode")
	case !update && len(t.products) == 0:
		r.invalid("products", "must have at least one product")
	}
}

// readRedirect reads redirect_uri: no query and no fragment, https or localhost, and on the list of
// the dashboard.
func (b *Provider) readRedirect(r request, t *linkToken) {
	t.redirect = r.text("redirect_uri", false, true)
	if t.redirect == "" {
		return
	}
	u, err := url.Parse(t.redirect)
	switch {
	case err != nil || u.Host == "" || strings.Contains(t.redirect, "*"):
		r.invalid("redirect_uri", "must be a valid URL")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(t.redirect, "#"):
		r.invalid("redirect_uri", "must not have a query or a fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		r.invalid("redirect_uri", "must use https")
	case len(b.opts.RedirectURIs) > 0 && !slices.Contains(b.opts.RedirectURIs, t.redirect):
		r.invalid("redirect_uri", "OAuth redirect URI must be configured in the developer dashboard")
	}
}

func loopback(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }

// readUpdate reads the settings of update mode.
func readUpdate(r request, t *linkToken, update bool) {
	settings, ok := r.object.object("update", false, true)
	if !ok {
		return
	}
	t.selection, _ = settings.flag("account_selection_enabled")
	settings.flag("reauthorization_enabled")
	settings.flag("user")
	settings.texts("item_ids", false, true, 0)
	if !update {
		r.invalid("update", "requires an access_token")
	}
}

// readFilters reads account_filters: a type that it does not name is hidden. Update mode takes them
// only with the selection of accounts.
func readFilters(r request, t *linkToken, update bool) {
	filters, ok := r.object.object("account_filters", false, true)
	if !ok {
		return
	}
	if update && !t.selection {
		r.invalid("account_filters", "requires account_selection_enabled in update mode")
	}
	t.filters, t.shown = filters.members, map[string][]string{}
	for _, name := range []string{"depository", "credit", "loan", "investment", "other"} {
		if filter, ok := filters.object(name, false, true); ok {
			filter.know("limited_purpose_types")
			t.shown[name] = filter.texts("account_subtypes", true, false, 1)
		}
	}
}

// readHosted reads hosted_link and returns the TTL of the link token.
func readHosted(r request, t *linkToken, update bool) time.Duration {
	hosted, ok := r.object.object("hosted_link", false, true)
	if !ok {
		if update {
			return updateTokenTTL
		}
		return linkTokenTTL
	}
	t.hosted = true
	ttl := publicTokenTTL
	switch hosted.oneOf("delivery_method", false, true, "sms", "email") {
	case "sms":
		ttl = 24 * time.Hour
	case "email":
		ttl = 7 * 24 * time.Hour
	}
	t.completion = hosted.text("completion_redirect_uri", false, true)
	hosted.flag("is_mobile_app")
	const most = int(maxHostedTTL / time.Second)
	return time.Duration(hosted.integer("url_lifetime_seconds", false, int(ttl/time.Second), 1, most)) * time.Second
}

// createUser serves the user that multi-item sessions need. The same client_user_id has the same
// user, which is the bank's choice.
func (b *Provider) createUser(r request) bank.Reply {
	name := r.text("client_user_id", true, false)
	r.know("identity", "end_customer", "consumer_report_user_identity", "with_upgraded_user")
	if p, bad := r.refusal(); bad {
		return p
	}
	id := "usr_" + b.Name58(16, "plaid user", name)
	b.users[id] = name
	return ok(map[string]any{"user_id": id})
}

func (b *Provider) readLinkToken(r request) bank.Reply {
	text := r.text("link_token", true, false)
	if p, bad := r.refusal(); bad {
		return p
	}
	now := b.Now()
	t, known := b.linkTokens[text]
	if !known || !now.Before(t.readable()) {
		return refuse(badLinkToken, "the provided link token is invalid or has expired")
	}
	sessions := []any{}
	for _, s := range t.sessions {
		if s.finished.IsZero() || now.Before(s.finished.Add(resultsKept)) {
			sessions = append(sessions, b.sessionBody(t, s))
		}
	}
	metadata := map[string]any{
		"initial_products": append([]string{}, t.products...),
		"webhook":          bank.Nullable(t.webhook),
		"country_codes":    t.countries,
		"language":         t.language,
		"redirect_uri":     bank.Nullable(t.redirect),
		"client_name":      t.clientName,
	}
	if t.filters != nil {
		metadata["account_filters"] = t.filters
	}
	return ok(map[string]any{
		"link_token":    t.token,
		"created_at":    instant(t.created),
		"expiration":    instant(t.expires),
		"link_sessions": sessions,
		"metadata":      metadata,
	})
}

// readable is when the token is forgotten: after it expired, and after the results of its sessions
// were kept. Which of both counts is not documented.
func (t *linkToken) readable() time.Time {
	end := t.expires
	for _, s := range t.sessions {
		if kept := s.finished.Add(resultsKept); kept.After(end) {
			end = kept
		}
	}
	return end
}

func (b *Provider) sessionBody(t *linkToken, s *linkSession) map[string]any {
	body := map[string]any{
		"link_session_id": s.id, "started_at": instant(s.started), "finished_at": instant(s.finished),
	}
	if b.opts.HostedResultsOnly && !t.hosted && !t.multi {
		return body
	}
	added := []any{}
	for _, token := range s.added {
		added = append(added, map[string]any{
			"public_token": token.token,
			"accounts":     token.item.linkAccounts(),
			"institution":  linkInstitution(token.item.institution),
		})
	}
	body["results"] = map[string]any{
		"item_add_results": added, "cra_item_add_results": []any{}, "cra_update_results": []any{},
		"bank_income_results": []any{}, "payroll_income_results": []any{}, "document_income_results": nil,
	}
	body["events"] = s.events
	if s.exit != nil {
		body["exit"] = s.exit
	}
	return body
}
