package providertest_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/normalize"
	"github.com/bankmux/bankmux/providertest"
)

// heron is a complete adapter for an invented provider, as small as possible. It makes mistakes on
// purpose: does reports whether to make one of the suite's list.
type heron struct {
	key     string
	hooks   []string // of webhook deliveries; one of them signs
	http    *rest.Client
	mistake string
	reads   bool // the exchange only reads

	mu sync.Mutex
}

const heronName = "heron"

var heronCodes = normalize.NewCatalogue(
	normalize.Row{Code: "bad_key", Kind: bankmux.ErrCredentials, Detail: "the key is refused"},
	normalize.Row{Code: "code_used", Kind: bankmux.ErrTokenSpent, Detail: "the code was used or is wrong"},
	normalize.Row{Code: "not_finished", Kind: bankmux.ErrUserAction, Detail: "the user has not finished"},
	normalize.Row{Code: "consent_ended", Kind: bankmux.ErrReauth, Detail: "the consent ended"},
	normalize.Row{Code: "grant_gone", Kind: bankmux.ErrGone, Detail: "the grant is gone"},
	normalize.Row{Code: "no_account", Kind: bankmux.ErrNotFound, Detail: "there is no such account"},
)

// onlyStatus is an adapter with one capability.
type onlyStatus struct {
	bankmux.Provider
	bankmux.Describer
	bankmux.EffectDecider
	bankmux.StatusReader
}

func (h *heron) connect(env providertest.Env) {
	cfg := rest.Config{BaseURL: env.BaseURL, HTTPClient: env.HTTPClient, BodyLimit: 1 << 20}
	if !h.does("an added member is not reported") {
		cfg.Drift = rest.Drift{Guard: env.Guard, Client: heronName, Provider: heronName}
	}
	h.http = rest.New(cfg)
}

func (h *heron) does(mistake string) bool { return h.mistake == mistake }

func (*heron) Describe() bankmux.Description {
	return bankmux.Description{Provider: heronName, Environment: bankmux.Sandbox, PerAccount: true}
}

// Effect returns that the exchange only reads, if that is so.
func (h *heron) Effect(op bankmux.Op) bankmux.Effect {
	if h.reads && op.Name == bankmux.OpExchangeToken {
		return bankmux.Read
	}
	return op.Effect
}

// send sends one request and decodes the response into out, a pointer to a struct, or ignores it.
func (h *heron) send(ctx context.Context, req rest.Request, conn *bankmux.Connection, out any) error {
	req.Bearer = h.key
	if conn != nil {
		req.Header = http.Header{"Heron-Grant": {conn.Credential().Reveal()}}
	}
	res, err := h.http.Do(ctx, req)
	if err != nil {
		return err
	}
	if res.Status/100 != 2 {
		var failed struct{ Code string }
		if res.JSON {
			_ = json.Unmarshal(res.Body, &failed) // if it is unreadable, the status decides
		}
		return heronCodes.Error(normalize.Failure{Code: failed.Code, Status: res.Status, RetryAfter: res.RetryAfter})
	}
	if out == nil {
		return nil
	}
	return res.Decode(out)
}

func heronLacks(what string) error {
	return &bankmux.Error{Kind: bankmux.ErrMalformed, Detail: "the answer lacks " + what}
}

func (h *heron) CreateSession(ctx context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	s := bankmux.NewSession(req)
	s.Launch.Provider = heronName
	in := map[string]string{
		"user":     req.User,
		"session":  s.ID,
		"country":  req.Country,
		"webhook":  req.WebhookURL,
		"redirect": req.RedirectURI,
		"language": req.Language,
		"days":     strconv.Itoa(req.AccessDays),
	}
	switch {
	case h.does("the webhook URL is not sent"):
		delete(in, "webhook")
	case h.does("the country is not sent"):
		delete(in, "country")
	}
	var out struct {
		Flow string `json:"flow"`
	}
	create := rest.Request{Method: http.MethodPost, Path: "/flows", JSON: in}
	before := req.Reconnect
	if h.does("a reconnect opens a second access") {
		before = nil
	}
	if err := h.send(ctx, create, before, &out); err != nil {
		return bankmux.Session{}, err
	}
	if out.Flow == "" {
		return bankmux.Session{}, heronLacks("the flow")
	}
	s.Launch.Token = bankmux.NewLaunchToken(out.Flow)
	return s, nil
}

