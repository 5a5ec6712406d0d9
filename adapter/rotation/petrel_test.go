package rotation_test

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/rotation"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/normalize"
	"github.com/bankmux/bankmux/providertest"
)

// petrel is an adapter for an invented provider whose access tokens last an hour, and whose refresh
// tokens are spent by use.
type petrel struct {
	rest   *rest.Client
	key    bankmux.Secret
	tokens *rotation.Tokens
}

var petrelCodes = normalize.NewCatalogue(
	normalize.Row{Code: "bad_key", Kind: bankmux.ErrCredentials, Detail: "the key is refused"},
	normalize.Row{Code: "code_used", Kind: bankmux.ErrTokenSpent, Detail: "the code was used or is wrong"},
	normalize.Row{Code: "token_expired", Kind: bankmux.ErrReauth, Detail: "the access token has ended"},
	normalize.Row{Code: "invalid_grant", Kind: bankmux.ErrReauth, Detail: "the refresh token is spent or has ended"},
	normalize.Row{Code: "consent_deleted", Kind: bankmux.ErrGone, Detail: "the consent was deleted"},
)

// newPetrel returns the guarded client.
func newPetrel(env providertest.Env, key string, repeatable bool) (*bankmux.Client, error) {
	a := &petrel{
		rest: rest.New(rest.Config{
			BaseURL: env.BaseURL, HTTPClient: env.HTTPClient, Drift: rest.Drift{Guard: env.Guard, Client: "petrel"},
		}),
		key: bankmux.NewSecret(key),
	}
	tokens, err := rotation.New(rotation.Config{
		Keeper: env.Keeper, Environment: bankmux.Sandbox, Refresh: a.refresh, Repeatable: repeatable,
		Expired: func(e *bankmux.Error) bool { return e.Code == "token_expired" },
	})
	if err != nil {
		return nil, err
	}
	a.tokens = tokens
	return bankmux.NewClient("petrel", a, env.Guard.Interceptors(func(*guard.Options) {})...), nil
}

func (a *petrel) Describe() bankmux.Description {
	return bankmux.Description{Provider: "petrel", Environment: bankmux.Sandbox}
}

func (a *petrel) CreateSession(ctx context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	s := bankmux.NewSession(req)
	s.Launch.Provider = "petrel"
	in := map[string]string{"state": s.ID}
	if req.Reconnect != nil {
		in["consent"] = req.Reconnect.Reference()
	}
	var out struct {
		Flow string `json:"flow"`
	}
	if err := a.do(ctx, a.post("/flows", in), &out); err != nil {
		return bankmux.Session{}, err
	}
	if out.Flow == "" {
		return bankmux.Session{}, &bankmux.Error{Kind: bankmux.ErrMalformed, Detail: "the response lacks the flow"}
	}
	s.Launch.Token = bankmux.NewLaunchToken(out.Flow)
	return s, nil
}

// petrelGrant is the response to an exchange and to a renewal.
type petrelGrant struct {
	Access  string `json:"access"`
	Refresh string `json:"refresh"`
	Seconds int    `json:"expires_in"`
	Consent string `json:"consent"`
	State   string `json:"state"`
}

func (g petrelGrant) grant() rotation.Grant {
	return rotation.Grant{
		Access: bankmux.NewSecret(g.Access), Refresh: bankmux.NewSecret(g.Refresh),
		Lifetime: time.Duration(g.Seconds) * time.Second,
	}
}

