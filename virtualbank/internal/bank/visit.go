package bank

// This file has what the pages that play the providers' widgets need of a provider.

import "encoding/json"

// Opening says how an application opened the page of a provider.
type Opening struct {
	Token       string   `json:"token"`       // of the session: MoneyKit's and Plaid's
	Hosted      string   `json:"hosted"`      // the name of Plaid's own page, instead of a token
	Relink      bool     `json:"relink"`      // MoneyKit's page for renewals
	AppKey      string   `json:"appKey"`      // Dapi's, and what follows
	Countries   []string `json:"countries"`   // empty means all
	Environment string   `json:"environment"` // "" means the sandbox
}

// Pages lets the pages that play a provider's widget reach the provider. The mutex is not held.
type Pages interface {
	// Visit opens the page. The error is a *Trouble.
	Visit(o Opening) (Visit, error)

	// Exit returns what the widget passes to the page if the page does not open.
	Exit(t *Trouble) json.RawMessage

	// Stray returns the trouble of a redirect that the page cannot take: it is of no visit, was
	// processed before, or is of another session.
	Stray(known, processed bool) *Trouble
}

// Visit is one visit of a user to the page of a provider. Its methods lock the bank.
type Visit interface {
	// Facts returns what the session says. They never change.
	Facts() VisitFacts

	// Choices returns the institutions that the user can choose from. A renewal has one.
	Choices() []Choice

	// Enter checks a login. If the institution asks for a code first, it returns the code that is
	// correct. The error is a *Trouble.
	Enter(e Entry) (code string, err error)

	// Offer returns the accounts and products of a login that Enter accepted.
	Offer(e Entry) Offer

	// Link ends a visit, and returns what the widget passes to the page. Empty accounts mean all.
	// If more is set, the session stays open for another login. The error is a *Trouble.
	Link(e Entry, accounts []string, more bool) (json.RawMessage, error)

	// Finish ends a visit that linked several institutions.
	Finish() json.RawMessage

	// Leave ends a visit without a link, and returns what the widget passes to the application. The
	// trouble is the last that the user met, or nil.
	Leave(at Step, e Entry, last *Trouble) json.RawMessage
}

// VisitFacts are what the session of a visit says.
type VisitFacts struct {
	App        string // the name of the application; "" if the provider does not know it
	Renewal    bool   // the session renews a link
	Redirect   string // where an institution's own page returns to, or ""
	Several    bool   // the user may link several institutions
	Completion string // where the provider's own page returns to, or ""
}

// Choice is an institution on the page.
type Choice struct {
	ID      string `json:"id"` // the provider's
	Name    string `json:"name"`
	Country string `json:"country"`
	Domain  string `json:"domain"`
	OAuth   bool   `json:"oauth"` // users log in on a page of the institution
	Open    bool   `json:"open"`  // users need not log in
}

// Entry is what a user enters on the page.
type Entry struct{ Institution, Username, Password string }

// Offer is what a login can share.
type Offer struct {
	Products []string     `json:"products"` // in words for users
	Accounts []Shareable  `json:"accounts"`
	Select   AccountRange `json:"select"`
}

// Shareable is an account on the page.
type Shareable struct {
	Name   string `json:"name"`
	Mask   string `json:"mask"`
	Shared bool   `json:"shared"` // the link has it already
}

// AccountRange says how many accounts the user can choose.
type AccountRange string

// The ranges.
const (
	SelectNone AccountRange = "none" // all are shared
	SelectAny  AccountRange = "any"
	SelectMore AccountRange = "more" // those that are shared stay
	SelectOne  AccountRange = "one"
)

// Step is where on the page the user is.
type Step string

// The steps.
const (
	StepChoose  Step = "choose"
	StepLogin   Step = "login"
	StepCode    Step = "code"
	StepOAuth   Step = "oauth"
	StepConsent Step = "consent"
	StepMore    Step = "more" // after a link, in a visit that can have several
)

// Trouble is what the page shows to the user when something fails.
type Trouble struct {
	Code  string // the provider's
	Text  string // for the user
	Final bool   // the user cannot try again
	Wire  any    // as the provider passes it to the application; nil if it does not
}

func (t *Trouble) Error() string { return "virtualbank: " + t.Text }

// Passed returns the error as the provider passes it to the application. It is null without a
// trouble, and for one that the user could have solved.
func (t *Trouble) Passed() json.RawMessage {
	if t == nil {
		return json.RawMessage("null")
	}
	raw, err := json.Marshal(t.Wire)
	if err != nil {
		panic(err) // it has only texts
	}
	return raw
}

// PassDevice is a password of UserGood with which the pages ask for a code. It is Plaid's, and the
// bank's own choice at the other providers.
const PassDevice = "mfa_device"

// AsksCode reports whether the login is one for which the pages ask for a code.
func (e Entry) AsksCode() bool { return e.Password == PassDevice && e.Username == UserGood }

// Bare returns the login with an empty password in place of PassDevice.
func (e Entry) Bare() Entry {
	if e.AsksCode() {
		e.Password = ""
	}
	return e
}
