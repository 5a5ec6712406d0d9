package redirect

// This file makes sessions.

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/normalize"
)

// flow is what a session keeps for its exchange, in [bankmux.Session.State].
type flow struct {
	Consent  string `json:"consent"`  // the provider's id
	State    string `json:"state"`    // returns with the user, and ties the browser to the session
	Verifier string `json:"verifier"` // of RFC 7636: its holder may read the tokens
}

// CreateSession asks for a consent at the user's bank. It returns the page for the browser.
func (a *adapter) CreateSession(ctx context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	bank := req.Institution[Name]
	if bank == "" || req.RedirectURI == "" {
		return bankmux.Session{}, normalize.Invalid("SessionRequest", "lacks Institution or RedirectURI")
	}
	// A verifier has at least 43 characters.
	f := flow{State: rand.Text(), Verifier: rand.Text() + rand.Text()}
	challenge := sha256.Sum256([]byte(f.Verifier))
	s := bankmux.NewSession(req)
	in := consentRequest{
		Bank: bank, Country: req.Country, Redirect: req.RedirectURI, Webhook: req.WebhookURL, Language: req.Language,
		AccessDays: req.AccessDays, HistoryDays: req.HistoryDays, Products: s.Products,
		User: req.User, Tag: s.ID, State: f.State, Challenge: base64.RawURLEncoding.EncodeToString(challenge[:]),
	}
	if req.Reconnect != nil {
		in.Renews = req.Reconnect.Reference()
	}
	out, err := openConsent.fetch(ctx, a, rest.Request{JSON: in})
	switch {
	case err != nil:
		return bankmux.Session{}, err
	case !strings.HasPrefix(out.URL, "https://"):
		return bankmux.Session{}, unexpected("a page without TLS")
	}
	f.Consent = out.ID
	kept, err := json.Marshal(f)
	s.State = bankmux.NewSecret(kept)
	s.Launch.Provider, s.Launch.Institution = Name, bank
	s.Launch.URL = bankmux.NewLaunchToken(out.URL)
	return s, err
}
