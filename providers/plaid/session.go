package plaid

// This file makes Link sessions.

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/plaid"
)

// SessionOptions are the settings of a Link session that no other provider has. Put them into
// [bankmux.SessionRequest.Options]. Products are named by Plaid's words, such as "liabilities".
type SessionOptions struct {
	// Countries replaces SessionRequest.Country for several countries. The connection does not
	// know the country of its bank then, so name it when you reconnect.
	Countries []string `json:"country_codes"`

	// Products are required besides those of SessionRequest.Products. Plaid offers only banks that
	// have all of them.
	Products []string `json:"products,omitempty"`
	// RequiredIfSupported are products that the user cannot decline, at banks that have them.
	RequiredIfSupported []string `json:"required_if_supported_products,omitempty"`
	// Optional are products that neither limit the banks nor stop the user.
	Optional []string `json:"optional_products,omitempty"`
	// AdditionalConsented are products that only the consent is taken for. They are billed at first
	// use. If transactions are among them, the session must name another product to require.
	AdditionalConsented []string `json:"additional_consented_products,omitempty"`

	// Hosted opens Link on Plaid's own page. Launch.URL is its address.
	Hosted *HostedLink `json:"hosted_link,omitempty"`
	// UserID is Plaid's id of the user, from [CreateUser]. It replaces SessionRequest.User.
	UserID string `json:"user_id,omitempty"`
	// MultiItem lets the user link several banks in one run. It requires UserID.
	MultiItem bool `json:"enable_multi_item_link,omitempty"`

	// AccountFilters are the subtypes of accounts to offer by type, such as "depository": {"all"}.
	// A type that is not named is hidden. A reconnect takes them only with AccountSelection.
	AccountFilters map[string][]string `json:"-"`
	// AccountSelection lets the user change which accounts are shared, on a reconnect in the United
	// States and Canada.
	AccountSelection bool `json:"-"`
	// Customization is the name of a Link customization of the dashboard.
	Customization string `json:"link_customization_name,omitempty"`
	// AndroidPackage replaces SessionRequest.RedirectURI in an Android application.
	AndroidPackage string `json:"android_package_name,omitempty"`
	// RoutingNumber makes Link offer the bank with this number first. Plaid cannot skip the choice
	// of a bank, so the user still chooses the one of SessionRequest.Institution.
	RoutingNumber string `json:"-"`
}

// ForProvider names the adapter.
func (SessionOptions) ForProvider() string { return Name }

// HostedLink are the settings of Plaid's own page for Link.
type HostedLink struct {
	// DeliveryMethod makes Plaid send the address of the page to the user: "sms" or "email".
	DeliveryMethod string `json:"delivery_method,omitempty"`
	// CompletionRedirectURI is where the page returns to, with or without success. "" means
	// SessionRequest.RedirectURI.
	CompletionRedirectURI string `json:"completion_redirect_uri,omitempty"`
	// LifetimeSeconds is how long the address is valid, at most 21 days. 0 means
	// SessionRequest.Lifetime, and without that Plaid's default.
	LifetimeSeconds int  `json:"url_lifetime_seconds,omitempty"`
	IsMobileApp     bool `json:"is_mobile_app,omitempty"`
}

// Limits of a link token.
const maxHistoryDays, maxHostedSeconds = 730, 21 * 24 * 60 * 60

// stateNoPayload is the state of a session whose front end gets no public token, so that the
// payload may be empty. Other sessions have no state.
const stateNoPayload = "no_payload"

// CreateSession makes a link token. On a reconnect it reads the Item before, and afterwards changes
// the webhook of the Item if the request names another one.
func (a *adapter) CreateSession(ctx context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	body, err := a.linkTokenBody(req)
	if err != nil {
		return bankmux.Session{}, err
	}
	s := bankmux.NewSession(req)
	var before itemData
	if s.Reconnect != nil {
		if before, err = a.update(ctx, s.Reconnect, &body); err != nil {
			return bankmux.Session{}, err
		}
	}
	at := linkTokenCreate
	at.onItem = s.Reconnect != nil
	made, err := at.fetch(ctx, a.api, body)
	if err == nil {
		err = a.limitLifetime(&s, made.Expiration)
	}
	if err == nil && body.Hosted != nil {
		err = checkPage(made.HostedURL)
	}
	if err == nil && s.Reconnect != nil && req.WebhookURL != "" && req.WebhookURL != before.Webhook {
		err = a.updateWebhook(ctx, *s.Reconnect, req.WebhookURL)
	}
	if err != nil {
		return bankmux.Session{}, err
	}
	s.ID = sessionID(made.LinkToken)
	s.Launch.Provider, s.Launch.Environment = Name, a.cfg.Environment
	s.Launch.Token = bankmux.NewLaunchToken(made.LinkToken)
	s.Launch.ScriptURL = a.cfg.ScriptURL
	if body.Hosted != nil {
		s.Launch.URL, s.Launch.ScriptURL = bankmux.NewLaunchToken(made.HostedURL), ""
	}
	if body.RedirectURI != "" {
		s.Launch.Parameters = map[string]string{"redirect_uri": body.RedirectURI}
	}
	if body.Hosted != nil || body.MultiItem {
		s.State = bankmux.NewSecret(stateNoPayload)
	}
	return s, nil
}

