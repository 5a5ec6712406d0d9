package moneykit

// This file makes link sessions.

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/moneykit"
)

// SessionOptions are the settings of a MoneyKit link session that no other provider has. Put them
// into [bankmux.SessionRequest.Options]. The facts are from MoneyKit's SDK models and its page on
// link sessions.
type SessionOptions struct {
	// Providers limits institutions to those of these aggregators: moneykit, finicity, plaid,
	// yodlee, mx, akoya.
	Providers []string
	// Countries replaces SessionRequest.Country for several countries: US, GB, CA. Their order
	// ranks the institutions.
	Countries []string
	Features  ConnectFeatures
	// CustomSandboxData is served to the user "user_custom" of the Credentials Bank, in the sandbox
	// only.
	CustomSandboxData *CustomSandboxData
	RemoveWebhook     bool // removes the webhook on a reconnect, instead of keeping it
}

// ForProvider names the adapter.
func (SessionOptions) ForProvider() string { return Name }

// ConnectFeatures turns features of Connect on. All are off by default.
type ConnectFeatures struct {
	// IssueReporter shows a button that reports problems to MoneyKit.
	IssueReporter bool `json:"issue_reporter,omitempty"`
	// EnableMoneyID offers registration and login with Money ID.
	EnableMoneyID bool `json:"enable_money_id,omitempty"`
	// DuplicateInstitutionWarning warns if the user has connected the institution before.
	DuplicateInstitutionWarning bool `json:"duplicate_institution_warning,omitempty"`
	// DuplicateInstitutionRejected hides institutions that the user has connected.
	DuplicateInstitutionRejected bool `json:"duplicate_institution_rejected,omitempty"`
	// ConnectManually offers manual entry for missing institutions.
	ConnectManually bool `json:"connect_manually,omitempty"`
	// PermitOnlyOneAccount lets the user share one account only.
	PermitOnlyOneAccount bool `json:"permit_only_one_account,omitempty"`
	// PermitOnlyDepositoryAccounts lets the user share depository accounts only.
	PermitOnlyDepositoryAccounts bool `json:"permit_only_depository_accounts,omitempty"`
}

// CustomSandboxData is what the sandbox serves for "user_custom". Nil differs from empty for Owners
// only. Any other nil list is sent as an empty one.
type CustomSandboxData struct {
	Accounts []CustomSandboxAccount `json:"accounts"`
	// Owners are attached to every account. nil means random ones, empty means none.
	Owners []Owner `json:"owners,omitzero"`
}

// CustomSandboxAccount is one static account.
type CustomSandboxAccount struct {
	AccountType   string `json:"account_type"`
	Name          string `json:"name"`
	AccountNumber string `json:"account_number"`
	RoutingNumber string `json:"routing_number,omitempty"` // nine digits with a valid ABA check digit
}

// Owner is a person in custom sandbox data.
type Owner struct {
	Names        []string      `json:"names"`
	Addresses    []Address     `json:"addresses"`
	PhoneNumbers []PhoneNumber `json:"phone_numbers"`
	Emails       []Email       `json:"emails"`
}

// Address is a postal address in custom sandbox data.
type Address struct {
	Street     string `json:"street,omitempty"`
	City       string `json:"city,omitempty"`
	Region     string `json:"region,omitempty"`
	PostalCode string `json:"postal_code,omitempty"`
	Country    string `json:"country,omitempty"`
	Primary    bool   `json:"primary,omitempty"`
}

// PhoneNumber is a telephone number in custom sandbox data.
type PhoneNumber struct {
	Number  string `json:"number"`
	Type    string `json:"type"` // home, work, mobile, other
	Primary bool   `json:"primary,omitempty"`
}

// Email is an e-mail address in custom sandbox data.
type Email struct {
	Address string `json:"address"`
	Primary bool   `json:"primary,omitempty"`
}

