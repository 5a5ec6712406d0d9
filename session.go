package bankmux

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// DefaultSessionLifetime is how long a session is good for unless the request
// says otherwise: time enough to find a password, short enough to notice a
// forgotten tab. Neither provider publishes a lifetime of its own.
const DefaultSessionLifetime = time.Hour

// SessionRequest asks for one run of the linking flow. User is required, the rest is optional.
type SessionRequest struct {
	// User is the application's id of its user: any text that is not empty, is UTF-8 and has no
	// control characters, of any length. Do not use an e-mail address. Where a provider takes fewer
	// ids, its adapter sends a digest in their place.
	User    string
	Contact Contact

	Country      string         // where the bank is, ISO 3166-1 alpha-2 ("GB", not "UK"); decides the route
	Institution  InstitutionRef // skips the choice of a bank, where the provider can
	Products     []ProductRequest
	Capabilities []Capability // what the application will need later; decides the route

	RedirectURI string // where a bank's own login page returns to: absolute, no query, no fragment
	Language    string // of the provider's pages, BCP 47 ("en", "ar-AE"); a provider without it ignores it
	// where the provider announces changes; "{client}" becomes the client's name; on a reconnect "" keeps the present one
	WebhookURL string
	Tags       []string // labels kept at the provider; on a reconnect nil keeps the present ones

	// Reconnect is renewed or extended instead of making a connection. Every login that is posted
	// with the session gets its id, so use the session for one login.
	Reconnect *Connection
	Lifetime  time.Duration // 0 means [DefaultSessionLifetime]

	// AccessDays is for how many days the permission shall last, and HistoryDays how many days of
	// transactions it shall reach back; 0 leaves both to the provider. They are wishes: a provider
	// that has no such setting ignores them, and one that allows less gives less.
	// [Connection.Consent] says what was given.
	AccessDays  int
	HistoryDays int

	Options []SessionOption // provider-specific settings; each adapter takes its own
}

// SessionOption is a provider-specific part of a [SessionRequest], such as
// moneykit.SessionOptions. Adapters ignore the options of others, so one request can serve
// a registry that chooses the provider.
type SessionOption interface {
	// ForProvider returns the name of the adapter that reads the option.
	ForProvider() string
}

// OptionOf returns the first option of type T, or pointer to one, in the request.
func OptionOf[T SessionOption](req SessionRequest) (T, bool) {
	for _, o := range req.Options {
		if t, ok := o.(T); ok {
			return t, true
		}
		if t, ok := any(o).(*T); ok && t != nil {
			return *t, true
		}
	}
	var none T
	return none, false
}

// Contact is what some providers show or check during linking. All of it is optional personal data.
type Contact struct {
	Email           string
	EmailVerifiedAt time.Time // when the application verified it, zero if it did not
	Phone           string    // E.164 where possible
	PhoneCountry    string    // ISO 3166-1 alpha-2, for a number without prefix
	PhoneVerifiedAt time.Time
}

func (r *SessionRequest) prepare(c *Client, op *Op) error {
	op.User = r.User
	if r.Reconnect != nil {
		op.Reconnect = true
		op.Connection, op.Institution = r.Reconnect.ID, r.Reconnect.Institution.ID
	}
	if err := r.check(); err != nil {
		return err
	}
	r.WebhookURL = strings.ReplaceAll(r.WebhookURL, "{client}", url.PathEscape(c.name))
	if r.Reconnect == nil {
		return nil
	}
	if err := c.accept(r.Reconnect, op); err != nil {
		return err
	}
	if r.Reconnect.User != r.User {
		return invalid("SessionRequest.Reconnect", "is a connection of another user")
	}
	return nil
}

