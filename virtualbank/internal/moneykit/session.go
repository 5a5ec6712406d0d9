package moneykit

// This file serves link sessions and the exchange of their tokens.

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// maxURL limits the length of most texts in a request.
const maxURL = 65536

// linkSession is a session of Connect, created by POST /link-session.
type linkSession struct {
	token       string
	created     time.Time
	used        bool
	user        string
	existing    *link
	institution string
	countries   []string
	named       []string // the countries that the application named
	providers   []string
	products    []string // the products that the settings named, in MoneyKit's order
	required    []string
	prefetch    []string
	webhook     *string
	redirect    string
	tags        []string // nil if absent
	features    map[string]bool
	custom      []bank.CustomAccount // nil if absent
	owners      []any                // the owners of every custom account; nil if absent
}

// countryCodes returns the countries that MoneyKit serves.
func countryCodes() []string { return []string{"US", "GB", "CA"} }

// aggregators returns the providers behind MoneyKit.
func aggregators() []string {
	return []string{"moneykit", "finicity", "plaid", "yodlee", "mx", "akoya"}
}

// settableProducts returns the products that the settings of a session can name. Every session has
// accounts.
func settableProducts() []string {
	return []string{"account_numbers", "identity", "transactions", "investments"}
}

// connectFeatures returns the features of Connect.
func connectFeatures() []string {
	return []string{
		"issue_reporter", "enable_money_id", "duplicate_institution_warning", "duplicate_institution_rejected",
		"connect_manually", "permit_only_one_account", "permit_only_depository_accounts",
	}
}

// createSession serves POST /link-session.
func (b *Provider) createSession(c *bank.Call) bank.Reply {
	o, refusal, ok := readObject(c)
	if !ok {
		return refusal
	}
	s := readSession(o)
	existing := o.text("existing_link_id", false, true, 0, maxURL)
	redirect, uri := readRedirect(o)
	if p, bad := o.refusal(); bad {
		return p
	}
	if !b.redirectAllowed(redirect) {
		return fail(http.StatusForbidden, codeForbidden, "The origin of redirect_uri is not in the app's list")
	}
	for _, name := range b.opts.ForbiddenFeatures {
		if s.features[name] {
			return fail(http.StatusForbidden, codeForbidden, "The app may not use the Connect feature "+name)
		}
	}

	b.Lock()
	defer b.Unlock()
	if existing != nil {
		// MoneyKit does not document the code for a link that is gone. The bank uses the codes of
		// reads.
		l, p, ok := b.findLink(*existing)
		if !ok {
			return p
		}
		s.existing, s.user = l, l.user
	} else if s.institution != "" && !b.serves(s.institution) {
		return invalidRequest(validationItem{[]any{"body", "institution_id"}, "unknown institution", "value_error"})
	}
	s.token = b.Gen.Hide("sandbox_" + b.Gen.URLSafe(43))
	s.created, s.redirect = b.Now(), uri
	b.sessions[s.token] = s
	return bank.Reply{Status: http.StatusCreated, Body: map[string]string{"link_session_token": s.token}}
}

// serves reports whether MoneyKit serves an institution.
func (b *Provider) serves(id string) bool {
	_, ok := b.Institution(func(in bank.Institution) bool { return in.MoneyKitGoesBy(id) })
	return ok
}

// readUser returns the id of customer_user. Sessions and imports have it.
func readUser(o object) (id string) {
	user, ok := o.object("customer_user", true, false)
	if !ok {
		return ""
	}
	if text := user.text("id", true, false, 4, 150); text != nil {
		id = *text
	}
	if email, ok := user.object("email", false, true); ok {
		email.text("address", true, false, 4, 254)
		email.timestamp("customer_verified_at", false, true)
	}
	if phone, ok := user.object("phone", false, true); ok {
		phone.text("number", true, false, 4, 30)
		if country, ok := phone.get("country", false, true); ok {
			phone.enum(country, countryCodes(), "country")
		}
		phone.timestamp("customer_verified_at", false, true)
	}
	return id
}

// readSession reads the body of POST /link-session.
func readSession(o object) *linkSession {
	s := &linkSession{user: readUser(o), countries: []string{"US"}, features: map[string]bool{}}
	if id := o.text("institution_id", false, true, 0, maxURL); id != nil {
		s.institution = *id
	}
	s.webhook = o.text("webhook", false, true, 1, maxURL)
	s.tags = o.labels("link_tags")
	if settings, ok := o.object("settings", false, true); ok {
		s.readSettings(settings)
	}
	if features, ok := o.object("connect_features", false, true); ok {
		for _, name := range connectFeatures() {
			s.features[name] = features.flag(name)
		}
	}
	if custom, ok := o.object("custom_sandbox_data", false, true); ok {
		s.readCustom(custom)
	}
	return s
}

