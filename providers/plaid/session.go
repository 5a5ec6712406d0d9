package plaid

// This file makes Link sessions.

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
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
	Countries []string

	// Products are required besides those of SessionRequest.Products. Plaid offers only banks that
	// have all of them.
	Products []string
	// RequiredIfSupported are products that the user cannot decline, at banks that have them.
	RequiredIfSupported []string
	// Optional are products that neither limit the banks nor stop the user.
	Optional []string
	// AdditionalConsented are products that only the consent is taken for. They are billed at first
	// use. If transactions are among them, the session must name another product to require.
	AdditionalConsented []string

	// Hosted opens Link on Plaid's own page. Launch.URL is its address.
	Hosted *HostedLink
	// UserID is Plaid's id of the user, from [CreateUser]. It replaces SessionRequest.User.
	UserID string
	// MultiItem lets the user link several banks in one run. It requires UserID.
	MultiItem bool

	// AccountFilters are the subtypes of accounts to offer by type, such as "depository": {"all"}.
	// A type that is not named is hidden. A reconnect takes them only with AccountSelection.
	AccountFilters map[string][]string
	// AccountSelection lets the user change which accounts are shared, on a reconnect in the United
	// States and Canada.
	AccountSelection bool
	// Customization is the name of a Link customization of the dashboard.
	Customization string
	// AndroidPackage replaces SessionRequest.RedirectURI in an Android application.
	AndroidPackage string
	// RoutingNumber makes Link offer the bank with this number first. Plaid cannot skip the choice
	// of a bank, so the user still chooses the one of SessionRequest.Institution.
	RoutingNumber string
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
const (
	maxHistoryDays   = 730
	maxHostedSeconds = 21 * 24 * 60 * 60
)

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
	if old := req.Reconnect; old != nil {
		got, err := a.api.item(ctx, old.Credential())
		if err != nil {
			return bankmux.Session{}, err
		}
		before = got.Item
		s.Reconnect.Status = before.status()
		if s.Reconnect.Status.State == bankmux.StateGone {
			return bankmux.Session{}, &bankmux.Error{
				Kind: bankmux.ErrGone, Code: s.Reconnect.Status.Code, Detail: "a reconnect cannot restore the Item",
			}
		}
		body.AccessToken = old.Credential().Reveal()
		granted := func(name string) bool { return slices.Contains(before.products(), name) }
		body.Consented = slices.DeleteFunc(body.Consented, granted)
	}
	made, err := a.api.createLinkToken(ctx, body)
	if err == nil {
		err = a.launchable(made, body.Hosted != nil)
	}
	if err != nil {
		return bankmux.Session{}, err
	}
	if url := req.WebhookURL; req.Reconnect != nil && url != "" && url != before.Webhook {
		if err := a.api.updateWebhook(ctx, req.Reconnect.Credential(), url); err != nil {
			return bankmux.Session{}, err
		}
	}
	s.ID = sessionID(made.LinkToken)
	a.limitLifetime(&s, made.Expiration)
	s.Launch.Provider, s.Launch.Environment = Name, a.env
	s.Launch.Token = bankmux.NewLaunchToken(made.LinkToken)
	if body.Hosted != nil {
		s.Launch.URL = bankmux.NewLaunchToken(made.HostedURL)
	} else {
		s.Launch.ScriptURL = a.scriptURL
	}
	if body.RedirectURI != "" {
		s.Launch.Parameters = map[string]string{"redirect_uri": body.RedirectURI}
	}
	if body.Hosted != nil || body.Multi {
		s.State = bankmux.NewSecret(stateNoPayload)
	}
	return s, nil
}

// launchable checks that a user can open Link. A browser goes to a hosted page, so its address must
// be one of the web, and without TLS only on loopback.
func (a *adapter) launchable(made linkTokenResponse, hosted bool) error {
	page := made.HostedURL[:strings.IndexAny(made.HostedURL+"?", "?#")]
	end, known := normalize.Timestamp(made.Expiration)
	e := &bankmux.Error{Kind: bankmux.ErrMalformed, Scope: bankmux.ScopeCall}
	switch {
	case hosted && (!normalize.Token(made.HostedURL) || rest.CheckURL(page) != ""):
		e.Detail = "the hosted_link_url is not the address of a page"
	case known && !end.After(a.clock()):
		e.Detail = "the new link token has expired already, or this machine's clock is wrong"
	default:
		return nil
	}
	return e
}

