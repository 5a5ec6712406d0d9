package plaid_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/bankharness"
	"github.com/bankmux/bankmux/internal/single"
	model "github.com/bankmux/bankmux/normalize/plaid"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/providertest"
	"github.com/bankmux/bankmux/virtualbank"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	providertest.Run(
		t,
		newHarness,
		bankmux.CapStatus,
		bankmux.CapDisconnect,
		bankmux.CapCheck,
		bankmux.CapInstitutions,
		bankmux.CapAccounts,
		bankmux.CapBalances,
		bankmux.CapAccountNumbers,
		bankmux.CapIdentity,
		bankmux.CapTransactions,
		bankmux.CapEnrichment,
		bankmux.CapSync,
		bankmux.CapHoldings,
		bankmux.CapInvestmentTransactions,
		bankmux.CapRefresh,
		bankmux.CapWebhooks,
	)
}

var provider = bankharness.Provider{
	Name:    plaid.Name,
	Event:   "ITEM:ERROR",
	Signed:  []string{"Plaid-Verification"},
	Account: func(a virtualbank.AccountState) string { return a.PlaidID },
	Row:     spec,
}

const exchangePath = "/item/public_token/exchange"

func newHarness(*testing.T) providertest.Harness {
	bank := virtualbank.New(virtualbank.Options{HistoryDays: 90})
	creds := bank.Credentials().Plaid
	asked := &linkTokensSeen{next: bank.Plaid()}
	data, webhooks := provider.Data(bank), provider.Webhooks(bank)
	data.Refetch = func(conn bankmux.Connection) error { return bank.Refresh(conn.Reference()) }
	data.PostTransaction = data.ChangeTransaction
	data.NamesPending = true
	webhooks.KeysByID = true
	webhooks.Sign = signed(bank)
	webhooks.UnknownKey = func(conn bankmux.Connection) bankmux.WebhookRequest {
		return provider.Forge(bank, "unknown_kid", conn)
	}
	webhooks.Expiring = func(conn bankmux.Connection) bankmux.WebhookRequest {
		return bankmux.NewWebhookRequest(bank.Sign(virtualbank.Webhook{
			Provider: plaid.Name, Event: "ITEM:PENDING_DISCONNECT", Reference: conn.Reference(),
		}))
	}
	webhooks.Finished = func(s bankmux.Session) bankmux.WebhookRequest {
		return bankmux.NewWebhookRequest(bank.Sign(virtualbank.Webhook{
			Provider: plaid.Name, Event: "LINK:SESSION_FINISHED", Reference: s.Launch.Token.Reveal(),
			Members: map[string]any{"status": "SUCCESS", "public_tokens": asked.tokens(s.Launch.Token.Reveal())},
		}))
	}
	link := func(s bankmux.Session) (json.RawMessage, error) {
		payload, err := bank.LinkPlaid(virtualbank.PlaidLink{
			LinkToken: s.Launch.Token.Reveal(), InstitutionID: oauthBank,
		})
		asked.made(s.Launch.Token.Reveal(), payload)
		return payload, err
	}
	return providertest.Harness{
		Backend: asked,
		New: func(env providertest.Env) (*bankmux.Client, error) {
			return plaid.New(plaid.Config{
				ClientID: creds.ClientID, Secret: bankmux.NewSecret(creds.Secret), Environment: bankmux.Sandbox,
				BaseURL: env.BaseURL, HTTPClient: env.HTTPClient, BodyLimit: 1 << 20, Guard: env.Guard,
			})
		},
		Request: bankmux.SessionRequest{
			User: "user-1", Country: "US", RedirectURI: "https://app.example.com/oauth",
			Products: []bankmux.ProductRequest{
				{Product: bankmux.ProductTransactions, Required: true},
				{Product: bankmux.ProductAccountNumbers},
				{Product: bankmux.ProductIdentity, RequirePermission: true},
				{Product: bankmux.ProductInvestments},
			},
			Options: []bankmux.SessionOption{plaid.SessionOptions{Optional: []string{"liabilities"}}},
		},
		Link: link,
		LinkSeveral: func(s bankmux.Session, banks int) (payload json.RawMessage, err error) {
			for _, id := range []string{"ins_900101", "ins_109508", "ins_109509"}[:banks] {
				payload, err = bank.LinkPlaid(virtualbank.PlaidLink{
					LinkToken: s.Launch.Token.Reveal(), InstitutionID: id,
				})
				if err != nil {
					return nil, err
				}
			}
			return payload, nil
		},
		IsExchange: func(r *http.Request) bool { return r.URL.Path == exchangePath },
		Reads:      readOnly,
		Refresh: providertest.Refresh{
			Product: bankmux.ProductTransactions,
			Is:      func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/refresh") },
		},
		Lapse:    func(conn bankmux.Connection) error { return bank.Lapse(conn.Reference()) },
		Secrets:  []string{creds.Secret},
		Binds:    true,
		Webhooks: webhooks,
		Data:     data,
		Words:    words(),
		Table:    providertest.Table{File: "../../providertest/MATRIX.md", Title: "Plaid"},
		Operations: operations(func(ctx context.Context, client *bankmux.Client) (bankmux.Connection, error) {
			s, err := client.CreateSession(ctx, bankmux.SessionRequest{User: "user-1", Country: "US"})
			if err != nil {
				return bankmux.Connection{}, err
			}
			payload, err := link(s)
			if err != nil {
				return bankmux.Connection{}, err
			}
			return single.Connection(client.ExchangeToken(ctx, posted(s, string(payload))))
		}),
		Consent: func(conn bankmux.Connection) (bankmux.Consent, error) { return consentOf(bank, conn) },
		Received: func(s bankmux.Session) (providertest.Received, error) {
			return asked.received(s.Launch.Token.Reveal()), nil
		},
		Granted: func(conn bankmux.Connection) ([]bankmux.Product, error) { return granted(bank, conn), nil },
	}
}

