package pelican

// This file plays Pelican.

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providertest"
)

// backend serves Pelican's wire format, and is as strict as Pelican. It starts no goroutines. Its
// time is that of package time, which is virtual in the suite.
type backend struct {
	key     string
	secrets []string // of webhook deliveries

	mu     sync.Mutex
	last   int // the last number of an id
	signs  int // the index of the secret that signs
	flows  map[string]*flow
	grants map[string]*grant // by credential
	books  []*book           // all grants are of one person with the same accounts
}

// flow is one run of Pelican's page.
type flow struct {
	asked flowRequest
	grant *grant // the grant that it renews or made
	code  string // "" before the user has finished, and after it was used
}

type grant struct {
	id, secret, status, ends string
	products                 []string
}

// book is an account at the bank. Its booked balance is a number in Pelican's format, or nil.
type book struct {
	account
	booked json.RawMessage
	rows   []*entry
}

type entry struct {
	id string
	providertest.Row
}

// errAbsent means that the suite names something that the backend does not have.
var errAbsent = errors.New("there is no such thing at the bank")

// newBackend makes a bank with two accounts and a row in each. The suite requires that a new
// connection comes with an account that has rows.
func newBackend(key string, secrets ...string) *backend {
	b := &backend{key: key, secrets: secrets, flows: map[string]*flow{}, grants: map[string]*grant{}}
	for _, kind := range []string{"current", "savings"} {
		one := b.open(kind, "USD")
		one.rows = []*entry{
			{b.next("row-"), providertest.Row{Amount: "2.50", Text: "opening " + kind, Date: bankmux.DateOf(time.Now().UTC())}},
		}
	}
	return b
}

func (b *backend) next(prefix string) string {
	b.last++
	return prefix + strconv.Itoa(b.last)
}

func (b *backend) open(kind, currency string) *book {
	one := &book{account: account{ID: b.next("account-"), Kind: kind, Name: kind, Currency: currency}}
	b.books = append(b.books, one)
	return one
}

// finish plays the user on Pelican's page and returns the code.
func (b *backend) finish(id string) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.flows[id]
	if f == nil {
		return "", errAbsent
	}
	if f.grant == nil {
		f.grant = &grant{
			id: b.next("planted-grant-"), secret: b.next("planted-credential-"),
			products: []string{"accounts", "transactions"},
		}
		b.grants[f.grant.secret] = f.grant
	}
	f.grant.status, f.grant.ends = "live", time.Now().UTC().AddDate(0, 0, 90).Format(time.RFC3339)
	f.code = b.next("planted-code-")
	return f.code, nil
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer "+b.key {
		fails(w, http.StatusUnauthorized, "bad_key")
		return
	}
	secret := r.Header.Get("Pelican-Grant")
	g := b.grants[secret]
	switch {
	case secret != "" && g == nil:
		fails(w, http.StatusNotFound, "grant_gone")
	case r.URL.Path == "/flows":
		b.serveFlow(w, r, g)
	case r.URL.Path == "/redeem":
		b.serveRedeem(w, r)
	case g == nil:
		fails(w, http.StatusBadRequest, "no_grant")
	case r.URL.Path == "/grant" && r.Method == http.MethodDelete:
		g.status = "gone"
		w.WriteHeader(http.StatusNoContent)
	case r.URL.Path == "/grant":
		answers(w, map[string]any{
			"status": g.status, "products": g.products, "ends": g.ends,
			"bank": map[string]string{"id": "nest", "name": "Nest Bank", "country": "US"},
		})
	case g.status == "lapsed":
		fails(w, http.StatusForbidden, "consent_ended")
	case g.status == "gone":
		fails(w, http.StatusGone, "grant_gone")
	default:
		b.serveData(w, r)
	}
}

func (b *backend) serveFlow(w http.ResponseWriter, r *http.Request, renewed *grant) {
	f := &flow{grant: renewed}
	if json.NewDecoder(r.Body).Decode(&f.asked) != nil || f.asked.State == "" || f.asked.User == "" {
		fails(w, http.StatusBadRequest, "bad_request")
		return
	}
	id := b.next("planted-flow-")
	b.flows[id] = f
	answers(w, flowResponse{id})
}

func (b *backend) serveRedeem(w http.ResponseWriter, r *http.Request) {
	var in redeemRequest
	_ = json.NewDecoder(r.Body).Decode(&in)
	for _, f := range b.flows {
		if in.Code != "" && f.code == in.Code {
			f.code = ""
			answers(w, redeemResponse{f.grant.secret, f.grant.id, f.asked.State})
			return
		}
	}
	fails(w, http.StatusBadRequest, "code_used")
}

func (b *backend) serveData(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/accounts" {
		all := []account{}
		for _, one := range b.books {
			all = append(all, one.account)
		}
		answers(w, map[string]any{"accounts": all})
		return
	}
	for _, one := range b.books {
		switch r.URL.Path {
		case "/accounts/" + one.ID + "/balance":
			answers(w, map[string]any{"kind": one.Kind, "currency": one.Currency, "booked": one.booked})
			return
		case "/accounts/" + one.ID + "/rows":
			answers(w, map[string]any{"rows": one.between(r.URL.Query().Get("from"), r.URL.Query().Get("to"))})
			return
		}
	}
	fails(w, http.StatusNotFound, "not_found")
}

// between returns rows in Pelican's format. Amounts are copied digit by digit, never through a
// float.
func (one *book) between(from, to string) []map[string]any {
	all := []map[string]any{}
	for _, e := range one.rows {
		on := e.Date.String()
		if on < from || on > to {
			continue
		}
		row := map[string]any{
			"id": e.id, "direction": "debit", "currency": one.Currency, "date": on, "text": e.Text,
			"pending": e.Pending,
		}
		if e.Pending {
			row["id"] = e.id + "-held" // a booked row has another id
		}
		if e.In {
			row["direction"] = "credit"
		}
		if e.Currency != "" {
			row["currency"] = e.Currency
		}
		if e.NoMoney {
			row["currency"] = nil
		}
		if e.Amount != "" { // without an amount, the row must fail alone
			row["amount"] = json.RawMessage(e.Amount)
		}
		all = append(all, row)
	}
	return all
}

// edit changes an account.
func (b *backend) edit(id string, change func(one *book) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.books, func(one *book) bool { return one.ID == id })
	if i < 0 {
		return errAbsent
	}
	return change(b.books[i])
}

func answers(w http.ResponseWriter, body any) { writes(w, http.StatusOK, body) }

func fails(w http.ResponseWriter, status int, code string) {
	writes(w, status, map[string]string{"type": "request", "code": code})
}

func writes(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
