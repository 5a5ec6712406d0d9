// Package thirdparty is an adapter for an invented provider, Pelican, written the way a
// module outside bankmux would write it: on the exported API and net/http, without anything
// internal. It is the template of CONTRIBUTING.md's "Write an adapter".
package thirdparty

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/bankmux/bankmux"
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
	HTTPClient *http.Client // its Transport is used; nil means the default one
	Guard      *guard.Guard // nil means one with the defaults
}

// New returns the guarded client. The error is [bankmux.ErrInvalid].
func New(cfg Config) (*bankmux.Client, error) {
	if cfg.Key.IsZero() || cfg.BaseURL == "" {
		return nil, &bankmux.Error{Kind: bankmux.ErrInvalid, Provider: Name, Field: "pelican.Config", Detail: "lacks Key or BaseURL", NotSent: true}
	}
	var transport http.RoundTripper // rather than the client: redirects and cookies are its alone
	if cfg.HTTPClient != nil {
		transport = cfg.HTTPClient.Transport
	}
	if transport == nil {
		transport = http.DefaultTransport
	}
	g := cmp.Or(cfg.Guard, guard.New(guard.Options{}))
	return bankmux.NewClient(Name, &adapter{key: cfg.Key, base: cfg.BaseURL, http: transport}, g.Interceptors()...), nil
}

type adapter struct {
	key  bankmux.Secret
	base string
	http http.RoundTripper
}

// Describe names the adapter.
func (a *adapter) Describe() bankmux.Description {
	return bankmux.Description{Provider: Name, Environment: bankmux.Sandbox}
}

// CreateSession opens a flow at Pelican.
func (a *adapter) CreateSession(ctx context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	s := bankmux.NewSession(req)
	s.Launch.Provider = Name
	var answer struct{ Flow string }
	if err := a.post(ctx, "/flows", map[string]string{"user": req.User, "state": s.ID}, &answer); err != nil {
		return bankmux.Session{}, err
	}
	if answer.Flow == "" {
		return bankmux.Session{}, malformed("lacks the flow")
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
	var answer struct{ Grant, Bank, State string }
	if err := a.post(ctx, "/redeem", map[string]string{"code": code}, &answer); err != nil {
		return bankmux.ExchangeResult{}, err
	}
	switch {
	case answer.Grant == "":
		return bankmux.ExchangeResult{}, malformed("lacks the grant")
	case answer.State != req.Session.ID:
		return bankmux.ExchangeResult{}, &bankmux.Error{Kind: bankmux.ErrInvalid, Field: "ExchangeRequest.Payload", Detail: "the code is of another session"}
	}
	conn := bankmux.NewConnection(req.Session, "pelican-"+req.Session.ConnectionID, bankmux.NewSecret(answer.Grant))
	conn.Institution = bankmux.Institution{ID: answer.Bank}
	conn.Status = bankmux.Status{State: bankmux.StateActive, At: time.Now().UTC().Truncate(time.Millisecond)}
	return bankmux.ExchangeResult{Connection: conn}, nil
}

const maxAnswer = 1 << 20

// post sends one request and reads the answer strictly.
func (a *adapter) post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	var asked, connected, wrote atomic.Bool // a transport that traces nothing proves nothing
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },

		WroteHeaders: func() { wrote.Store(true) },
	})
	req, err := http.NewRequestWithContext(traced, http.MethodPost, a.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	again := req.GetBody
	req.GetBody = func() (io.ReadCloser, error) { // over HTTP/2, net/http would send the request again by itself
		if wrote.Load() {
			return nil, errors.New("the request was sent already")
		}
		return again()
	}
	req.Header.Set("Authorization", "Bearer "+a.key.Reveal())
	req.Header.Set("Content-Type", "application/json")
	res, err := a.http.RoundTrip(req)
	if err != nil {
		return broken(ctx, asked.Load() && !connected.Load())
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		if ctx.Err() != nil {
			return broken(ctx, false)
		}
		return malformed("broke off")
	}
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	isJSON := kind == "application/json" && len(raw) <= maxAnswer
	if res.StatusCode != http.StatusOK {
		var failed struct{ Code string }
		if isJSON {
			_ = json.Unmarshal(raw, &failed) // not ours: the status decides
		}
		return catalogue.Error(normalize.Failure{
			Endpoint: http.MethodPost + " " + path, Code: failed.Code, Status: res.StatusCode,
			RetryAfter: normalize.RetryAfterOf(res.Header, time.Now()),
		})
	}
	if _, err := bankmux.ParsePayload(raw); !isJSON || err != nil || json.Unmarshal(raw, out) != nil {
		return malformed("is not the JSON expected here")
	}
	return nil
}

func broken(ctx context.Context, notSent bool) error {
	if cause := ctx.Err(); cause != nil {
		return &bankmux.Error{Kind: bankmux.ErrContextDone, NotSent: notSent, Err: cause}
	}
	return &bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: notSent, Err: errors.New("no answer")}
}

func malformed(what string) error {
	return &bankmux.Error{Kind: bankmux.ErrMalformed, Detail: "the answer " + what}
}