// update makes the body one for update mode, and reads the Item. The user consents to the products
// alone that the Item does not have.
func (a *adapter) update(
	ctx context.Context, conn *bankmux.Connection, body *linkTokenRequest,
) (before itemData, err error) {
	got, err := a.item(ctx, conn)
	if err != nil {
		return before, err
	}
	if conn.Status = got.Item.status(); conn.Status.State == bankmux.StateGone {
		return before, gone(conn.Status)
	}
	body.AccessToken = conn.Credential().Reveal()
	granted := func(name string) bool { return slices.Contains(got.Item.products(), name) }
	body.AdditionalConsented = slices.DeleteFunc(body.AdditionalConsented, granted)
	return got.Item, nil
}

// checkPage checks that a browser can go to a hosted page: its address must be one of the web, and
// without TLS only on loopback.
func checkPage(url string) error {
	page := url[:strings.IndexAny(url+"?", "?#")]
	if !normalize.Token(url) || rest.CheckURL(page) != "" {
		return normalize.Unreadable("a hosted_link_url that is not the address of a page")
	}
	return nil
}

// limitLifetime lets the session end with its link token. Only the length of the lifetime counts,
// since the clocks may differ.
func (a *adapter) limitLifetime(s *bankmux.Session, expiration string) error {
	end, ok := normalize.Timestamp(expiration)
	left := end.Sub(a.cfg.Now())
	switch {
	case ok && left <= 0:
		return normalize.Unreadable("a link token that has expired already, or this machine's clock is wrong")
	case ok && s.CreatedAt.Add(left).Before(s.ExpiresAt):
		s.ExpiresAt = bankmux.Moment(s.CreatedAt.Add(left))
	}
	return nil
}

// sessionID is a digest of the link token, which Plaid's webhooks name.
func sessionID(linkToken string) string {
	const length = 26
	sum := sha256.Sum256([]byte("bankmux plaid session\x00" + linkToken))
	return base32.StdEncoding.EncodeToString(sum[:])[:length]
}

// linkTokenBody writes the request. It refuses what Plaid would refuse.
func (a *adapter) linkTokenBody(req bankmux.SessionRequest) (body linkTokenRequest, err error) {
	body.SessionOptions, _ = bankmux.OptionOf[SessionOptions](req)
	body.ClientName, body.Language = a.cfg.AppName, model.Language(req.Language)
	if body.UserID == "" {
		body.User = &linkUser{ID: ClientUserID(req.User), Email: req.Contact.Email}
		if strings.HasPrefix(req.Contact.Phone, "+") { // Plaid takes E.164 alone
			body.User.Phone = req.Contact.Phone
		}
	}
	if err = a.complete(&body.SessionOptions, req); err != nil {
		return body, err
	}
	if body.AndroidPackage == "" && body.Hosted == nil { // Plaid's page handles the bank's own
		body.RedirectURI = req.RedirectURI
	}
	if body.RoutingNumber != "" {
		body.Institution = map[string]string{"routing_number": body.RoutingNumber}
	}
	body.Filters = map[string]subtypes{}
	for name, list := range body.AccountFilters {
		body.Filters[name] = subtypes{"account_subtypes": list}
	}
	switch {
	case req.Reconnect == nil:
		body.Webhook = req.WebhookURL
		if req.HistoryDays > 0 {
			body.Transactions = map[string]int{"days_requested": min(req.HistoryDays, maxHistoryDays)}
		}
	case body.AccountSelection:
		body.Update = map[string]bool{"account_selection_enabled": true}
	}
	return body, nil
}

