package bankmux

// This file describes the request for a session.

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// SessionRequest asks for one run of the linking flow. User is required, the rest is optional.
type SessionRequest struct {
	// User is the application's id of its user. It is UTF-8 text of any length, is not empty and
	// has no control characters. Do not use an e-mail address. If a provider takes fewer ids, its
	// adapter sends a digest instead.
	User    string
	Contact Contact

	Country      string         // where the bank is, ISO 3166-1 alpha-2 ("GB", not "UK"); decides the route
	Institution  InstitutionRef // the bank, so that the user need not choose it, if the provider can
	Products     []ProductRequest
	Capabilities []Capability // what the application will need later; decides the route

	RedirectURI string // where a bank's own login page returns to: absolute, no query, no fragment
	Language    string // of the provider's pages, BCP 47 ("en", "ar-AE"); a provider without it ignores it
	// WebhookURL is where the provider announces changes. The client replaces "{client}" in it with
	// its name. On a reconnect "" keeps the current URL.
	WebhookURL string
	Tags       []string // labels kept at the provider; on a reconnect nil keeps the current ones

	// Reconnect is the connection to renew or extend. nil makes a new one. Use such a session for
	// one login, because the connection of every login gets the id of Reconnect.
	Reconnect *Connection
	Lifetime  time.Duration // 0 means [DefaultSessionLifetime]

	// AccessDays is how many days the permission should last. HistoryDays is how many days of past
	// transactions it should include. 0 leaves the choice to the provider. The provider may allow
	// less, and a provider without such a setting ignores it. [Connection.Consent] says how long
	// the permission lasts.
	AccessDays  int
	HistoryDays int

	Options []SessionOption // provider-specific settings; each adapter takes its own
}

// Contact has what some providers show or check during linking. All of it is optional personal
// data.
type Contact struct {
	Email           string
	EmailVerifiedAt time.Time // when the application verified it, zero if it did not
	Phone           string    // E.164 if possible
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

// check rejects what no provider could take. So a request is valid for all providers or for none.
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
	if err := r.checkURLs(); err != nil {
		return err
	}
	for _, provider := range slices.Sorted(maps.Keys(r.Institution)) {
		if r.Institution[provider] == "" {
			return invalid("SessionRequest.Institution", "has an empty id for "+quote(provider))
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

// checkURLs checks the addresses of the application.
func (r *SessionRequest) checkURLs() error {
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
	return nil
}

// printable reports whether text is UTF-8 without control characters, which JSON does not change.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// languageTag reports whether a text is empty or has the form of a language tag. That is a language
// of two or three letters, then parts of letters and digits.
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
