package redirect

// This file connects the adapter and its bank to the conformance suite.

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
	"github.com/bankmux/bankmux/providertest"
)

var wanted = []bankmux.Capability{
	bankmux.CapStatus, bankmux.CapDisconnect, bankmux.CapAccounts, bankmux.CapBalances,
	bankmux.CapTransactions, bankmux.CapSync, bankmux.CapWebhooks,
}

func TestConformance(t *testing.T) {
	t.Parallel()
	providertest.Run(t, newHarness, wanted...)
}

func newHarness(*testing.T) providertest.Harness {
	b := newBank()
	return providertest.Harness{
		Backend: b,
		New: func(env providertest.Env) (*bankmux.Client, error) {
			if mistake := providertest.Planted(); mistake != "" {
				return newMistaken(env, mistake)
			}
			return New(config(env))
		},
		Request: bankmux.SessionRequest{
			User: "user-1", Country: "PT", Institution: bankmux.InstitutionRef{Name: "nest"},
			RedirectURI: "https://app.example.com/back",
			Products:    []bankmux.ProductRequest{{Product: bankmux.ProductTransactions}},
		},
		Link:        func(s bankmux.Session) (json.RawMessage, error) { return b.link(s, 1) },
		LinkSeveral: b.link,
		IsExchange: func(r *http.Request) bool {
			return r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/consents/")
		},
		Lapse:   b.lapse,
		Secrets: append([]string{bankKey}, hookSecrets...),
		Words: providertest.Words{
			Rejected:    refuses(http.StatusUnauthorized, "key", "key_refused"),
			UnknownCode: refuses(http.StatusBadRequest, "weather", "hail"),
			Enums:       []string{"kind"}, States: []string{"status"}, Pending: []string{"pending"},
			Open: isRenewal,
		},
		Received: b.received,
		Granted: func(conn bankmux.Connection) ([]bankmux.Product, error) {
			return b.grantOf(conn).products, nil
		},
		Consent: func(conn bankmux.Connection) (bankmux.Consent, error) {
			ends := b.grantOf(conn).ends.UTC().Truncate(time.Second)
			return bankmux.Consent{ExpiresAt: ends, RenewFrom: ends.AddDate(0, 0, -7)}, nil
		},
		Rotation: &providertest.Rotation{
			Expire:    b.expire,
			IsRefresh: isRenewal,
		},
		PSU:      []string{"PSU-IP-Address", "PSU-User-Agent"},
		Binds:    true,
		Data:     b.data(),
		Webhooks: b.deliveries(),
	}
}

func config(env providertest.Env) Config {
	cfg := Config{
		Key: bankmux.NewSecret(bankKey), BaseURL: env.BaseURL, Environment: bankmux.Production, Keeper: env.Keeper,
		HTTPClient: env.HTTPClient, Guard: env.Guard,
	}
	for _, s := range hookSecrets {
		cfg.WebhookSecrets = append(cfg.WebhookSecrets, bankmux.NewSecret(s))
	}
	return cfg
}

func refuses(status int, class, code string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { refuse(w, status, class, code) }
}