func (a *petrel) ExchangeToken(ctx context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	fields, err := req.Fields()
	if err != nil {
		return bankmux.ExchangeResult{}, err
	}
	code, err := fields.Text("code")
	if err != nil {
		return bankmux.ExchangeResult{}, err
	}
	var out petrelGrant
	if err := a.do(ctx, a.post("/exchange", map[string]string{"code": code}), &out); err != nil {
		return bankmux.ExchangeResult{}, err
	}
	switch {
	case out.Consent == "":
		return bankmux.ExchangeResult{}, &bankmux.Error{
			Kind:   bankmux.ErrMalformed,
			Detail: "the response lacks the consent",
		}
	case out.State != req.Session.ID:
		return bankmux.ExchangeResult{}, &bankmux.Error{
			Kind: bankmux.ErrInvalid, Field: "ExchangeRequest.Payload", Detail: "is of another session",
		}
	}
	credential, err := a.tokens.Credential(out.grant())
	if err != nil {
		return bankmux.ExchangeResult{}, err
	}
	conn := bankmux.NewConnection(req.Session, out.Consent, credential)
	conn.Institution = bankmux.Institution{ID: "nest"}
	conn.Status = bankmux.Status{State: bankmux.StateActive, At: conn.UpdatedAt}
	return bankmux.ExchangeResult{Connection: conn}, nil
}

// refresh is a renewal for [rotation.Config].
func (a *petrel) refresh(ctx context.Context, _ bankmux.Connection, old rotation.Grant) (rotation.Grant, error) {
	var out petrelGrant
	err := a.do(ctx, a.post("/refresh", map[string]string{"refresh": old.Refresh.Reveal()}), &out)
	return out.grant(), err
}

func (a *petrel) ConnectionStatus(ctx context.Context, req bankmux.StatusRequest) (bankmux.StatusResult, error) {
	conn := req.Connection
	err := a.consent(ctx, http.MethodGet, &conn)
	if err != nil && !errors.Is(err, bankmux.ErrReauth) && !errors.Is(err, bankmux.ErrGone) {
		return bankmux.StatusResult{}, err
	}
	conn.Status = conn.Status.After(err)
	return bankmux.StatusResult{Connection: conn}, nil
}

func (a *petrel) Disconnect(ctx context.Context, req bankmux.DisconnectRequest) (bankmux.DisconnectResult, error) {
	conn := req.Connection
	err := a.consent(ctx, http.MethodDelete, &conn)
	if err != nil && !errors.Is(err, bankmux.ErrGone) {
		return bankmux.DisconnectResult{}, err
	}
	conn.Status = bankmux.Status{State: bankmux.StateGone, At: bankmux.Moment(time.Now())}
	return bankmux.DisconnectResult{Connection: conn}, nil
}

// consent reads or deletes what the user agreed to.
func (a *petrel) consent(ctx context.Context, method string, conn *bankmux.Connection) error {
	return a.tokens.Do(ctx, conn, func(ctx context.Context, access bankmux.Secret) error {
		var out struct {
			State string `json:"state"`
		}
		err := a.do(ctx, rest.Request{Method: method, Path: "/consent", Bearer: access.Reveal()}, &out)
		if err == nil && out.State == "" {
			return &bankmux.Error{Kind: bankmux.ErrMalformed, Detail: "the response lacks the state"}
		}
		return err
	})
}

// post is a request with the application's key.
func (a *petrel) post(path string, in any) rest.Request {
	return rest.Request{Method: http.MethodPost, Path: path, Bearer: a.key.Reveal(), JSON: in}
}

// do sends one request.
func (a *petrel) do(ctx context.Context, req rest.Request, out any) error {
	res, err := a.rest.Do(ctx, req)
	if err != nil {
		return err
	}
	if res.Status == http.StatusOK {
		return res.Decode(out)
	}
	var failed struct {
		Code string `json:"code"`
	}
	_ = res.Decode(&failed) // where it is not the provider's own, the status decides
	return petrelCodes.Error(normalize.Failure{
		Endpoint: res.Endpoint(), Code: failed.Code, Status: res.Status, RetryAfter: res.RetryAfter,
	})
}

var (
	_ bankmux.Provider     = (*petrel)(nil)
	_ bankmux.StatusReader = (*petrel)(nil)
	_ bankmux.Disconnector = (*petrel)(nil)
)