func (h *heron) ExchangeToken(ctx context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	var none bankmux.ExchangeResult
	code := ""
	if !h.reads {
		fields, err := req.Fields()
		if err != nil {
			return none, err
		}
		if code, err = fields.Text("code"); err != nil {
			return none, err
		}
	}
	h.goWrong()
	out, err := h.redeem(ctx, code, req.Session)
	if err != nil && h.does("a one-shot is sent again") {
		out, err = h.redeem(ctx, code, req.Session)
	}
	switch {
	case err != nil && h.does("a credential is in an error"):
		return none, &bankmux.Error{Kind: bankmux.KindOf(err), Detail: "POST /redeem with the key " + h.key + " failed"}
	case err != nil:
		return none, err
	case out.Grant == "" || out.ID == "":
		return none, heronLacks("the grant")
	case out.Session != req.Session.ID && !h.does("a payload of another session is accepted"):
		return none, &bankmux.Error{
			Kind: bankmux.ErrInvalid, Field: "ExchangeRequest.Payload", Detail: "the code is of another session",
		}
	}
	conn := bankmux.NewConnection(req.Session, out.ID, bankmux.NewSecret(out.Grant))
	conn.Status = bankmux.Status{State: bankmux.StateActive, At: bankmux.Moment(time.Now())}
	if h.does("a reconnect is accepted without a check") && req.Session.Reconnect != nil {
		return bankmux.ExchangeResult{Connection: conn}, nil
	}
	fresh, err := h.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: conn})
	switch {
	case err != nil && h.does("a spent token is lost when the read after it fails"):
		return none, err
	case err != nil && h.does("a connection that was not read is active"):
		return bankmux.ExchangeResult{Connection: conn}, nil
	case err != nil: // the code is spent, so the connection is kept
		conn.Status.State = bankmux.StateUnverified
		return bankmux.ExchangeResult{Connection: conn}, nil //nolint:nilerr // see above
	case req.Session.Reconnect != nil && fresh.Connection.Status.State == bankmux.StateReauth:
		return none, &bankmux.Error{Kind: bankmux.ErrReauth, Detail: "the consent ended again"}
	}
	return bankmux.ExchangeResult{
		Connection: fresh.Connection,
		More:       h.further(req.Session, out, fresh.Connection),
	}, nil
}

// further returns the other connections of the run, which are like the first.
func (h *heron) further(s bankmux.Session, out heronGranted, first bankmux.Connection) (more []bankmux.Connection) {
	if h.does("further connections of one run are dropped") {
		return nil
	}
	for _, one := range out.More {
		conn := bankmux.NewFurtherConnection(s, one.ID, bankmux.NewSecret(one.Grant))
		conn.Institution, conn.Products = first.Institution, first.Products
		conn.Consent, conn.Status = first.Consent, first.Status
		more = append(more, conn)
	}
	return more
}

// goWrong makes the mistakes that end or block a test.
func (h *heron) goWrong() {
	if h.does("a call panics") {
		panic("an index is out of range")
	}
	if h.does("a call waits without end") {
		<-make(chan int)
	}
	if h.does("a call waits for a lock that is held") {
		h.mu.Lock()
		h.mu.Lock()
	}
	if h.does("a goroutine never ends") {
		go func() {
			for {
				time.Sleep(time.Minute)
			}
		}()
	}
	if h.does("a goroutine is left behind") {
		go func() { <-make(chan int) }()
	}
}

type heronGranted struct {
	Grant   string `json:"grant"`
	ID      string `json:"id"`
	Session string `json:"session"`
	More    []struct {
		Grant string `json:"grant"`
		ID    string `json:"id"`
	} `json:"more"`
}