// check refuses what no provider could take, so that a request is valid for all or none.
func (r *SessionRequest) check() error {
	if r.User == "" {
		return invalid("SessionRequest.User", "is empty")
	}
	if !printable(r.User) {
		return invalid("SessionRequest.User", "is not UTF-8, or has control characters")
	}
	if err := checkCountry("SessionRequest.Country", r.Country); err != nil {
		return err
	}
	if err := checkCountry("SessionRequest.Contact.PhoneCountry", r.Contact.PhoneCountry); err != nil {
		return err
	}
	switch {
	case r.Lifetime < 0:
		return invalid("SessionRequest.Lifetime", "is negative")
	case r.AccessDays < 0:
		return invalid("SessionRequest.AccessDays", "is negative")
	case r.HistoryDays < 0:
		return invalid("SessionRequest.HistoryDays", "is negative")
	case !languageTag(r.Language):
		return invalid("SessionRequest.Language", quote(r.Language)+" is not a language tag of BCP 47")
	}
	if r.RedirectURI != "" {
		u, err := url.Parse(r.RedirectURI)
		switch {
		case err != nil || u.Scheme == "":
			return invalid("SessionRequest.RedirectURI", "is not an absolute URI")
		case u.RawQuery != "" || u.ForceQuery:
			return invalid("SessionRequest.RedirectURI", "has a query, which providers refuse")
		case u.Fragment != "" || u.User != nil:
			return invalid("SessionRequest.RedirectURI", "has a fragment or user name")
		}
	}
	if r.WebhookURL != "" {
		u, err := url.Parse(r.WebhookURL)
		if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
			return invalid("SessionRequest.WebhookURL", "is not an http or https URL")
		}
	}
	for i, p := range r.Products {
		if p.Product == "" {
			return invalid("SessionRequest.Products", "has an empty product")
		}
		for _, q := range r.Products[:i] {
			if p.Product == q.Product {
				return invalid("SessionRequest.Products", "names "+quote(string(p.Product))+" twice")
			}
		}
	}
	return nil
}

// printable reports whether text comes back from JSON as it went.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// languageTag reports whether a text has the form of a language tag: a language of two or three
// letters, then parts of letters and digits.
func languageTag(tag string) bool {
	if tag == "" {
		return true
	}
	for i, part := range strings.Split(tag, "-") {
		letters := !strings.ContainsFunc(part, func(r rune) bool { return !('a' <= r|0x20 && r|0x20 <= 'z') })
		if i == 0 && (!letters || len(part) < 2 || len(part) > 3) {
			return false
		}
		word := !strings.ContainsFunc(
			part,
			func(r rune) bool { return !('a' <= r|0x20 && r|0x20 <= 'z') && !('0' <= r && r <= '9') },
		)
		if !word || part == "" || len(part) > 8 {
			return false
		}
	}
	return true
}

func checkCountry(field, code string) error {
	switch {
	case code == "":
		return nil
	case code == "UK":
		return invalid(field, "is UK; the ISO 3166-1 code is GB")
	case len(code) != 2 || code[0] < 'A' || code[0] > 'Z' || code[1] < 'A' || code[1] > 'Z':
		return invalid(field, quote(code)+" is not two capital letters of ISO 3166-1")
	}
	return nil
}

// Session is one run of the linking flow, waiting for the front end. [Session.Seal] is the way to
// your database or to the user's cookie, and [OpenSession] the way back. Give only Launch to the
// browser.
//
// Plain JSON is for debugging and is not safe to take back: it is not signed, and an edited
// ConnectionID names the row of another user. It also leaves out Launch and the credential of
// Reconnect, so a reconnect cannot be finished with it.
type Session struct {
	ID string `json:"id"` // 128 bits that cannot be guessed
	// ConnectionID is what the connection will be called, on a reconnect what it is called already.
	// Where the provider ties no login to a session (Dapi), it is the root of the id: see
	// [Session.ConnectionOf].
	ConnectionID string      `json:"connection_id"`
	User         string      `json:"user"`
	Client       string      `json:"client"` // registered name of the client that made it
	Provider     string      `json:"provider"`
	Environment  Environment `json:"environment,omitempty"`
	Country      string      `json:"country,omitempty"`
	Products     []Product   `json:"products,omitempty"` // what was asked for
	// what the browser gets; plain JSON leaves it out, Seal keeps it
	Launch Launch `json:"-"`
	// State is what the adapter keeps for the exchange and the browser must not see, such as a PKCE
	// verifier or the id of a consent. Plain JSON leaves it out, Seal keeps it.
	State Secret `json:"-"`
	// what is being renewed; plain JSON loses its credential, Seal keeps it
	Reconnect *Connection `json:"reconnect,omitempty"`
	CreatedAt time.Time   `json:"created_at"`
	ExpiresAt time.Time   `json:"expires_at"`
}