// oauthBank is a bank of the sandbox whose consents end.
const oauthBank = "ins_127287"

// consentOf asks the bank how long the permission lasts.
func consentOf(bank *virtualbank.Bank, conn bankmux.Connection) (bankmux.Consent, error) {
	var got struct {
		Item struct {
			Ends time.Time `json:"consent_expiration_time"`
		} `json:"item"`
	}
	err := ask(bank, itemPath, map[string]string{"access_token": conn.Credential().Reveal()}, &got)
	return bankmux.Consent{ExpiresAt: got.Item.Ends}, err
}

// ask makes a call without the adapter.
func ask(bank *virtualbank.Bank, path string, body map[string]string, out any) error {
	creds := bank.Credentials().Plaid
	body["client_id"], body["secret"] = creds.ClientID, creds.Secret
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, path, bytes.NewReader(raw))
	r.Header.Set("Content-Type", "application/json")
	bank.Plaid().ServeHTTP(w, r)
	return json.Unmarshal(w.Body.Bytes(), out)
}

// signed makes deliveries with different bodies. Plaid's have neither id nor time, so two equal
// ones of a second would be one.
func signed(bank *virtualbank.Bank) func(bankmux.Connection) bankmux.WebhookRequest {
	var deliveries atomic.Int64
	return func(conn bankmux.Connection) bankmux.WebhookRequest {
		return bankmux.NewWebhookRequest(bank.Sign(virtualbank.Webhook{
			Provider: plaid.Name, Event: provider.Event, Reference: conn.Reference(),
			Members: map[string]any{"user_id": "usr_" + strconv.FormatInt(deliveries.Add(1), 10)},
		}))
	}
}

// words are responses in Plaid's words.
func words() providertest.Words {
	return providertest.Words{
		Rejected: bankharness.Respond(
			http.StatusBadRequest,
			`{"error_type":"INVALID_INPUT","error_code":"INVALID_API_KEYS","error_message":"x","display_message":null}`,
		),
		UnknownCode: bankharness.Respond(
			http.StatusBadRequest,
			`{"error_type":"UNHEARD_OF","error_code":"UNHEARD_OF","error_message":"x","display_message":null}`,
		),
		Enums:   []string{"phone_numbers.type", "emails.type", "accounts.type", "accounts.subtype", "update_type"},
		Pending: []string{"pending"},
	}
}

// linkTokensSeen notes what link tokens were asked for, and what Link made with them.
type linkTokensSeen struct {
	next http.Handler

	mu      sync.Mutex
	asked   map[string]linkTokenAsked
	results map[string][]string
}

type linkTokenAsked struct {
	Countries    []string `json:"country_codes"`
	Webhook      string   `json:"webhook"`
	RedirectURI  string   `json:"redirect_uri"`
	Language     string   `json:"language"`
	Transactions struct {
		Days int `json:"days_requested"`
	} `json:"transactions"`
}

func (l *linkTokensSeen) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/link/token/create" {
		l.next.ServeHTTP(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	seen := &copyingWriter{ResponseWriter: w}
	l.next.ServeHTTP(seen, r)
	var in linkTokenAsked
	var out struct {
		LinkToken string `json:"link_token"`
	}
	if json.Unmarshal(body, &in) == nil && json.Unmarshal(seen.body, &out) == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.asked == nil {
			l.asked = map[string]linkTokenAsked{}
		}
		l.asked[out.LinkToken] = in
	}
}

// copyingWriter keeps what it writes.
type copyingWriter struct {
	http.ResponseWriter
	body []byte
}

func (w *copyingWriter) Write(p []byte) (int, error) {
	w.body = append(w.body, p...)
	return w.ResponseWriter.Write(p)
}

func (w *copyingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// received is what Plaid received for a link token.
func (l *linkTokensSeen) received(token string) providertest.Received {
	l.mu.Lock()
	defer l.mu.Unlock()
	in := l.asked[token]
	return providertest.Received{
		Country: &in.Countries[0], WebhookURL: &in.Webhook, RedirectURI: &in.RedirectURI, Language: &in.Language,
		HistoryDays: &in.Transactions.Days,
	}
}

// made notes what Link passed to the page.
func (l *linkTokensSeen) made(token string, payload json.RawMessage) {
	var out struct {
		PublicToken string `json:"public_token"`
	}
	if json.Unmarshal(payload, &out) != nil || out.PublicToken == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.results == nil {
		l.results = map[string][]string{}
	}
	l.results[token] = append(l.results[token], out.PublicToken)
}

func (l *linkTokensSeen) tokens(token string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.results[token])
}

// granted are the products of an Item. Plaid names them in its own words.
func granted(bank *virtualbank.Bank, conn bankmux.Connection) []bankmux.Product {
	for _, l := range bank.Links() {
		if l.ID == conn.Reference() {
			return model.Products(l.Products)
		}
	}
	return nil
}

// spec is a row as Plaid writes it. The bank reverses the sign of a credit.
func spec(r providertest.Row) virtualbank.TransactionSpec {
	s := virtualbank.TransactionSpec{
		Amount: r.Amount, Type: "debit", Currency: r.Currency, NoCurrency: r.NoMoney,
		Date: r.Date.String(), Text: r.Text, Pending: r.Pending,
	}
	if r.In {
		s.Type = "credit"
	}
	return s
}