// CreateSession opens a link session.
func (a *adapter) CreateSession(ctx context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	s := bankmux.NewSession(req)
	body, err := sessionBody(req, s.ID)
	if err != nil {
		return bankmux.Session{}, err
	}
	if req.Reconnect != nil {
		link, err := a.linkToRenew(ctx, req.Reconnect)
		if err != nil {
			return bankmux.Session{}, err
		}
		status := link.status()
		if status.State == bankmux.StateGone {
			return bankmux.Session{}, &bankmux.Error{Kind: bankmux.ErrGone, Detail: "the link was deleted"}
		}
		s.Reconnect.Status = status
		keepUnlessOverridden(&body, req, link)
		body.ExistingLinkID = link.LinkID
	}
	made, err := createSession.fetch(ctx, a.api, &rest.Request{JSON: body})
	if err != nil {
		return bankmux.Session{}, err
	}
	s.Launch.Provider, s.Launch.Environment = Name, a.env
	s.Launch.Token = bankmux.NewLaunchToken(made.LinkSessionToken)
	s.Launch.Package, s.Launch.ScriptURL = connectPackage, a.scriptURL
	return s, nil
}

// connectPackage is Connect for browsers. MoneyKit publishes it on npm only, and no script to load.
// The version is the one that the launcher is tested with.
const connectPackage = "@moneykit/connect@0.3.28"

// linkToRenew reads the link that a reconnect renews. For a broken link, MoneyKit may return the
// error link_error.bad_state in place of the link. Then the link is looked up among the user's,
// since a reconnect must send its webhook and tags again.
func (a *adapter) linkToRenew(ctx context.Context, conn *bankmux.Connection) (linkData, error) {
	link, err := getLink.fetch(ctx, a.api, ofLink(conn, nil))
	e := bankmux.ErrorOf(err)
	if e == nil || !strings.HasPrefix(e.Code, badState) {
		return link, err
	}
	id := conn.Credential().Reveal()
	user, unread := getUserLinks.fetch(ctx, a.api, ofUser(conn.User))
	if unread != nil {
		return linkData{}, unread
	}
	if known, ok := user.Links[id]; ok && known.LinkID == id {
		return known, nil
	}
	return linkData{}, err
}

// badState is the prefix of the codes of a link that cannot be used in its state.
const badState = "link_error.bad_state"

// keepUnlessOverridden sends the link's webhook and tags again, because MoneyKit erases what a
// reconnect leaves out.
func keepUnlessOverridden(body *createLinkSession, req bankmux.SessionRequest, link linkData) {
	opts, _ := bankmux.OptionOf[SessionOptions](req)
	if body.Webhook == "" && !opts.RemoveWebhook {
		body.Webhook = link.Webhook
	}
	if req.Tags == nil {
		kept := slices.DeleteFunc(slices.Clone(link.LinkTags), isSessionTag)
		body.LinkTags = append(kept, body.LinkTags...)
	}
}

// sessionTag is the link tag that names the session.
func sessionTag(id string) string { return tagPrefix + id }

const tagPrefix = "bankmux-session:"

func isSessionTag(tag string) bool { return strings.HasPrefix(tag, tagPrefix) }

// Limits of the link session request, in characters (MoneyKit's SDK models).
const (
	minUser, maxUser   = 4, 150
	minEmail, maxEmail = 4, 254
	minPhone, maxPhone = 4, 30
	maxURI             = 65536
	maxTag             = 99
)

