package redirect

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/rotation"
	"github.com/bankmux/bankmux/normalize"
)

// flow is what a session keeps for its exchange, in [bankmux.Session.State].
type flow struct {
	Consent  string `json:"consent"`  // the provider's id
	State    string `json:"state"`    // comes back with the user, and ties the browser to the session
	Verifier string `json:"verifier"` // of RFC 7636: who has it may read the consent's tokens
}

// CreateSession asks for a consent at the user's bank and returns the page to send the browser to.
func (a *adapter) CreateSession(ctx context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	bank := req.Institution[Name]
	switch {
	case bank == "":
		return bankmux.Session{}, invalid("SessionRequest.Institution", "names no bank of osprey, and the bank is chosen first")
	case req.RedirectURI == "":
		return bankmux.Session{}, invalid("SessionRequest.RedirectURI", "is empty, and the bank sends the browser there")
	}
	f := flow{State: rand.Text(), Verifier: rand.Text() + rand.Text()} // a verifier has 43 characters at least
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
	if err != nil {
		return bankmux.Session{}, err
	}
	s.State = bankmux.NewSecret(kept)
	s.Launch.Provider, s.Launch.Institution = Name, bank
	s.Launch.URL = bankmux.NewLaunchToken(out.URL)
	return s, nil
}

// resume returns what the session kept. The payload may be empty, for the session knows its
// consent; one that is there must be of this session's browser.
func resume(req bankmux.ExchangeRequest) (f flow, err error) {
	if json.Unmarshal([]byte(req.Session.State.Reveal()), &f) != nil || f.Consent == "" || f.Verifier == "" {
		return f, invalid("ExchangeRequest.Session", "lacks the state that CreateSession put there")
	}
	if req.Payload.IsZero() {
		return f, nil
	}
	fields, err := req.Fields()
	if err != nil {
		return f, err
	}
	state, err := fields.Text("state")
	if err != nil {
		return f, err
	}
	if subtle.ConstantTimeCompare([]byte(state), []byte(f.State)) != 1 {
		other := invalid("ExchangeRequest.Payload", "is of another session")
		other.Code = bankmux.CodeOtherSession
		return f, other
	}
	return f, nil
}

// ExchangeToken reads what the user authorised: one grant for each bank.
func (a *adapter) ExchangeToken(ctx context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	var none bankmux.ExchangeResult
	f, err := resume(req)
	if err != nil {
		return none, err
	}
	var out consentAnswer
	res, err := a.send(ctx, http.MethodGet, "/consents/{id}", f.Consent, rest.Request{Header: proof(f.Verifier)}, &out)
	switch {
	case err != nil:
		return none, err
	case out.Status == "refused":
		return none, &bankmux.Error{Kind: bankmux.ErrUserAction, Code: bankmux.CodeCancelled, Detail: "the user refused the consent"}
	case out.Status == "open":
		return none, &bankmux.Error{Kind: bankmux.ErrUserAction, Code: out.Status, Detail: "the user has not finished at the bank"}
	case out.Status == "" || out.State != f.State || len(out.Grants) == 0:
		return none, res.Lacks("the session's state, or what the user granted")
	}
	if old := req.Session.Reconnect; old != nil {
		i := slices.Index(out.Grants, old.Reference())
		if i < 0 {
			return none, invalid("ExchangeRequest.Session", "renews a grant that the user did not renew")
		}
		out.Grants[0], out.Grants[i] = out.Grants[i], out.Grants[0]
	}
	return a.connections(ctx, req.Session, out.Grants, f.Verifier)
}

// connections reads the grants of a consent. The first is the session's connection.
func (a *adapter) connections(ctx context.Context, s bankmux.Session, grants []string, verifier string) (all bankmux.ExchangeResult, err error) {
	for i, id := range grants {
		got, err := a.grant(ctx, id, verifier)
		if err != nil {
			return bankmux.ExchangeResult{}, err
		}
		credential, err := a.tokens.Credential(got.Tokens.grant())
		if err != nil {
			return bankmux.ExchangeResult{}, err
		}
		if i > 0 {
			more := bankmux.NewFurtherConnection(s, id, credential)
			got.update(&more)
			all.More = append(all.More, more)
			continue
		}
		all.Connection = bankmux.NewConnection(s, id, credential)
		got.update(&all.Connection)
		if state := all.Connection.Status.State; s.Reconnect != nil && (state == bankmux.StateReauth || state == bankmux.StateGone) {
			return bankmux.ExchangeResult{}, &bankmux.Error{Kind: bankmux.ErrReauth, Code: normalize.CleanCode(got.Status), Detail: "the consent ended again"}
		}
	}
	return all, nil
}

// renew sends one renewal of a user's tokens, for [rotation.Config].
func (a *adapter) renew(ctx context.Context, conn bankmux.Connection, old rotation.Grant) (rotation.Grant, error) {
	var out tokens
	in := rest.Request{JSON: map[string]string{"refresh": old.Refresh.Reveal()}}
	_, err := a.send(ctx, http.MethodPost, "/grants/{id}/tokens", conn.Reference(), in, &out)
	return out.grant(), err
}