// limitLifetime lets the session end with its link token. Only the length of the lifetime counts,
// since the clocks may differ.
func (a *adapter) limitLifetime(s *bankmux.Session, expiration string) {
	end, ok := normalize.Timestamp(expiration)
	if left := end.Sub(a.clock()); ok && s.CreatedAt.Add(left).Before(s.ExpiresAt) {
		s.ExpiresAt = bankmux.Moment(s.CreatedAt.Add(left))
	}
}

// sessionID is a digest of the link token, which Plaid's webhooks name.
func sessionID(linkToken string) string {
	const length = 26
	sum := sha256.Sum256([]byte("bankmux plaid session\x00" + linkToken))
	return base32.StdEncoding.EncodeToString(sum[:])[:length]
}

// linkTokenBody writes the request. It refuses what Plaid would refuse.
func (a *adapter) linkTokenBody(req bankmux.SessionRequest) (linkTokenRequest, error) {
	opts, _ := bankmux.OptionOf[SessionOptions](req)
	body := linkTokenRequest{
		ClientName: a.appName, Language: language(req.Language), UserID: opts.UserID,
		RedirectURI: req.RedirectURI, Android: opts.AndroidPackage, Custom: opts.Customization, Multi: opts.MultiItem,
	}
	if opts.UserID == "" {
		body.User = &linkUser{ID: ClientUserID(req.User), Email: req.Contact.Email}
		if strings.HasPrefix(req.Contact.Phone, "+") { // Plaid takes E.164 alone
			body.User.Phone = req.Contact.Phone
		}
	}
	switch _, named := req.Institution[Name]; {
	case opts.MultiItem && opts.UserID == "":
		return body, normalize.Invalid("SessionRequest.Options", "has MultiItem without UserID")
	case req.Reconnect != nil && len(opts.AccountFilters) > 0 && !opts.AccountSelection:
		return body, normalize.Invalid("SessionRequest.Options", "has AccountFilters, which needs AccountSelection")
	case len(req.Institution) > 0 && !named && req.Reconnect == nil:
		return body, normalize.Unsupported("SessionRequest.Institution", "has no id for plaid")
	}
	var err error
	if body.CountryCodes, err = a.countriesOf(req, opts); err != nil {
		return body, err
	}
	if body.productLists, err = listProducts(req, opts); err != nil {
		return body, err
	}
	if opts.AndroidPackage != "" {
		body.RedirectURI = ""
	}
	if opts.RoutingNumber != "" {
		body.Institution = map[string]string{"routing_number": opts.RoutingNumber}
	}
	for name, list := range opts.AccountFilters {
		if body.Filters == nil {
			body.Filters = map[string]subtypes{}
		}
		body.Filters[name] = subtypes{"account_subtypes": list}
	}
	if body.Hosted, err = hosted(req, opts.Hosted); err != nil {
		return body, err
	}
	if body.Hosted != nil {
		body.RedirectURI = "" // Plaid's page handles the bank's own
	}
	if req.Reconnect != nil {
		if opts.AccountSelection {
			body.Update = map[string]bool{"account_selection_enabled": true}
		}
		return body, nil
	}
	body.Webhook = req.WebhookURL
	if req.HistoryDays > 0 {
		body.Transactions = map[string]int{"days_requested": min(req.HistoryDays, maxHistoryDays)}
	}
	return body, nil
}

// hosted completes the settings of a hosted page by those of the request.
func hosted(req bankmux.SessionRequest, set *HostedLink) (*HostedLink, error) {
	if set == nil {
		return nil, nil //nolint:nilnil // no hosted page was asked for
	}
	page := *set
	page.CompletionRedirectURI = cmp.Or(page.CompletionRedirectURI, req.RedirectURI)
	field := "SessionRequest.Options"
	if page.LifetimeSeconds == 0 {
		field, page.LifetimeSeconds = "SessionRequest.Lifetime", int(req.Lifetime/time.Second)
	}
	if page.LifetimeSeconds < 0 || page.LifetimeSeconds > maxHostedSeconds {
		return nil, normalize.Invalid(field, "has a lifetime that is negative or over the 21 days of a hosted page")
	}
	return &page, nil
}

