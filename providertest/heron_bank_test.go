package providertest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providertest"
)

// heronBank is a provider with one login. Each grant has the same accounts under other ids.
type heronBank struct {
	mu       sync.Mutex
	last     int
	hook     int                   // the index of the secret that signs
	flows    map[string]*heronFlow // by flow
	codes    map[string]*heronFlow // by code
	grants   map[string]*heronGrant
	accounts []*heronBooks
}

type heronFlow struct {
	asked map[string]string
	grant *heronGrant // the grant that it renews or made
	done  bool        // the user has finished
	more  int         // further banks of the run
	other []*heronGrant
}

type heronGrant struct {
	id, secret, state string
	prefix            string // of the ids of its accounts and rows
	ends              time.Time
	products          []bankmux.Product
	refreshed         time.Time
}

type heronBooks struct {
	key, kind, currency string
	booked              *string
	rows                []*heronBooking
}

type heronBooking struct {
	id int
	providertest.Row
}

func (b *heronBank) next(prefix string) string {
	b.last++
	return fmt.Sprintf("%s%06d", prefix, b.last)
}

func (b *heronBank) open(kind, currency string) *heronBooks {
	a := &heronBooks{key: b.next("a"), kind: kind, currency: currency}
	b.accounts = append(b.accounts, a)
	return a
}

// of finds the books for an account id of a grant.
func (b *heronBank) of(g *heronGrant, account string) *heronBooks {
	i := slices.IndexFunc(b.accounts, func(a *heronBooks) bool { return g.prefix+a.key == account })
	if i < 0 {
		return nil
	}
	return b.accounts[i]
}

func (b *heronBank) link(flow string) (json.RawMessage, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.flows[flow]
	code := b.next("planted-code-")
	b.codes[code] = f
	f.done = true
	if f.grant != nil {
		f.grant.state = "live"
	}
	return json.Marshal(map[string]string{"code": code})
}

func (b *heronBank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	in := map[string]string{}
	_ = json.NewDecoder(r.Body).Decode(&in)
	if r.Header.Get("Authorization") != "Bearer "+heronKey {
		refuse(w, http.StatusUnauthorized, "bad_key")
		return
	}
	grant := b.grants[r.Header.Get("Heron-Grant")]
	switch r.Method + " " + r.URL.Path {
	case "POST /flows":
		flow := b.next("planted-flow-")
		b.flows[flow] = &heronFlow{asked: in, grant: grant}
		say(w, map[string]any{"flow": flow})
	case "POST /redeem":
		b.redeem(w, in["code"])
	case "GET /outcome", "POST /outcome":
		f := b.flows[r.URL.Query().Get("flow")]
		if !f.done {
			refuse(w, http.StatusConflict, "not_finished")
			return
		}
		b.granted(w, f)
	case "GET /grant":
		say(
			w,
			map[string]any{
				"state":     grant.state,
				"bank":      "nest",
				"products":  grant.products,
				"ends":      grant.ends,
				"refreshed": grant.refreshed,
			},
		)
	case "DELETE /grant":
		grant.state = "gone"
		say(w, map[string]any{"state": grant.state})
	case "POST /refresh":
		grant.refreshed = time.Now()
		say(w, map[string]any{"state": "refreshing"})
	default:
		b.data(w, r, grant)
	}
}

func (b *heronBank) redeem(w http.ResponseWriter, code string) {
	f, ok := b.codes[code]
	if !ok {
		refuse(w, http.StatusBadRequest, "code_used")
		return
	}
	delete(b.codes, code)
	b.granted(w, f)
}

func (b *heronBank) granted(w http.ResponseWriter, f *heronFlow) {
	g := f.grant
	if g == nil {
		g = b.grant()
		f.grant = g
	}
	more := []any{}
	for len(f.other) < f.more {
		f.other = append(f.other, b.grant())
	}
	for _, other := range f.other {
		more = append(more, map[string]any{"grant": other.secret, "id": other.id})
	}
	say(w, map[string]any{"grant": g.secret, "id": g.id, "session": f.asked["session"], "more": more})
}

func (b *heronBank) grant() *heronGrant {
	g := &heronGrant{
		id: b.next("planted-grant-"), prefix: b.next("g") + "-", secret: b.next("planted-secret-"), state: "live",
		ends:     time.Now().AddDate(0, 0, 60).UTC().Truncate(time.Second),
		products: []bankmux.Product{bankmux.ProductAccounts, bankmux.ProductTransactions},
	}
	b.grants[g.secret] = g
	return g
}

func (b *heronBank) data(w http.ResponseWriter, r *http.Request, g *heronGrant) {
	switch {
	case g.state == "lapsed":
		refuse(w, http.StatusForbidden, "consent_ended")
	case g.state == "gone":
		refuse(w, http.StatusGone, "grant_gone")
	case r.URL.Path == "/accounts":
		list := []any{}
		for _, a := range b.accounts {
			list = append(
				list,
				map[string]any{"id": g.prefix + a.key, "kind": a.kind, "currency": a.currency, "booked": a.booked},
			)
		}
		say(w, map[string]any{"accounts": list})
	default:
		b.rows(w, r, g)
	}
}

func (b *heronBank) rows(w http.ResponseWriter, r *http.Request, g *heronGrant) {
	q := r.URL.Query()
	a := b.of(g, q.Get("account"))
	if a == nil {
		refuse(w, http.StatusNotFound, "no_account")
		return
	}
	all := []any{}
	for _, row := range a.rows {
		on := row.Date.String()
		if on < q.Get("from") || on > q.Get("to") {
			continue
		}
		id := fmt.Sprintf("%sr%d", g.prefix, row.id)
		one := map[string]any{
			"id":        id,
			"direction": "debit",
			"currency":  a.currency,
			"date":      on,
			"text":      row.Text,
			"pending":   row.Pending,
			"amount":    nil,
		}
		if row.Pending {
			one["id"] = id + "-held"
		}
		if row.In {
			one["direction"] = "credit"
		}
		if row.Currency != "" {
			one["currency"] = row.Currency
		}
		if row.NoMoney {
			one["currency"] = ""
		}
		if row.Amount != "" {
			one["amount"] = row.Amount
		}
		all = append(all, one)
	}
	at, _ := strconv.Atoi(q.Get("page"))
	size, _ := strconv.Atoi(q.Get("size"))
	from := min(at*size, len(all))
	to, next := min(from+size, len(all)), ""
	if to < len(all) {
		next = strconv.Itoa(at + 1)
	}
	say(w, map[string]any{"rows": all[from:to], "next": next})
}

func say(w http.ResponseWriter, body map[string]any) { answer(w, http.StatusOK, body) }

func refuse(w http.ResponseWriter, status int, code string) {
	answer(w, status, map[string]any{"code": code})
}

func answer(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