func isRenewal(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/tokens") }

func (b *bank) link(s bankmux.Session, banks int) (json.RawMessage, error) {
	query, err := b.authorise(s, banks)
	if err != nil {
		return nil, err
	}
	return bankmux.PayloadFromQuery(query)
}

func (b *bank) grantOf(conn bankmux.Connection) *grant {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.grants[conn.Reference()]
}

func (b *bank) expire(conn bankmux.Connection) error {
	g := b.grantOf(conn)
	b.mu.Lock()
	defer b.mu.Unlock()
	g.access = ""
	return nil
}

func (b *bank) lapse(conn bankmux.Connection) error {
	g := b.grantOf(conn)
	b.mu.Lock()
	defer b.mu.Unlock()
	g.status = "lapsed"
	return nil
}

func (b *bank) received(s bankmux.Session) (providertest.Received, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	asked := b.consentOf(s).asked
	return providertest.Received{
		Institution: &asked.Bank, Country: &asked.Country, WebhookURL: &asked.Webhook, RedirectURI: &asked.Redirect,
		Language: &asked.Language, AccessDays: &asked.AccessDays, HistoryDays: &asked.HistoryDays,
	}, nil
}

// data returns how the suite changes accounts and rows.
func (b *bank) data() *providertest.Data {
	words := map[bankmux.AccountKind]string{}
	for word, kind := range kinds {
		words[kind] = word
	}
	edit := func(conn bankmux.Connection, account string, change func(a *book) error) error {
		g := b.grantOf(conn)
		b.mu.Lock()
		defer b.mu.Unlock()
		a := b.bookOf(g, account)
		if a == nil {
			return errNoSuch
		}
		return change(a)
	}
	find := func(conn bankmux.Connection, account, text string, change func(a *book, at int)) error {
		return edit(conn, account, func(a *book) error {
			at := slices.IndexFunc(a.rows, func(r *booking) bool { return r.Text == text })
			if at < 0 {
				return errNoSuch
			}
			change(a, at)
			return nil
		})
	}
	remove := func(a *book, at int) *booking {
		row := a.rows[at]
		a.rows = slices.Delete(a.rows, at, at+1)
		b.record = append(b.record, change{"removed", a, *row})
		return row
	}
	return &providertest.Data{
		AddAccount: func(conn bankmux.Connection, kind bankmux.AccountKind, currency string) (string, error) {
			g := b.grantOf(conn)
			b.mu.Lock()
			defer b.mu.Unlock()
			return g.prefix + b.open(words[kind], currency).key, nil
		},
		AddTransaction: func(conn bankmux.Connection, account string, row providertest.Row) error {
			return edit(conn, account, func(a *book) error {
				b.add(a, booking{Row: row})
				return nil
			})
		},
		SetBalance: func(conn bankmux.Connection, account, booked string) error {
			return edit(conn, account, func(a *book) error {
				a.booked = booked
				return nil
			})
		},
		NamesPending: true,
		ChangeTransaction: func(conn bankmux.Connection, account string, row providertest.Row) error {
			return find(conn, account, row.Text, func(a *book, at int) {
				a.rows[at].Row = row
				b.record = append(b.record, change{"updated", a, *a.rows[at]})
			})
		},
		RemoveTransaction: func(conn bankmux.Connection, account, text string) error {
			return find(conn, account, text, func(a *book, at int) { remove(a, at) })
		},
		PostTransaction: func(conn bankmux.Connection, account string, row providertest.Row) error {
			return find(conn, account, row.Text, func(a *book, at int) {
				held := remove(a, at)
				b.add(a, booking{pendingID: held.id, Row: row})
			})
		},
		SameAccount: func(before, after bankmux.Connection, account string) (string, error) {
			return b.grantOf(after).prefix + strings.TrimPrefix(account, b.grantOf(before).prefix), nil
		},
	}
}

// sign makes a delivery.
func sign(secret string, at time.Time, body map[string]any) bankmux.WebhookRequest {
	text, _ := json.Marshal(body)
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("POST " + hookURL + " " + stamp + " " + string(text)))
	header := http.Header{"Osprey-Time": {stamp}, "Osprey-Signature": {hex.EncodeToString(mac.Sum(nil))}}
	return bankmux.NewWebhookRequest(header, text).SentTo(http.MethodPost, hookURL)
}

// deliveries returns how the bank signs.
func (b *bank) deliveries() *providertest.Webhooks {
	about := func(event string, conn bankmux.Connection, secret string, at time.Time) bankmux.WebhookRequest {
		b.mu.Lock()
		defer b.mu.Unlock()
		return sign(secret, at, map[string]any{"id": b.next("delivery-"), "event": event, "grant": conn.Reference()})
	}
	return &providertest.Webhooks{
		Sign: func(conn bankmux.Connection) bankmux.WebhookRequest {
			return about("transactions.changed", conn, hookSecrets[b.signs], time.Now())
		},
		Signed: []string{"Osprey-Time", "Osprey-Signature"},
		Forged: func(conn bankmux.Connection) map[string]bankmux.WebhookRequest {
			return map[string]bankmux.WebhookRequest{
				"of another key": about("transactions.changed", conn, "a guess at the secret", time.Now()),
				"of the future":  about("transactions.changed", conn, hookSecrets[0], time.Now().Add(time.Hour)),
			}
		},
		Rotate: func() { b.signs = 1 - b.signs },
		Finished: func(s bankmux.Session) bankmux.WebhookRequest {
			b.mu.Lock()
			defer b.mu.Unlock()
			asked := b.consentOf(s).asked
			return sign(hookSecrets[b.signs], time.Now(), map[string]any{
				"id": b.next("delivery-"), "event": "consent.authorised", "tag": asked.Tag,
				"query": map[string]string{"state": asked.State},
			})
		},
		Expiring: func(conn bankmux.Connection) bankmux.WebhookRequest {
			return about("consent.expiring", conn, hookSecrets[b.signs], time.Now())
		},
	}
}
