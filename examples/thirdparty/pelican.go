// Package thirdparty is an adapter for an invented provider, Pelican, written the way a module
// outside bankmux would write it: on the exported API, without anything internal. It is the template
// of CONTRIBUTING.md's "Write an adapter".
package thirdparty

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/normalize"
)

// Name is the adapter's name.
const Name = "pelican"

// catalogue says what Pelican's codes mean.
var catalogue = normalize.NewCatalogue(
	normalize.Row{Code: "bad_key", Kind: bankmux.ErrCredentials, Detail: "the key is refused"},
	normalize.Row{Code: "code_used", Kind: bankmux.ErrTokenSpent, Detail: "the code was used or is wrong"},
)

// Config configures the adapter. All fields but HTTPClient and Guard are required.
type Config struct {
	Key        bankmux.Secret
	BaseURL    string
	HTTPClient *http.Client // copied; nil means one of its own
	Guard      *guard.Guard // nil means one with the defaults
}

// New returns the guarded client. The error is [bankmux.ErrInvalid].
func New(cfg Config) (*bankmux.Client, error) {
	urlFault := rest.CheckURL(cfg.BaseURL)
	switch {
	case !normalize.Token(cfg.Key.Reveal()):
		return nil, refuse("Key", "is empty or cannot be sent in a header")
	case urlFault != "":
		return nil, refuse("BaseURL", urlFault)
	}
	a := &adapter{key: cfg.Key, api: rest.New(rest.Config{BaseURL: cfg.BaseURL, HTTPClient: cfg.HTTPClient})}
	g := cmp.Or(cfg.Guard, guard.New(guard.Options{}))
	return bankmux.NewClient(Name, a, g.Interceptors()...), nil
}

func refuse(field, detail string) error {
	return &bankmux.Error{Kind: bankmux.ErrInvalid, Provider: Name, Field: "pelican.Config." + field, Detail: detail, NotSent: true}
}

type adapter struct {
	key bankmux.Secret
	api *rest.Client
}

// Describe names the adapter.
func (a *adapter) Describe() bankmux.Description {
	return bankmux.Description{Provider: Name, Environment: bankmux.Sandbox}
}

// CreateSession opens a flow at Pelican.
func (a *adapter) CreateSession(ctx context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	s := bankmux.NewSession(req)
	s.Launch.Provider = Name
	var answer struct {
		Flow string `json:"flow"`
	}
	res, err := a.post(ctx, "/flows", map[string]string{"user": req.User, "state": s.ID}, &answer)
	switch {
	case err != nil:
		return bankmux.Session{}, err
	case answer.Flow == "":
		return bankmux.Session{}, res.Lacks("flow")
	}
	s.Launch.Token = bankmux.NewLaunchToken(answer.Flow)
	return s, nil
}

// ExchangeToken redeems the code, for Pelican names the session it was made for.
func (a *adapter) ExchangeToken(ctx context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	fields, err := req.Fields()
	if err != nil {
		return bankmux.ExchangeResult{}, err
	}
	code, err := fields.Text("code")
	if err != nil {
		return bankmux.ExchangeResult{}, err
	}
	var answer struct {
		Grant string `json:"grant"`
		Bank  string `json:"bank"`
		State string `json:"state"`
	}
	res, err := a.post(ctx, "/redeem", map[string]string{"code": code}, &answer)
	switch {
	case err != nil:
		return bankmux.ExchangeResult{}, err
	case answer.Grant == "":
		return bankmux.ExchangeResult{}, res.Lacks("grant")
	case answer.State != req.Session.ID:
		return bankmux.ExchangeResult{}, &bankmux.Error{Kind: bankmux.ErrInvalid, Field: "ExchangeRequest.Payload", Detail: "the code is of another session"}
	}
	conn := bankmux.NewConnection(req.Session, "pelican-"+req.Session.ConnectionID, bankmux.NewSecret(answer.Grant))
	conn.Institution = bankmux.Institution{ID: answer.Bank}
	conn.Status = bankmux.Status{State: bankmux.StateActive, At: time.Now().UTC().Truncate(time.Millisecond)}
	return bankmux.ExchangeResult{Connection: conn}, nil
}

// post sends one request and reads the answer.
func (a *adapter) post(ctx context.Context, path string, in, out any) (*rest.Response, error) {
	res, err := a.api.Do(ctx, rest.Request{Method: http.MethodPost, Path: path, Bearer: a.key.Reveal(), JSON: in})
	if err != nil {
		return nil, err
	}
	if res.Status != http.StatusOK {
		var failed struct {
			Code string `json:"code"`
		}
		_ = res.Decode(&failed) // without a code, the status decides
		return nil, catalogue.Error(normalize.Failure{Endpoint: res.Endpoint(), Code: failed.Code, Status: res.Status, RetryAfter: res.RetryAfter})
	}
	return res, res.Decode(out)
}
