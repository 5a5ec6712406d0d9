package redirect

// This file makes the mistakes of the suite's list on purpose.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/setup"
	"github.com/bankmux/bankmux/providertest"
)

// mistaken is the adapter with one mistake. The mistake is in the calls, or in the wire below.
type mistaken struct {
	*adapter
	mistake string

	mu    sync.Mutex
	flows map[string]bankmux.Secret // [bankmux.Session.State] by the state in it
}

func newMistaken(env providertest.Env, mistake string) (*bankmux.Client, error) {
	cfg := config(env)
	setup.Complete(Name, &cfg.Name, &cfg.Guard, &cfg.Now)
	cfg.HTTPClient = &http.Client{Transport: tampered{env.HTTPClient.Transport, mistake}}
	if mistake == "a renewed token is not stored" {
		cfg.Keeper = forgetful{env.Keeper}
	}
	a, err := newAdapter(cfg)
	if err != nil {
		return nil, err
	}
	m := &mistaken{adapter: a, mistake: mistake, flows: map[string]bankmux.Secret{}}
	return bankmux.NewClient(Name, m, env.Guard.Interceptors()...), nil
}

func (m *mistaken) does(mistake string) bool { return m.mistake == mistake }

func (m *mistaken) CreateSession(ctx context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	switch {
	case m.does("the webhook URL is not sent"):
		req.WebhookURL = ""
	case m.does("the country is not sent"):
		req.Country = ""
	case m.does("the session asks for another bank than the chosen one"):
		req.Institution = bankmux.InstitutionRef{Name: "crane"}
	case m.does("the start of a renewal ends the consent in force") && req.Reconnect != nil:
		if _, err := m.Disconnect(ctx, bankmux.DisconnectRequest{Connection: *req.Reconnect}); err != nil {
			return bankmux.Session{}, err
		}
		req.Reconnect = nil
	}
	s, err := m.adapter.CreateSession(ctx, req)
	if err != nil {
		return s, err
	}
	var f flow
	if err := json.Unmarshal([]byte(s.State.Reveal()), &f); err != nil {
		return s, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.flows[f.State] = s.State
	if m.does("the verifier is sent to the browser") {
		s.Launch.Parameters = map[string]string{"code_verifier": f.Verifier}
	}
	return s, nil
}

func (m *mistaken) ExchangeToken(ctx context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	if m.does("a payload of another session is accepted") {
		fields, err := req.Fields()
		if err != nil {
			return bankmux.ExchangeResult{}, err
		}
		state, err := fields.Text("state")
		if err != nil {
			return bankmux.ExchangeResult{}, err
		}
		m.mu.Lock()
		req.Session.State = m.flows[state]
		m.mu.Unlock()
	}
	res, err := m.adapter.ExchangeToken(ctx, req)
	switch {
	case m.does("the granted products are not read"):
		res.Connection.Products = nil
	case m.does("the end of the consent is not read"):
		res.Connection.Consent = bankmux.Consent{}
	case m.does("further connections of one run are dropped"):
		res.More = nil
	case m.does("a reconnect is accepted without a check") && errors.Is(err, bankmux.ErrReauth):
		conn := bankmux.NewConnection(req.Session, req.Session.Reconnect.Reference(),
			req.Session.Reconnect.Credential())
		conn.Status.State = bankmux.StateActive
		return bankmux.ExchangeResult{Connection: conn}, nil
	}
	return res, err
}

func (m *mistaken) Accounts(ctx context.Context, req bankmux.AccountsRequest) (bankmux.AccountsResult, error) {
	res, err := m.adapter.Accounts(ctx, req)
	if m.does("an unknown account is ignored") {
		res.Failed = nil
	}
	return res, err
}

func (m *mistaken) TransactionPage(
	ctx context.Context, req bankmux.TransactionsRequest,
) (bankmux.TransactionPage, error) {
	page, err := m.adapter.TransactionPage(ctx, req)
	if m.does("rows in currencies outside of ISO 4217 are dropped") {
		page.Transactions = slices.DeleteFunc(page.Transactions, func(t bankmux.Transaction) bool {
			return !t.Amount.Currency().Known()
		})
	}
	return page, err
}

func (m *mistaken) Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	if m.does("a sync has all accounts") {
		req.Accounts = nil
	}
	d, err := m.adapter.Sync(ctx, req)
	switch {
	case m.does("removed rows are ignored"):
		d.Removed, d.Missing = nil, nil
	case m.does("modified rows are ignored"):
		d.Modified = nil
	case m.does("a sync does not name an unreadable row"):
		d.Failed = nil
	}
	return d, err
}

func (m *mistaken) ReadWebhook(ctx context.Context, req bankmux.WebhookRequest) (bankmux.WebhookResult, error) {
	if m.does("the address of a delivery is not verified") {
		req = req.SentTo(http.MethodPost, hookURL)
	}
	res, err := m.adapter.ReadWebhook(ctx, req)
	if err == nil && m.does("an event shows the payload of a finished flow") {
		var query struct{ State string }
		_ = json.Unmarshal([]byte(res.Events[0].ExchangePayload().Reveal()), &query)
		res.Events[0].Name += "." + query.State
	}
	return res, err
}

// forgetful is a keeper that stores nothing, like an adapter that ignores the application's keeper.
type forgetful struct{ bankmux.Keeper }

func (k forgetful) Update(ctx context.Context, conn bankmux.Connection, change bankmux.ConnectionChange) error {
	_, err := change(ctx, conn)
	return err
}

// tampered is the wire of an adapter that sends or reads something wrong.
type tampered struct {
	http.RoundTripper
	mistake string
}

func (w tampered) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	exchange := r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/consents/")
	byUser := r.Header.Get("Authorization") != ""
	switch {
	case w.mistake == "some of the presence headers are left out":
		r.Header.Del("PSU-User-Agent")
	case w.mistake == "background calls send the presence headers" && byUser:
		r.Header.Set("PSU-IP-Address", "203.0.113.1")
		r.Header.Set("PSU-User-Agent", "the server")
	case w.mistake == "an exchange with the effect Read writes" && exchange:
		r.Method = http.MethodPost
	case w.mistake == "a spent token is lost when the read after it fails" && exchange:
		r.URL.RawQuery = "close=1"
	}
	res, err := w.RoundTripper.RoundTrip(r)
	if err != nil {
		return res, err
	}
	var old, changed string
	switch w.mistake {
	case "the pending flag is not read":
		old, changed = `"pending":true`, `"pending":false`
	case "the pending row that is replaced is not read":
		old, changed = `"pending_id"`, `"pending_ignored"`
	case "a round that changed while it was read is not restarted":
		old, changed = `"code":"changed"`, `"code":"request_refused"`
	default:
		return res, nil
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	body = bytes.ReplaceAll(body, []byte(old), []byte(changed))
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return res, nil
}
