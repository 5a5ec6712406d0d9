package providertest_test //nolint:testableexamples // Run needs a test

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/normalize"
	"github.com/bankmux/bankmux/providertest"
)

const kestrelKey = "planted-kestrel-key"

// kestrel is an adapter for an invented provider. It has no optional capability.
type kestrel struct{ api *rest.Client }

func newKestrel(env providertest.Env) (*bankmux.Client, error) {
	k := kestrel{rest.New(rest.Config{
		BaseURL: env.BaseURL, HTTPClient: env.HTTPClient, Drift: rest.Drift{Guard: env.Guard, Client: "kestrel"},
	})}
	return bankmux.NewClient("kestrel", k, env.Guard.Interceptors()...), nil
}

func (kestrel) Describe() bankmux.Description {
	return bankmux.Description{Provider: "kestrel", Environment: bankmux.Sandbox}
}

func (k kestrel) CreateSession(ctx context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	s := bankmux.NewSession(req)
	out, err := k.post(ctx, "/flows", kestrelMessage{Session: s.ID})
	if err != nil {
		return bankmux.Session{}, err
	}
	s.Launch.Provider = "kestrel"
	s.Launch.Token = bankmux.NewLaunchToken(out.Token)
	return s, nil
}

func (k kestrel) ExchangeToken(ctx context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	var none bankmux.ExchangeResult
	fields, err := req.Fields()
	if err != nil {
		return none, err
	}
	code, err := fields.Text("code")
	if err != nil {
		return none, err
	}
	out, err := k.post(ctx, "/redeem", kestrelMessage{Code: code})
	switch {
	case err != nil:
		return none, err
	case out.Session != req.Session.ID:
		return none, &bankmux.Error{
			Kind: bankmux.ErrInvalid, Code: bankmux.CodeOtherSession, Field: "ExchangeRequest.Payload",
			Detail: "the code is of another session",
		}
	}
	conn := bankmux.NewConnection(req.Session, out.ID, bankmux.NewSecret(out.Token))
	conn.Institution = bankmux.Institution{ID: "nest", Name: "Nest Bank"}
	conn.Status = bankmux.Status{State: bankmux.StateActive, At: bankmux.Moment(time.Now())}
	return bankmux.ExchangeResult{Connection: conn}, nil
}

// kestrelMessage is the body of all requests and responses.
type kestrelMessage struct {
	ID      string `json:"id,omitempty"`
	Token   string `json:"token,omitempty"`
	Session string `json:"session,omitempty"`
	Code    string `json:"code,omitempty"` // of the user, or of an error
}

// kestrelCodes are the documented errors. For other codes, the status of the response decides.
var kestrelCodes = normalize.NewCatalogue(
	normalize.Row{Code: "bad_key", Kind: bankmux.ErrCredentials, Detail: "the key is refused"},
	normalize.Row{Code: "code_used", Kind: bankmux.ErrTokenSpent, Detail: "the code was used or is wrong"},
)

func (k kestrel) post(ctx context.Context, path string, in kestrelMessage) (out kestrelMessage, err error) {
	res, err := k.api.Do(ctx, rest.Request{Method: http.MethodPost, Path: path, Bearer: kestrelKey, JSON: in})
	if err != nil {
		return out, err
	}
	err = res.Decode(&out)
	switch {
	case res.Status != http.StatusOK:
		failure := normalize.Failure{Code: out.Code, Status: res.Status, RetryAfter: res.RetryAfter}
		return out, kestrelCodes.Error(failure)
	case err == nil && out.Token == "":
		err = res.Lacks("token")
	}
	return out, err
}

// kestrelBackend plays the provider.
type kestrelBackend struct {
	mu    sync.Mutex
	last  int
	flows map[string]string // the session of a flow
	codes map[string]string // the session of a code
}

func (b *kestrelBackend) next(prefix string) string {
	b.last++
	return prefix + strconv.Itoa(b.last)
}

func (b *kestrelBackend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var in, out kestrelMessage
	_ = json.NewDecoder(r.Body).Decode(&in)
	session, known := b.codes[in.Code]
	status := http.StatusOK
	switch {
	case r.Header.Get("Authorization") != "Bearer "+kestrelKey:
		status, out.Code = http.StatusUnauthorized, "bad_key"
	case r.URL.Path == "/flows":
		out.Token = b.next("planted-flow-")
		b.flows[out.Token] = in.Session
	case !known:
		status, out.Code = http.StatusBadRequest, "code_used"
	default:
		delete(b.codes, in.Code)
		out = kestrelMessage{ID: b.next("planted-login-"), Token: b.next("planted-token-"), Session: session}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out)
}

// link plays the user: it finishes a flow and returns the payload of the front end.
func (b *kestrelBackend) link(flow string) (json.RawMessage, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	code := b.next("planted-code-")
	b.codes[code] = b.flows[flow]
	return json.Marshal(map[string]string{"code": code})
}

func newKestrelHarness(*testing.T) providertest.Harness {
	b := &kestrelBackend{flows: map[string]string{}, codes: map[string]string{}}
	return providertest.Harness{
		Backend: b,
		New:     newKestrel,
		Request: bankmux.SessionRequest{User: "user-1"},
		Link: func(s bankmux.Session) (json.RawMessage, error) {
			return b.link(s.Launch.Token.Reveal())
		},
		IsExchange: func(r *http.Request) bool { return r.URL.Path == "/redeem" },
		Secrets:    []string{kestrelKey},
		Binds:      true, // a code names its session
	}
}

// The conformance test of an adapter without optional capabilities. An adapter with some names them
// after the harness, such as bankmux.CapStatus.
func ExampleRun() {
	var t *testing.T // the parameter of TestConformance
	providertest.Run(t, newKestrelHarness)
}
