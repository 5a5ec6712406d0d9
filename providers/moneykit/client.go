package moneykit

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/token"
	"github.com/bankmux/bankmux/normalize"
)

// version pins the wire format; the only value MoneyKit ever published, sent by both of its SDKs.
const version = "2023-02-18"

// versionHeader is in every request. It must not be changed.
var versionHeader = http.Header{"Moneykit-Version": {version}}

// longestToken is far longer than a token is kept.
const longestToken = 1000 * time.Hour

// tokenBudget bounds a token request, whoever waits for it.
const tokenBudget = 15 * time.Second

// api speaks HTTP: a method an endpoint.
type api struct {
	rest   *rest.Client
	id     string
	secret bankmux.Secret
	scope  string
	auth   Auth
	tokens *token.Source
}

func newAPI(cfg Config) *api {
	a := &api{
		rest: rest.New(rest.Config{BaseURL: cfg.BaseURL, HTTPClient: cfg.HTTPClient, BodyLimit: cfg.BodyLimit}),
		id:   cfg.ClientID, secret: cfg.ClientSecret, scope: cfg.Scope, auth: cfg.Auth,
	}
	a.tokens = token.NewSource(tokenBudget, a.token)
	return a
}

// token is POST /auth/token.
func (a *api) token(ctx context.Context) (token.Token, error) {
	form := url.Values{
		"grant_type": {"client_credentials"},
		"client_id":  {a.id}, "client_secret": {a.secret.Reveal()},
	}
	if a.scope != "" {
		form.Set("scope", a.scope)
	}
	res, err := a.rest.Do(ctx, rest.Request{
		Method: http.MethodPost, Path: "/auth/token", Form: form,
		Header: versionHeader,
	})
	if err != nil {
		return token.Token{}, err
	}
	var answer tokenAnswer
	switch err := read(res, &answer); {
	case err != nil:
		return token.Token{}, err
	case !normalize.Token(answer.AccessToken):
		return token.Token{}, res.Lacks("an access_token that can be sent in a header")
	}
	return token.Token{
		Value:    bankmux.NewSecret(answer.AccessToken),
		Lifetime: answer.ExpiresIn.Within(0, longestToken),
	}, nil
}

// createLinkSession is POST /link-session.
func (a *api) createLinkSession(ctx context.Context, body createLinkSession) (string, error) {
	var answer linkSessionAnswer
	res, err := a.do(ctx, rest.Request{Method: http.MethodPost, Path: "/link-session", JSON: body}, &answer)
	if err != nil {
		return "", err
	}
	if !normalize.Token(answer.LinkSessionToken) {
		return "", res.Lacks("a link_session_token of visible characters")
	}
	return answer.LinkSessionToken, nil
}

// exchangeToken is POST /link-session/exchange-token.
func (a *api) exchangeToken(ctx context.Context, token string) (linkData, error) {
	var answer exchangeAnswer
	res, err := a.do(ctx, rest.Request{
		Method: http.MethodPost, Path: "/link-session/exchange-token",
		JSON: exchangeBody{token},
	}, &answer)
	if err != nil {
		return linkData{}, err
	}
	if answer.Link == nil {
		return linkData{}, res.Lacks("link")
	}
	if answer.Link.LinkID == "" {
		answer.Link.LinkID = answer.LinkID
	}
	if answer.Link.LinkID == "" {
		return linkData{}, res.Lacks("link.link_id")
	}
	return *answer.Link, nil
}

// link is GET /links/{id}.
func (a *api) link(ctx context.Context, id string) (linkData, error) {
	var answer linkData
	res, err := a.do(
		ctx,
		rest.Request{Method: http.MethodGet, Path: "/links/{id}", PathParams: map[string]string{"id": id}},
		&answer,
	)
	if err != nil {
		return linkData{}, err
	}
	if answer.LinkID == "" || answer.State == "" {
		return linkData{}, res.Lacks("link_id or state")
	}
	return answer, nil
}

// deleteLink is DELETE /links/{id}.
func (a *api) deleteLink(ctx context.Context, id string) error {
	_, err := a.do(
		ctx,
		rest.Request{Method: http.MethodDelete, Path: "/links/{id}", PathParams: map[string]string{"id": id}},
		nil,
	)
	return err
}

// userLinks is GET /users/{id}/links.
func (a *api) userLinks(ctx context.Context, user string) (map[string]linkData, error) {
	var answer userLinksAnswer
	res, err := a.do(
		ctx,
		rest.Request{
			Method:     http.MethodGet,
			Path:       "/users/{id}/links",
			PathParams: map[string]string{"id": CustomerID(user)},
		},
		&answer,
	)
	if err != nil {
		return nil, err
	}
	if answer.Links == nil {
		return nil, res.Lacks("links")
	}
	return answer.Links, nil
}

// introspect is GET /auth/introspect.
func (a *api) introspect(ctx context.Context) (string, error) {
	var answer introspectAnswer
	res, err := a.do(ctx, rest.Request{Method: http.MethodGet, Path: "/auth/introspect"}, &answer)
	switch {
	case err != nil:
		return "", err
	case answer.ClientID == "":
		return "", res.Lacks("client_id")
	case answer.App.Name != "":
		return answer.App.Name, nil
	}
	return answer.App.AppName, nil
}

// do sends one request with credentials and reads the answer into out, unless
// that is nil. A token that expired on the way is renewed and the request repeated once: it
// was refused, so even a one-shot was not executed. Any other 401 stands.
func (a *api) do(ctx context.Context, req rest.Request, out any) (*rest.Response, error) {
	req.Header = versionHeader
	for renewed := false; ; renewed = true {
		if err := a.authorize(ctx, &req); err != nil {
			return nil, err
		}
		res, err := a.rest.Do(ctx, req)
		if err != nil {
			return nil, err
		}
		err = read(res, out)
		if e, ok := errors.AsType[*bankmux.Error](
			err,
		); ok && e.Code == codeExpired && e.Status == http.StatusUnauthorized && a.auth == AuthBearer &&
			!renewed {
			a.tokens.Invalidate(bankmux.NewSecret(req.Bearer))
			continue
		}
		return res, err
	}
}

// authorize adds the credentials.
func (a *api) authorize(ctx context.Context, req *rest.Request) error {
	if a.auth == AuthHeaders {
		req.Header = http.Header{
			"Moneykit-Version": {version},
			"X-Client-Id":      {a.id},
			"X-Client-Secret":  {a.secret.Reveal()},
		}
		return nil
	}
	token, err := a.tokens.Token(ctx)
	req.Bearer = token.Reveal()
	return err
}

// jwks is GET /.well-known/jwks.json, the public keys of webhook signatures. It needs no token.
func (a *api) jwks(ctx context.Context) ([]json.RawMessage, error) {
	res, err := a.rest.Do(ctx, rest.Request{
		Method: http.MethodGet,
		Path:   "/.well-known/jwks.json",
		Header: http.Header{"Moneykit-Version": {version}, "X-Client-Id": {a.id}},
	})
	if err != nil {
		return nil, err
	}
	var answer struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := read(res, &answer); err != nil {
		return nil, err
	}
	if len(answer.Keys) == 0 {
		return nil, res.Lacks("keys")
	}
	return answer.Keys, nil
}