// sessionBody writes the request. It refuses what MoneyKit would refuse.
func sessionBody(req bankmux.SessionRequest, sessionID string) (createLinkSession, error) {
	opts, _ := bankmux.OptionOf[SessionOptions](req)
	var none createLinkSession
	if fault := checkSession(req); fault != nil {
		return none, fault
	}
	body := createLinkSession{
		CustomerUser: customerUser{ID: CustomerID(req.User)},
		RedirectURI:  req.RedirectURI,
		Webhook:      req.WebhookURL,
		LinkTags:     append(slices.Clone(req.Tags), sessionTag(sessionID)),
	}
	if c := req.Contact; c.Email != "" {
		body.CustomerUser.Email = &customerEmail{Address: c.Email, VerifiedAt: timestamp(c.EmailVerifiedAt)}
	}
	if c := req.Contact; c.Phone != "" {
		body.CustomerUser.Phone = &customerPhone{
			Number:     c.Phone,
			Country:    c.PhoneCountry,
			VerifiedAt: timestamp(c.PhoneVerifiedAt),
		}
	}
	settings := linkSettings{Providers: opts.Providers, Countries: opts.Countries}
	if len(settings.Countries) == 0 && req.Country != "" {
		settings.Countries = []string{req.Country}
	}
	if err := normalize.Serves("SessionRequest.Country", "MoneyKit", served, settings.Countries...); err != nil {
		return none, err
	}
	err := normalize.NameProducts(req.Products, "MoneyKit", model.Product, settings.add)
	if err != nil {
		return none, err
	}
	if len(settings.Providers)+len(settings.Countries)+len(settings.Products) > 0 {
		body.Settings = &settings
	}
	if req.Reconnect == nil {
		if body.InstitutionID, err = normalize.NamedInstitution(req.Institution, Name); err != nil {
			return none, err
		}
	}
	if opts.Features != (ConnectFeatures{}) {
		body.ConnectFeatures = &opts.Features
	}
	body.CustomSandboxData = opts.CustomSandboxData.body()
	return body, nil
}

// body returns a copy in MoneyKit's form: an empty list is [], never null.
func (d *CustomSandboxData) body() *CustomSandboxData {
	if d == nil {
		return nil
	}
	body := CustomSandboxData{Accounts: listed(d.Accounts)}
	if d.Owners != nil {
		body.Owners = make([]Owner, 0, len(d.Owners))
	}
	for _, o := range d.Owners {
		body.Owners = append(body.Owners, Owner{
			Names:        listed(o.Names),
			Addresses:    listed(o.Addresses),
			PhoneNumbers: listed(o.PhoneNumbers),
			Emails:       listed(o.Emails),
		})
	}
	return &body
}

// listed returns the list, and an empty one for nil.
func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// checkSession refuses a request that breaks a limit of MoneyKit.
func checkSession(req bankmux.SessionRequest) *bankmux.Error {
	wrong := func(field, detail string) *bankmux.Error {
		return normalize.Invalid("SessionRequest."+field, detail)
	}
	outside := func(s string, minLength, maxLength int) bool {
		n := utf8.RuneCountInString(s)
		return n < minLength || n > maxLength
	}
	c := req.Contact
	switch {
	case req.RedirectURI == "":
		return wrong("RedirectURI", "is empty, but MoneyKit requires one")
	case len(req.RedirectURI) > maxURI:
		return wrong("RedirectURI", "is longer than 65536 characters")
	case len(req.WebhookURL) > maxURI:
		return wrong("WebhookURL", "is longer than 65536 characters")
	case c.Email != "" && outside(c.Email, minEmail, maxEmail):
		return wrong("Contact.Email", "is not 4 to 254 characters long")
	case c.Phone != "" && outside(c.Phone, minPhone, maxPhone):
		return wrong("Contact.Phone", "is not 4 to 30 characters long")
	case c.PhoneCountry != "" && !slices.Contains(served, c.PhoneCountry):
		return wrong("Contact.PhoneCountry", "is not US, GB or CA")
	}
	for _, tag := range req.Tags {
		switch {
		case tag == "" || outside(tag, 1, maxTag) || !alphanumeric(tag[0]):
			return wrong(
				"Tags",
				"has one that is empty, has 100 or more characters, or does not start with a letter or digit",
			)
		case isSessionTag(tag):
			return wrong("Tags", "has one that starts with "+tagPrefix+", which is reserved")
		}
	}
	return nil
}

func alphanumeric(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}

// served are the countries that MoneyKit serves.
var served = []string{"US", "GB", "CA"}

// add adds a product under MoneyKit's name.
func (l *linkSettings) add(p bankmux.ProductRequest, name string) {
	if l.Products == nil {
		l.Products = map[string]productSettings{}
	}
	l.Products[name] = productSettings{
		Required: p.Required, RequirePermission: p.RequirePermission, Prefetch: p.Prefetch, Reason: p.Reason,
	}
}

// timestamp writes a time in MoneyKit's form, "" for the zero time.
func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strings.Replace(t.UTC().Format("2006-01-02T15:04:05.000000Z"), "Z", "+00:00", 1)
}