// allCountries are those that Plaid serves.
var allCountries = strings.Fields("US GB ES NL FR IE CA DE IT PL DK NO SE EE LT LV PT BE AT FI")

// countriesOf returns the countries of a session, which Plaid requires.
func (a *adapter) countriesOf(req bankmux.SessionRequest, opts SessionOptions) ([]string, error) {
	list := opts.Countries
	switch {
	case len(list) > 0:
	case req.Country != "":
		list = []string{req.Country}
	case req.Reconnect != nil && req.Reconnect.Institution.Country != "":
		list = []string{req.Reconnect.Institution.Country}
	case len(a.countries) > 0:
		list = a.countries
	default:
		return nil, normalize.Invalid("SessionRequest.Country", "is empty, but Plaid requires one")
	}
	if slices.ContainsFunc(list, func(c string) bool { return !slices.Contains(allCountries, c) }) {
		return nil, normalize.Unsupported("SessionRequest.Country", "Plaid serves "+strings.Join(allCountries, ", "))
	}
	return list, nil
}

// languages are those of Link.
var languages = strings.Fields("da nl en et fr de hi it lv lt no pl pt ro es sv vi")

// language returns Link's language for a language tag, English where Link does not have it.
func language(tag string) string {
	primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
	switch {
	case primary == "nb" || primary == "nn":
		return "no"
	case slices.Contains(languages, primary):
		return primary
	}
	return "en"
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
func listProducts(req bankmux.SessionRequest, opts SessionOptions) (productLists, error) {
	var names []string
	place := map[string]int{}
	put := func(name string, list int) {
		if before, known := place[name]; !known {
			names, place[name] = append(names, name), list
		} else {
			place[name] = min(before, list)
		}
	}
	for _, p := range req.Products {
		name, ok := model.Product(p.Product)
		switch {
		case !ok && p.Required:
			return productLists{}, normalize.Unsupported(
				"SessionRequest.Products", "Plaid has no "+normalize.CleanCode(string(p.Product)))
		case name == "": // unknown, or of every Item
		case p.Required:
			put(name, listRequired)
		case p.RequirePermission:
			put(name, listIfSupported)
		default:
			put(name, listOptional)
		}
	}
	own := [][]string{opts.Products, opts.RequiredIfSupported, opts.Optional, opts.AdditionalConsented}
	for list, more := range own {
		for _, name := range more {
			put(name, list)
		}
	}
	if req.Reconnect != nil {
		return productLists{Consented: names}, nil
	}
	required := func(name string) bool { return place[name] == listRequired }
	if !slices.ContainsFunc(names, required) {
		const usual = "transactions"
		list, named := place[usual]
		first := slices.IndexFunc(names, func(name string) bool { return place[name] < listConsented })
		switch {
		case named && list < listConsented, !named && first < 0:
			put(usual, listRequired)
		case first >= 0:
			put(names[first], listRequired)
		default:
			return productLists{}, normalize.Invalid(
				"SessionRequest.Products", "is empty, but Plaid requires one besides those of AdditionalConsented")
		}
	}
	var lists productLists
	into := []*[]string{&lists.Products, &lists.IfSupported, &lists.Optional, &lists.Consented}
	for _, name := range names {
		*into[place[name]] = append(*into[place[name]], name)
	}
	return lists, nil
}

// personal finds e-mail addresses and telephone numbers, which Plaid refuses as the id of a user.
var personal = regexp.MustCompile(`@|^\+[0-9]|^\(?[0-9]{2,4}\)?[-. ][0-9][0-9-. ]{4,}$`)

// maxUserID is far longer than ids are. Plaid publishes no limit.
const maxUserID = 200

// userPrefix marks the ids at Plaid that replace an id of the application.
const userPrefix = "bankmux-user-"

// ClientUserID returns the client_user_id under which Plaid knows a user. It is the user's id
// itself, or a digest if the id is long or looks like an e-mail address or telephone number. One
// user always has the same result, and two users never share one.
func ClientUserID(user string) string {
	if len(user) <= maxUserID && !personal.MatchString(user) && !strings.HasPrefix(user, userPrefix) {
		return user
	}
	sum := sha256.Sum256([]byte(user))
	return userPrefix + base64.RawURLEncoding.EncodeToString(sum[:])
}