// readSettings reads the settings of a session.
func (s *linkSession) readSettings(o object) {
	s.providers = o.enums("providers", aggregators())
	if countries := o.enums("countries", countryCodes()); len(countries) > 0 {
		s.countries, s.named = countries, countries
	}
	products, ok := o.object("products", false, true)
	if !ok {
		return
	}
	for _, name := range settableProducts() {
		p, ok := products.object(name, false, true)
		if !ok {
			continue
		}
		s.products = append(s.products, name)
		if p.flag("required") {
			s.required = append(s.required, name)
		}
		if p.flag("prefetch") {
			s.prefetch = append(s.prefetch, name)
		}
		p.flag("require_permission")
		p.text("reason", false, true, 0, maxURL)
	}
}

// readCustom reads custom_sandbox_data.
func (s *linkSession) readCustom(o object) {
	s.custom = []bank.CustomAccount{}
	for _, account := range o.objects("accounts", true, false) {
		kind := account.text("account_type", true, false, 0, maxURL)
		name := account.text("name", true, false, 0, maxURL)
		number := account.text("account_number", true, false, 0, maxURL)
		routing := ""
		if r := account.text("routing_number", false, true, 0, maxURL); r != nil {
			if routing = *r; !bank.IsRoutingNumber(routing) {
				account.fault("value_error", "not nine digits with a valid check digit", "routing_number")
			}
		}
		if kind != nil && name != nil && number != nil {
			s.custom = append(s.custom, bank.CustomAccount{Kind: *kind, Name: *name, Number: *number, Routing: routing})
		}
	}
	if _, ok := o.get("owners", false, true); ok {
		s.owners = []any{} // an empty list means none
	}
	for _, owner := range o.objects("owners", false, true) {
		s.owners = append(s.owners, readOwner(owner))
	}
}

// readOwner checks an owner and returns it as it was sent. Identity responses contain it.
func readOwner(o object) any {
	for i, name := range o.list("names", true, false) {
		if _, ok := name.(string); !ok {
			o.fault("type_error.str", "str type expected", "names", i)
		}
	}
	for _, a := range o.objects("addresses", true, false) {
		for _, name := range []string{"street", "city", "region", "postal_code", "country"} {
			a.text(name, false, true, 0, maxURL)
		}
	}
	for _, p := range o.objects("phone_numbers", true, false) {
		p.text("number", true, false, 0, maxURL)
		if kind, ok := p.get("type", true, false); ok {
			p.enum(kind, []string{"home", "work", "mobile", "other"}, "type")
		}
	}
	for _, e := range o.objects("emails", true, false) {
		e.text("address", true, false, 0, maxURL)
	}
	return o.members
}

// readRedirect returns redirect_uri and its origin.
func readRedirect(o object) (origin, uri string) {
	text := o.text("redirect_uri", true, false, 1, maxURL)
	if text == nil {
		return "", ""
	}
	u, err := url.Parse(*text)
	switch {
	case err != nil || u.Scheme == "" || (u.Host == "" && u.Opaque == "" && u.Path == ""):
		o.fault("value_error.url", "invalid or missing URL scheme", "redirect_uri")
		return "", ""
	case u.RawQuery != "" || u.ForceQuery:
		o.fault("value_error.url", "a query string is not allowed", "redirect_uri")
		return "", ""
	}
	return strings.ToLower(u.Scheme + "://" + u.Host), *text
}

// redirectAllowed reports whether the application may redirect to an origin.
func (b *Provider) redirectAllowed(origin string) bool {
	if len(b.opts.RedirectOrigins) == 0 {
		return true
	}
	return slices.ContainsFunc(
		b.opts.RedirectOrigins,
		func(o string) bool { return strings.EqualFold(strings.TrimSuffix(o, "/"), origin) },
	)
}

// exchangeToken serves POST /link-session/exchange-token.
func (b *Provider) exchangeToken(c *bank.Call) bank.Reply {
	o, refusal, ok := readObject(c)
	if !ok {
		return refusal
	}
	token := o.text("exchangeable_token", true, false, 1, maxURL)
	if p, bad := o.refusal(); bad {
		return p
	}
	b.Lock()
	defer b.Unlock()
	now := b.Now()
	e, known := b.exchange[*token]
	if known {
		e.link.Presented++
	}
	if !known || e.used || !now.Before(e.expires) || e.link.state != bank.StateAwaiting {
		return fail(http.StatusBadRequest, codeBadExchange, "Invalid exchangeable token or incorrect link state")
	}
	// MoneyKit does not document whether the token survives the quota. Here it does, so that it can
	// be used after another link was deleted.
	if c.Fault == faultQuota || (b.opts.LinkQuota > 0 && b.linksInUse() >= b.opts.LinkQuota) {
		return fail(
			http.StatusUnprocessableEntity,
			codeBadExchange,
			"The app has reached its number of connected links",
		)
	}
	e.used = true
	e.link.Exchanged++
	e.link.connect(now)
	w := e.link.wire()
	return bank.Reply{Status: http.StatusCreated, Body: exchangeReply{LinkID: w.LinkID, Link: w}}
}

// exchangeReply is the response of the exchange.
type exchangeReply struct {
	LinkID string   `json:"link_id"` // deprecated, but still sent
	Link   linkWire `json:"link"`
}

// linksInUse counts the links that count for the quota.
func (b *Provider) linksInUse() int {
	n := 0
	for _, l := range b.order {
		if l.state == bank.StateConnected || l.state == bank.StateError {
			n++
		}
	}
	return n
}
