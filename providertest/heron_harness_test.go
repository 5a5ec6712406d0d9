package providertest_test

// This file connects heron to the suite.

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providertest"
)

const (
	heronKey     = "planted-heron-key"
	heronHookURL = "https://app.example.com/hooks/heron"
)

var (
	heronHooks  = []string{"planted-hook-secret-one", "planted-hook-secret-two"}
	errNoSuch   = errors.New("there is no such row or account")
	heronWanted = []bankmux.Capability{
		bankmux.CapStatus, bankmux.CapDisconnect, bankmux.CapAccounts, bankmux.CapBalances, bankmux.CapTransactions,
		bankmux.CapSync,
		bankmux.CapRefresh, bankmux.CapWebhooks,
	}
)

func newHeron(*testing.T) providertest.Harness { return heronHarness(false) }

// newReadingHeron returns a provider whose exchange only reads what the user did.
func newReadingHeron(*testing.T) providertest.Harness { return heronHarness(true) }

func heronHarness(reads bool) providertest.Harness {
	b := &heronBank{flows: map[string]*heronFlow{}, codes: map[string]*heronFlow{}, grants: map[string]*heronGrant{}}
	for _, kind := range []string{"current", "savings"} {
		a := b.open(kind, "USD")
		a.rows = []*heronBooking{
			{
				id:  b.last,
				Row: providertest.Row{Amount: "2.50", Text: "opening " + kind, Date: bankmux.DateOf(time.Now().UTC())},
			},
		}
	}
	return providertest.Harness{
		Backend: b,
		New: func(env providertest.Env) (*bankmux.Client, error) {
			h := &heron{key: heronKey, hooks: heronHooks, mistake: providertest.Planted(), reads: reads}
			if h.connect(env); reads {
				return bankmux.NewClient(heronName, onlyStatus{h, h, h, h}, env.Guard.Interceptors()...), nil
			}
			return bankmux.NewClient(heronName, h, env.Guard.Interceptors()...), nil
		},
		Request:    bankmux.SessionRequest{User: "user-1", Country: "PT", RedirectURI: "https://app.example.com/back"},
		Link:       func(s bankmux.Session) (json.RawMessage, error) { return b.link(s.Launch.Token.Reveal()) },
		IsExchange: func(r *http.Request) bool { return r.URL.Path == "/redeem" || r.URL.Path == "/outcome" },
		Lapse:      func(conn bankmux.Connection) error { return b.lapse(conn) },
		Secrets:    append([]string{heronKey}, heronHooks...),
		Words: providertest.Words{
			Enums: []string{"kind"}, States: []string{"state"}, Pending: []string{"pending"},
		},
		Refresh: providertest.Refresh{
			Product: bankmux.ProductTransactions, Is: func(r *http.Request) bool { return r.URL.Path == "/refresh" },
		},
		Received: func(s bankmux.Session) (providertest.Received, error) {
			return b.received(s.Launch.Token.Reveal()), nil
		},
		Granted: func(conn bankmux.Connection) ([]bankmux.Product, error) { return b.grantOf(conn).products, nil },
		Consent: func(conn bankmux.Connection) (bankmux.Consent, error) {
			return bankmux.Consent{ExpiresAt: b.grantOf(conn).ends}, nil
		},
		LinkSeveral: func(s bankmux.Session, banks int) (json.RawMessage, error) {
			b.mu.Lock()
			b.flows[s.Launch.Token.Reveal()].more = banks - 1
			b.mu.Unlock()
			return b.link(s.Launch.Token.Reveal())
		},
		Binds:    true,
		Data:     b.books(),
		Webhooks: b.deliveries(),
	}
}

func (b *heronBank) grantOf(conn bankmux.Connection) *heronGrant {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.grants[conn.Credential().Reveal()]
}

func (b *heronBank) lapse(conn bankmux.Connection) error {
	g := b.grantOf(conn)
	b.mu.Lock()
	defer b.mu.Unlock()
	g.state = "lapsed"
	return nil
}

func (b *heronBank) received(flow string) providertest.Received {
	b.mu.Lock()
	defer b.mu.Unlock()
	asked := b.flows[flow].asked
	country, hook, redirect, language := asked["country"], asked["webhook"], asked["redirect"], asked["language"]
	days, _ := strconv.Atoi(asked["days"])
	return providertest.Received{
		Country: &country, WebhookURL: &hook, RedirectURI: &redirect, Language: &language, AccessDays: &days,
	}
}

