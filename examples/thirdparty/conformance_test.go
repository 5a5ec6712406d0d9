package pelican

// This file connects the adapter and its backend to the conformance suite.

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
	"github.com/bankmux/bankmux/providertest"
)

// TestConformance names each capability that the adapter has.
func TestConformance(t *testing.T) {
	providertest.Run(t, newHarness,
		bankmux.CapStatus, bankmux.CapDisconnect, bankmux.CapAccounts, bankmux.CapBalances,
		bankmux.CapTransactions, bankmux.CapSync, bankmux.CapWebhooks,
	)
}

// newHarness makes a backend. The suite calls it for each test.
func newHarness(*testing.T) providertest.Harness {
	const key = "planted-key"
	hooks := []string{"planted-hook-secret-one", "planted-hook-secret-two"}
	b := newBackend(key, hooks...)
	return providertest.Harness{
		Backend: b,
		New: func(env providertest.Env) (*bankmux.Client, error) {
			cfg := Config{
				Key: bankmux.NewSecret(key), Environment: bankmux.Sandbox,
				BaseURL: env.BaseURL, HTTPClient: env.HTTPClient, Guard: env.Guard,
			}
			for _, secret := range hooks {
				cfg.WebhookSecrets = append(cfg.WebhookSecrets, bankmux.NewSecret(secret))
			}
			return New(cfg)
		},
		Request: bankmux.SessionRequest{User: "user-1", Country: "US", RedirectURI: "https://app.example.com/back"},
		Link: func(s bankmux.Session) (json.RawMessage, error) {
			code, err := b.finish(s.Launch.Token.Reveal())
			return json.RawMessage(`{"code":"` + code + `"}`), err
		},
		IsExchange: func(r *http.Request) bool { return r.URL.Path == "/redeem" },
		Binds:      true,
		Lapse:      func(conn bankmux.Connection) error { return b.lapse(conn) },
		Secrets:    append([]string{key}, hooks...),
		Received:   func(s bankmux.Session) (providertest.Received, error) { return b.received(s) },
		Granted: func(conn bankmux.Connection) (products []bankmux.Product, err error) {
			for _, word := range b.grantOf(conn).products {
				products = append(products, bankmux.Product(word))
			}
			return products, nil
		},
		Consent: func(conn bankmux.Connection) (bankmux.Consent, error) {
			ends, _ := normalize.Timestamp(b.grantOf(conn).ends)
			return bankmux.Consent{ExpiresAt: ends}, nil
		},
		Words: providertest.Words{
			Rejected: func(w http.ResponseWriter, _ *http.Request) { fails(w, http.StatusUnauthorized, "bad_key") },
			UnknownCode: func(w http.ResponseWriter, _ *http.Request) {
				fails(w, http.StatusBadRequest, "in_no_documentation")
			},
			Enums:  []string{"kind"},
			States: []string{"status"}, Pending: []string{"pending"},
		},
		Data:     b.data(),
		Webhooks: b.webhooks(),
	}
}

func (b *backend) grantOf(conn bankmux.Connection) grant {
	b.mu.Lock()
	defer b.mu.Unlock()
	return *b.grants[conn.Credential().Reveal()]
}

func (b *backend) lapse(conn bankmux.Connection) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.grants[conn.Credential().Reveal()].status = "lapsed"
	return nil
}

// received returns what reached the backend when the session was made. Pelican has no HistoryDays.
func (b *backend) received(s bankmux.Session) (providertest.Received, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.flows[s.Launch.Token.Reveal()]
	if f == nil {
		return providertest.Received{}, errAbsent
	}
	asked := f.asked
	return providertest.Received{
		Country: &asked.Country, WebhookURL: &asked.Webhook, RedirectURI: &asked.Redirect,
		Language: &asked.Language, AccessDays: &asked.Days,
	}, nil
}

// data returns how the suite changes accounts and rows.
func (b *backend) data() *providertest.Data {
	become := func(_ bankmux.Connection, id string, row providertest.Row) error {
		return b.edit(id, func(one *book) error {
			i := slices.IndexFunc(one.rows, func(e *entry) bool { return e.Text == row.Text })
			if i < 0 {
				return errAbsent
			}
			one.rows[i].Row = row
			return nil
		})
	}
	return &providertest.Data{
		AddAccount: func(_ bankmux.Connection, kind bankmux.AccountKind, currency string) (string, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			for word, known := range kinds {
				if known == kind {
					return b.open(word, currency).ID, nil
				}
			}
			return "", errAbsent
		},
		AddTransaction: func(_ bankmux.Connection, id string, row providertest.Row) error {
			return b.edit(id, func(one *book) error {
				one.rows = append(one.rows, &entry{b.next("row-"), row})
				return nil
			})
		},
		ChangeTransaction: become,
		PostTransaction:   become,
		RemoveTransaction: func(_ bankmux.Connection, id, text string) error {
			return b.edit(id, func(one *book) error {
				one.rows = slices.DeleteFunc(one.rows, func(e *entry) bool { return e.Text == text })
				return nil
			})
		},
		SetBalance: func(_ bankmux.Connection, id, booked string) error {
			return b.edit(id, func(one *book) error {
				if kindOf(one.Kind).Liability() && booked != "" { // Pelican writes a debt without a sign
					booked = strings.TrimPrefix("-"+booked, "--")
				}
				one.booked = json.RawMessage(booked)
				if booked == "" {
					one.booked = nil
				}
				return nil
			})
		},
		SameAccount: func(_, _ bankmux.Connection, id string) (string, error) { return id, nil },
	}
}

// webhooks returns how Pelican signs.
func (b *backend) webhooks() *providertest.Webhooks {
	sign := func(conn bankmux.Connection, secret string, at time.Time) bankmux.WebhookRequest {
		b.mu.Lock()
		defer b.mu.Unlock()
		body, _ := json.Marshal(delivery{ID: b.next("delivery-"), Event: "grant.changed", Grant: conn.Reference()})
		stamp := strconv.FormatInt(at.Unix(), 10)
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(stamp + "." + string(body)))
		header := http.Header{"Pelican-Signature": {"t=" + stamp + ",v1=" + hex.EncodeToString(mac.Sum(nil))}}
		return bankmux.NewWebhookRequest(header, body)
	}
	return &providertest.Webhooks{
		Sign: func(conn bankmux.Connection) bankmux.WebhookRequest {
			return sign(conn, b.secrets[b.signs], time.Now())
		},
		Signed: []string{"Pelican-Signature"},
		Forged: func(conn bankmux.Connection) map[string]bankmux.WebhookRequest {
			return map[string]bankmux.WebhookRequest{
				"of another secret": sign(conn, "a guess at the secret", time.Now()),
				"of the future":     sign(conn, b.secrets[0], time.Now().Add(time.Hour)),
			}
		},
		Rotate: func() { b.signs = 1 - b.signs },
	}
}