// redeem spends the code, or reads what the user did in the session's flow.
func (h *heron) redeem(ctx context.Context, code string, s bankmux.Session) (out heronGranted, err error) {
	flow := url.Values{"flow": {s.Launch.Token.Reveal()}}
	req := rest.Request{Method: http.MethodGet, Path: "/outcome", Query: flow}
	switch {
	case !h.reads:
		req = rest.Request{Method: http.MethodPost, Path: "/redeem", JSON: map[string]string{"code": code}}
	case h.does("an exchange with the effect Read writes"):
		req.Method, req.JSON = http.MethodPost, map[string]string{}
	}
	err = h.send(ctx, req, nil, &out)
	return out, err
}

func (h *heron) ConnectionStatus(ctx context.Context, req bankmux.StatusRequest) (bankmux.StatusResult, error) {
	var out struct {
		State     string            `json:"state"`
		Bank      string            `json:"bank"`
		Products  []bankmux.Product `json:"products"`
		Refreshed time.Time         `json:"refreshed"`
		Ends      time.Time         `json:"ends"`
	}
	if err := h.send(ctx, rest.Request{Method: http.MethodGet, Path: "/grant"}, &req.Connection, &out); err != nil {
		return bankmux.StatusResult{}, err
	}
	if out.State == "" || out.Bank == "" {
		return bankmux.StatusResult{}, heronLacks("the state")
	}
	conn := req.Connection
	state, known := map[string]bankmux.State{
		"live": bankmux.StateActive, "lapsed": bankmux.StateReauth, "gone": bankmux.StateGone,
	}[out.State]
	switch {
	case !known && h.does("an unknown state is active"):
		state = bankmux.StateActive
	case !known:
		state = bankmux.State(out.State)
	}
	if h.does("every connection is reported as active") {
		state = bankmux.StateActive
	}
	conn.Institution = bankmux.Institution{ID: out.Bank, Name: "Nest Bank"}
	conn.Products, conn.Consent = out.Products, bankmux.Consent{ExpiresAt: out.Ends}
	if h.does("the end of the consent is not read") {
		conn.Consent = bankmux.Consent{}
	}
	if h.does("the granted products are not read") {
		conn.Products = nil
	}
	conn.Status = bankmux.Status{State: state, Code: out.State, At: bankmux.Moment(time.Now())}
	return bankmux.StatusResult{Connection: conn, Products: []bankmux.ProductStatus{
		{Product: bankmux.ProductTransactions, RefreshedAt: out.Refreshed, AttemptedAt: out.Refreshed},
	}}, nil
}

func (h *heron) Disconnect(ctx context.Context, req bankmux.DisconnectRequest) (bankmux.DisconnectResult, error) {
	conn := req.Connection
	if !h.does("a disconnect does not reach the provider") {
		var out struct {
			State string `json:"state"`
		}
		if err := h.send(ctx, rest.Request{Method: http.MethodDelete, Path: "/grant"}, &conn, &out); err != nil {
			return bankmux.DisconnectResult{}, err
		}
		if out.State == "" {
			return bankmux.DisconnectResult{}, heronLacks("the state")
		}
	}
	conn.Status = bankmux.Status{State: bankmux.StateGone, At: bankmux.Moment(time.Now())}
	return bankmux.DisconnectResult{Connection: conn}, nil
}

// Refresh reads the state of the products and starts the refresh.
func (h *heron) Refresh(ctx context.Context, req bankmux.RefreshRequest) (bankmux.RefreshResult, error) {
	if !slices.Equal(req.Products, []bankmux.Product{bankmux.ProductTransactions}) {
		return bankmux.RefreshResult{}, &bankmux.Error{
			Kind: bankmux.ErrUnsupported, Detail: "refreshes transactions alone", NotSent: true,
		}
	}
	before, err := h.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: req.Connection})
	if err != nil {
		if e, ok := errors.AsType[*bankmux.Error](err); ok {
			e.NotSent = true // the refresh was not sent
		}
		return bankmux.RefreshResult{}, err
	}
	var out struct {
		State string `json:"state"`
	}
	start := rest.Request{Method: http.MethodPost, Path: "/refresh", JSON: map[string]string{}}
	if err := h.send(ctx, start, &req.Connection, &out); err != nil {
		return bankmux.RefreshResult{}, err
	}
	if out.State == "" {
		return bankmux.RefreshResult{}, heronLacks("the state")
	}
	return bankmux.RefreshResult{Connection: req.Connection, Products: before.Products}, nil
}