// complete completes the options by those of the request.
func (a *adapter) complete(opts *SessionOptions, req bankmux.SessionRequest) error {
	_, err := normalize.NamedInstitution(req.Institution, Name)
	switch {
	case opts.MultiItem && opts.UserID == "":
		return normalize.Invalid("SessionRequest.Options", "has MultiItem without UserID")
	case req.Reconnect != nil && len(opts.AccountFilters) > 0 && !opts.AccountSelection:
		return normalize.Invalid("SessionRequest.Options", "has AccountFilters, which needs AccountSelection")
	case err != nil && req.Reconnect == nil:
		return err
	}
	if err := a.addCountries(opts, req); err != nil {
		return err
	}
	if err := listProducts(opts, req); err != nil || opts.Hosted == nil {
		return err
	}
	page := *opts.Hosted
	page.CompletionRedirectURI = cmp.Or(page.CompletionRedirectURI, req.RedirectURI)
	field := "SessionRequest.Options"
	if page.LifetimeSeconds == 0 {
		field, page.LifetimeSeconds = "SessionRequest.Lifetime", int(req.Lifetime/time.Second)
	}
	if page.LifetimeSeconds < 0 || page.LifetimeSeconds > maxHostedSeconds {
		return normalize.Invalid(field, "has a lifetime that is negative or over the 21 days of a hosted page")
	}
	opts.Hosted = &page
	return nil
}

// addCountries adds the countries of a session, which Plaid requires.
func (a *adapter) addCountries(opts *SessionOptions, req bankmux.SessionRequest) error {
	country := req.Country
	if country == "" && req.Reconnect != nil {
		country = req.Reconnect.Institution.Country
	}
	if len(opts.Countries) == 0 {
		opts.Countries = a.countriesOr(country)
	}
	if len(opts.Countries) == 0 {
		return normalize.Invalid("SessionRequest.Country", "is empty, but Plaid requires one")
	}
	return normalize.Serves("SessionRequest.Country", "Plaid", model.Countries(), opts.Countries...)
}

// The four lists of products, the strongest first.
const (
	listRequired = iota
	listIfSupported
	listOptional
	listConsented
)

// listProducts sorts the products into Plaid's four lists, each into the strongest that it was
// asked for in. Plaid requires a product. So without a required one, the session requires
// transactions if they were asked for, and otherwise the first product that was. A session that
// asked for none requires transactions. A product of which only the consent is taken is never
// required, since that is billed. In update mode no product is required, and new ones need the
// consent alone.
func listProducts(opts *SessionOptions, req bankmux.SessionRequest) error {
	lists := []*[]string{&opts.Products, &opts.RequiredIfSupported, &opts.Optional, &opts.AdditionalConsented}
	var names []string
	place := map[string]int{}
	put := func(name string, list int) {
		before, known := place[name]
		if !known {
			names, before = append(names, name), list
		}
		place[name] = min(before, list)
	}
	err := normalize.NameProducts(req.Products, "Plaid", model.Product, func(p bankmux.ProductRequest, name string) {
		switch {
		case p.Required:
			put(name, listRequired)
		case p.RequirePermission:
			put(name, listIfSupported)
		default:
			put(name, listOptional)
		}
	})
	if err != nil {
		return err
	}
	for list, own := range lists {
		for _, name := range *own {
			put(name, list)
		}
		*own = nil
	}
	if req.Reconnect != nil {
		opts.AdditionalConsented = names
		return nil
	}
	const usual = "transactions"
	list, named := place[usual]
	required := func(name string) bool { return place[name] == listRequired }
	first := slices.IndexFunc(names, func(name string) bool { return place[name] < listConsented })
	switch {
	case slices.ContainsFunc(names, required):
	case named && list < listConsented, !named && first < 0:
		put(usual, listRequired)
	case first >= 0:
		put(names[first], listRequired)
	default:
		return normalize.Invalid(
			"SessionRequest.Products", "is empty, but Plaid requires one besides those of AdditionalConsented")
	}
	for _, name := range names {
		into := lists[place[name]]
		*into = append(*into, name)
	}
	return nil
}

// personal finds e-mail addresses and telephone numbers, which Plaid refuses as the id of a user.
var personal = regexp.MustCompile(`@|^\+[0-9]|^\(?[0-9]{2,4}\)?[-. ][0-9][0-9-. ]{4,}$`)

// maxUserID is far longer than ids are. Plaid publishes no limit.
const maxUserID = 200

// ClientUserID returns the client_user_id under which Plaid knows a user. It is the user's id
// itself, or a digest if the id is long or looks like an e-mail address or telephone number. One
// user always has the same result, and two users never share one.
func ClientUserID(user string) string {
	return normalize.UserID(user, len(user) <= maxUserID && !personal.MatchString(user))
}