// books returns how the suite changes accounts and rows.
func (b *heronBank) books() *providertest.Data {
	kinds := map[bankmux.AccountKind]string{}
	for word, kind := range heronKinds {
		kinds[kind] = word
	}
	edit := func(conn bankmux.Connection, account string, change func(a *heronBooks) error) error {
		g := b.grantOf(conn)
		b.mu.Lock()
		defer b.mu.Unlock()
		a := b.of(g, account)
		if a == nil {
			return errNoSuch
		}
		return change(a)
	}
	become := func(conn bankmux.Connection, account string, row providertest.Row) error {
		return edit(conn, account, func(a *heronBooks) error {
			i := slices.IndexFunc(a.rows, func(r *heronBooking) bool { return r.Text == row.Text })
			if i < 0 {
				return errNoSuch
			}
			a.rows[i].Row = row
			return nil
		})
	}
	return &providertest.Data{
		AddAccount: func(conn bankmux.Connection, kind bankmux.AccountKind, currency string) (string, error) {
			g := b.grantOf(conn)
			b.mu.Lock()
			defer b.mu.Unlock()
			return g.prefix + b.open(kinds[kind], currency).key, nil
		},
		AddTransaction: func(conn bankmux.Connection, account string, row providertest.Row) error {
			return edit(conn, account, func(a *heronBooks) error {
				b.last++
				a.rows = append(a.rows, &heronBooking{b.last, row})
				return nil
			})
		},
		ChangeTransaction: become,
		PostTransaction:   become,
		RemoveTransaction: func(conn bankmux.Connection, account, text string) error {
			return edit(conn, account, func(a *heronBooks) error {
				a.rows = slices.DeleteFunc(a.rows, func(r *heronBooking) bool { return r.Text == text })
				return nil
			})
		},
		SameAccount: func(before, after bankmux.Connection, account string) (string, error) {
			old, again := b.grantOf(before), b.grantOf(after)
			b.mu.Lock()
			defer b.mu.Unlock()
			return again.prefix + b.of(old, account).key, nil
		},
		SetBalance: func(conn bankmux.Connection, account, booked string) error {
			return edit(conn, account, func(a *heronBooks) error {
				a.booked = nil
				if booked != "" {
					a.booked = &booked
				}
				return nil
			})
		},
	}
}

// codeOf returns the code of a flow that the user finished.
func (b *heronBank) codeOf(flow string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for code, f := range b.codes {
		if f == b.flows[flow] {
			return code
		}
	}
	return ""
}

// deliveries returns how the bank signs.
func (b *heronBank) deliveries() *providertest.Webhooks {
	deliver := func(secret string, at time.Time, announced map[string]string) bankmux.WebhookRequest {
		b.mu.Lock()
		defer b.mu.Unlock()
		announced["id"] = b.next("delivery-")
		body, _ := json.Marshal(announced) // texts cannot fail
		stamp := strconv.FormatInt(at.Unix(), 10)
		coded := base64.StdEncoding.EncodeToString(heronMAC(secret, stamp, http.MethodPost, heronHookURL, body))
		return bankmux.NewWebhookRequest(
			http.Header{heronSignature: {"t=" + stamp + ",v1=" + coded}}, body,
		).SentTo(http.MethodPost, heronHookURL)
	}
	sign := func(conn bankmux.Connection, secret string, at time.Time) bankmux.WebhookRequest {
		return deliver(secret, at, map[string]string{"event": "grant.changed", "grant": conn.Reference()})
	}
	return &providertest.Webhooks{
		Sign: func(conn bankmux.Connection) bankmux.WebhookRequest {
			return sign(conn, heronHooks[b.hook], time.Now())
		},
		Finished: func(s bankmux.Session) bankmux.WebhookRequest {
			code := b.codeOf(s.Launch.Token.Reveal())
			announced := map[string]string{"event": "flow.finished", "session": s.ID, "code": code}
			return deliver(heronHooks[b.hook], time.Now(), announced)
		},
		Expiring: func(conn bankmux.Connection) bankmux.WebhookRequest {
			announced := map[string]string{"event": "grant.ending", "grant": conn.Reference()}
			return deliver(heronHooks[b.hook], time.Now(), announced)
		},
		Signed: []string{heronSignature},
		Forged: func(conn bankmux.Connection) map[string]bankmux.WebhookRequest {
			return map[string]bankmux.WebhookRequest{
				"by another key": sign(conn, "a guess at the secret", time.Now()),
				"of the future":  sign(conn, heronHooks[0], time.Now().Add(time.Hour)),
			}
		},
		Rotate: func() { b.hook = 1 - b.hook },
	}
}
