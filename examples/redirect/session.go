package redirect

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/rotation"
)

// flow is what a session keeps for its exchange, in [bankmux.Session.State].
type flow struct {
	Consent  string `json:"consent"`  // the provider's id
	State    string `json:"state"`    // comes back with the user, and ties the browser to the session
	Verifier string `json:"verifier"` // of RFC 7636: who has it may read the tokens
}

// CreateSession asks for a consent at the user's bank and returns the page to send the browser to.
func (a *adapter) CreateSession(ctx context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	bank := req.Institution[Name]
	if bank == "" || req.RedirectURI == "" {
		return bankmux.Session{}, invalid("SessionRequest", "lacks Institution, which is chosen first, or RedirectURI")
	}
	f := flow{State: rand.Text(), Verifier: rand.Text() + rand.Text()} // a verifier has 43 characters or more
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
	var out consentAnswer
	res, err := a.send(ctx, http.MethodPost, "/consents", "", rest.Request{JSON: in}, &out)
	switch {
	case err != nil:
		return bankmux.Session{}, err
	case out.ID == "" || !strings.HasPrefix(out.URL, "https://"):
		return bankmux.Session{}, res.Lacks("the consent or the bank's page")
	}
	f.Consent = out.ID
	kept, err := json.Marshal(f)
	s.State = bankmux.NewSecret(kept)
	s.Launch.Provider, s.Launch.Institution = Name, bank
	s.Launch.URL = bankmux.NewLaunchToken(out.URL)
	return s, err
}

// resume returns what the session kept. A payload may be missing, but not be of another session.
func resume(req bankmux.ExchangeRequest) (f flow, err error) {
	if json.Unmarshal([]byte(req.Session.State.Reveal()), &f) != nil || f.Consent == "" {
		return f, invalid("ExchangeRequest.Session", "lacks the state that CreateSession put there")
	}
	fields, err := req.Fields()
	if err != nil || req.Payload.IsZero() {
		return f, err
	}
	state, err := fields.Text("state")
	if err == nil && subtle.ConstantTimeCompare([]byte(state), []byte(f.State)) != 1 {
		err = &bankmux.Error{Kind: bankmux.ErrInvalid, Code: bankmux.CodeOtherSession, NotSent: true}
	}
	return f, err
}

// ExchangeToken reads what the user authorised: a grant for each bank, the renewed one first.
func (a *adapter) ExchangeToken(ctx context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	var res bankmux.ExchangeResult
	old := req.Session.Reconnect
	f, err := resume(req)
	if err != nil {
		return res, err
	}
	var out consentAnswer
	header := http.Header{"Osprey-Verifier": {f.Verifier}}
	got, err := a.send(ctx, http.MethodGet, "/consents/{id}", f.Consent, rest.Request{Header: header}, &out)
	switch {
	case err != nil:
		return res, err
	case out.State != f.State || len(out.Grants) == 0:
		return res, got.Lacks("the session's state or the grants")
	case old != nil && out.Grants[0] != old.Reference():
		return res, got.Lacks("the grant that is renewed")
	}
	for i, id := range out.Grants {
		grant, err := a.grant(ctx, id, header)
		if err != nil {
			return bankmux.ExchangeResult{}, err
		}
		if i == 0 {
			res.Connection = grant.update(bankmux.NewConnection(req.Session, id, grant.credential))
			continue
		}
		res.More = append(res.More, grant.update(bankmux.NewFurtherConnection(req.Session, id, grant.credential)))
	}
	if old != nil && res.Connection.Status.State == bankmux.StateReauth {
		return bankmux.ExchangeResult{}, &bankmux.Error{Kind: bankmux.ErrReauth, Detail: "the consent lapsed again"}
	}
	return res, nil
}

// renew sends one renewal of a user's tokens, for [rotation.Config].
func (a *adapter) renew(ctx context.Context, conn bankmux.Connection, old rotation.Grant) (rotation.Grant, error) {
	var out tokens
	in := rest.Request{JSON: map[string]string{"refresh": old.Refresh.Reveal()}}
	_, err := a.send(ctx, http.MethodPost, "/grants/{id}/tokens", conn.Reference(), in, &out)
	return out.grant(), err
}