// NewSession starts a session for an adapter to complete: ids, user, times. The adapter adds
// Launch; the client adds its own name. ID is random. Where webhooks name the flow only by an id or
// token of the provider's, set ID to a digest of that, so that [Event.Session] can say it.
func NewSession(req SessionRequest) Session {
	lifetime := req.Lifetime
	if lifetime == 0 {
		lifetime = DefaultSessionLifetime
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	s := Session{
		ID: newID(), ConnectionID: newID(), User: req.User, Country: req.Country,
		CreatedAt: now, ExpiresAt: now.Add(lifetime),
		Launch: Launch{Mode: ModeLink},
	}
	for _, p := range req.Products {
		s.Products = append(s.Products, p.Product)
	}
	if req.Reconnect != nil {
		conn := *req.Reconnect
		s.Reconnect, s.ConnectionID = &conn, conn.ID
		s.Launch.Mode = ModeRelink
	}
	return s
}

// ConnectionOf returns the id of the connection that a login makes, for adapters whose provider
// ties no login to a session: a user may link two banks from one session there. reference is the
// provider's id of the login. The same login has the same id in any process, and two logins have
// two. A reconnect keeps the id that the connection has.
func (s Session) ConnectionOf(reference string) string {
	if s.Reconnect != nil {
		return s.ConnectionID
	}
	return s.further(reference)
}

// further is the id of a connection that is not the session's first.
func (s *Session) further(reference string) string {
	var short [256]byte
	sum := digest(appendParts(short[:0], "connection", s.ConnectionID, reference))
	return string(sum[:idLen])
}

// idLen is the length of an id.
const idLen = 26

// newID draws 128 random bits as 26 letters and digits.
func newID() string { return rand.Text() }

// Launch is all the front end needs to open the provider's Connect. It holds no credential of the
// application or of a connection. Its JSON is for the browser and has the token; printing and
// logging it show no token.
type Launch struct {
	Provider    string      `json:"provider"`
	Mode        Mode        `json:"mode"`
	Environment Environment `json:"environment,omitempty"`
	Token       LaunchToken `json:"token,omitzero"` // good for this one session (MoneyKit's link session token)
	// the provider's page to send the browser to, where the flow is hosted or redirects
	URL         LaunchToken `json:"url,omitzero"`
	AppKey      string      `json:"app_key,omitempty"`     // public id of the application (Dapi)
	Countries   []string    `json:"countries,omitempty"`   // whose banks to offer
	Institution string      `json:"institution,omitempty"` // the provider's id of the bank to go straight to
	ScriptURL   string      `json:"script_url,omitempty"`  // what the page loads
	// Parameters holds whatever else a provider's front end wants.
	Parameters map[string]string `json:"parameters,omitempty"`
}

// LogValue returns the launch without its token and parameters.
func (l Launch) LogValue() slog.Value {
	return slog.GroupValue(slog.String("provider", l.Provider), slog.String("mode", string(l.Mode)),
		slog.String("environment", string(l.Environment)), slog.String("institution", l.Institution))
}

// LaunchToken opens the provider's Connect for one session. Only its JSON shows it, which is for
// the browser of the session's user; printing and logging show a placeholder. The zero value is
// none.
type LaunchToken struct{ text Secret }

// NewLaunchToken keeps a token, for an adapter.
func NewLaunchToken(text string) LaunchToken { return LaunchToken{NewSecret(text)} }

// Reveal returns the token's text.
func (t LaunchToken) Reveal() string { return t.text.Reveal() }

// IsZero reports whether there is no token.
func (t LaunchToken) IsZero() bool { return t.text.IsZero() }

// String returns a placeholder.
func (t LaunchToken) String() string { return redacted }

// Format writes a placeholder, whatever the verb.
func (t LaunchToken) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a placeholder.
func (t LaunchToken) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON writes the token as a string, for the browser.
func (t LaunchToken) MarshalJSON() ([]byte, error) { return json.Marshal(t.Reveal()) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (t *LaunchToken) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return errors.New("bankmux: a launch token is not a string")
	}
	t.text = NewSecret(text)
	return nil
}

// Mode says which entry of the provider's Connect to open.
type Mode string

// The modes.
const (
	ModeLink   Mode = "link"
	ModeRelink Mode = "relink"
)
