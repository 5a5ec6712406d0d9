package redirect

// This file plays Osprey.

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providertest"
)

const (
	bankKey = "planted-osprey-key"
	hookURL = "https://app.example.com/hooks/osprey"
)

var (
	hookSecrets = []string{"planted-osprey-hook-one", "planted-osprey-hook-two"}
	errNoSuch   = errors.New("there is no such grant, account or row")
)

// bank is Osprey with one login. Each grant has the same accounts under other ids. The bank records
// their changes.
type bank struct {
	mu       sync.Mutex
	last     int
	signs    int // the index of the secret that signs
	consents map[string]*consent
	grants   map[string]*grant
	books    []*book
	record   []change
}

type consent struct {
	asked    consentRequest
	finished bool // the user has finished
	grants   []string
}

type grant struct {
	id, bank, status string
	prefix           string // of the ids of its accounts and rows
	challenge        string // of the last consent that the user authorised
	access, refresh  string
	products         []bankmux.Product
	ends             time.Time
}

type book struct {
	key, kind, currency, booked string
	rows                        []*booking
}

type booking struct {
	id        string // without the prefix of the grant
	pendingID string // the row that it replaces
	providertest.Row
}

// change is an entry of the record.
type change struct {
	what string // created, updated or removed
	book *book
	row  booking
}

func newBank() *bank {
	b := &bank{consents: map[string]*consent{}, grants: map[string]*grant{}}
	for _, kind := range []string{"current", "savings"} {
		a := b.open(kind, "EUR")
		today := bankmux.DateOf(time.Now().UTC())
		b.add(a, booking{Row: providertest.Row{Amount: "2.50", In: true, Text: "opening " + kind, Date: today}})
	}
	return b
}

func (b *bank) next(prefix string) string {
	b.last++
	return fmt.Sprintf("%s%06d", prefix, b.last)
}

func (b *bank) open(kind, currency string) *book {
	a := &book{key: b.next("a"), kind: kind, currency: currency}
	b.books = append(b.books, a)
	return a
}

func (b *bank) add(a *book, row booking) {
	row.id = b.next("r")
	a.rows = append(a.rows, &row)
	b.record = append(b.record, change{"created", a, row})
}

// authorise plays the user at the page of a session, who links this number of banks. It returns the
// query of the redirect back.
func (b *bank) authorise(s bankmux.Session, banks int) (url.Values, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.consentOf(s)
	if c == nil {
		return nil, errNoSuch
	}
	c.finished = true
	for range banks {
		g := b.grants[c.asked.Renews]
		if g == nil {
			g = &grant{id: b.next("planted-grant-"), prefix: b.next("g") + "-", status: "lapsed"}
			b.grants[g.id] = g
		}
		if g.status == "lapsed" { // a renewal before the end keeps the tokens
			b.issue(g)
		}
		g.bank, g.status, g.challenge = c.asked.Bank, "live", c.asked.Challenge
		g.ends = time.Now().AddDate(0, 0, max(c.asked.AccessDays, 1))
		g.products = []bankmux.Product{bankmux.ProductAccounts, bankmux.ProductTransactions}
		c.grants = append(c.grants, g.id)
	}
	return url.Values{"state": {c.asked.State}}, nil
}

// consentOf finds the consent of a session by the address of its page, as a browser does.
func (b *bank) consentOf(s bankmux.Session) *consent {
	_, id, _ := strings.Cut(s.Launch.URL.Reveal(), "/authorise/")
	return b.consents[id]
}

func (b *bank) issue(g *grant) {
	g.access, g.refresh = b.next("planted-access-"), b.next("planted-refresh-")
}

func (b *bank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.Header.Get("Osprey-Key") != bankKey {
		refuse(w, http.StatusUnauthorized, "key", "key_refused")
		return
	}
	kind, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch id, sub, _ := strings.Cut(rest, "/"); kind {
	case "consents":
		b.serveConsent(w, r, id)
	case "grants":
		b.serveGrant(w, r, b.grants[id], sub)
	default:
		b.serveUser(w, r, kind, id, sub)
	}
}

func (b *bank) serveConsent(w http.ResponseWriter, r *http.Request, id string) {
	if r.Method == http.MethodPost && id == "" {
		c := &consent{}
		if json.NewDecoder(r.Body).Decode(&c.asked) != nil || len(c.asked.Challenge) != 43 || c.asked.Bank == "" {
			refuse(w, http.StatusBadRequest, "request", "consent_incomplete")
			return
		}
		id = b.next("planted-consent-")
		b.consents[id] = c
		say(w, map[string]any{"id": id, "url": "https://login.osprey.example/authorise/" + id})
		return
	}
	c := b.consents[id]
	if c == nil || !proves(r, c.asked.Challenge) {
		refuse(w, http.StatusForbidden, "request", "verifier_wrong")
		return
	}
	if !c.finished {
		refuse(w, http.StatusConflict, "consent", "consent_open")
		return
	}
	if r.URL.Query().Has("close") { // the tokens are shown once
		delete(b.consents, id)
	}
	say(w, map[string]any{"id": id, "state": c.asked.State, "grants": c.grants})
}

func proves(r *http.Request, challenge string) bool {
	sum := sha256.Sum256([]byte(r.Header.Get("Osprey-Verifier")))
	return base64.RawURLEncoding.EncodeToString(sum[:]) == challenge
}

func (b *bank) serveGrant(w http.ResponseWriter, r *http.Request, g *grant, sub string) {
	tokens := func() map[string]any {
		return map[string]any{"access": g.access, "refresh": g.refresh, "lifetime": 3600}
	}
	switch {
	case g == nil || g.status == "ended":
		refuse(w, http.StatusGone, "consent", "grant_ended")
	case r.Method == http.MethodDelete:
		g.status = "ended"
		say(w, map[string]any{"status": g.status})
	case sub == "tokens":
		var in struct{ Refresh string }
		_ = json.NewDecoder(r.Body).Decode(&in)
		if g.status != "live" || in.Refresh != g.refresh {
			refuse(w, http.StatusForbidden, "consent", "refresh_spent")
			return
		}
		b.issue(g)
		say(w, tokens())
	default:
		out := map[string]any{
			"id": g.id, "status": g.status, "products": g.products,
			"bank": map[string]any{"id": g.bank, "name": "Nest Bank", "country": "PT"},
			"ends": g.ends.UTC().Format(time.RFC3339), "renew_from": g.ends.AddDate(0, 0, -7).UTC().Format(time.RFC3339),
		}
		if r.Header.Get("Osprey-Verifier") != "" {
			if !proves(r, g.challenge) {
				refuse(w, http.StatusForbidden, "request", "verifier_wrong")
				return
			}
			out["tokens"] = tokens()
		}
		say(w, out)
	}
}

// serveUser serves requests with a user's token.
func (b *bank) serveUser(w http.ResponseWriter, r *http.Request, kind, id, sub string) {
	bearer := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	var g *grant
	for _, one := range b.grants {
		if one.access == bearer && bearer != "" {
			g = one
		}
	}
	switch {
	case g == nil:
		refuse(w, http.StatusUnauthorized, "user", "token_ended")
	case g.status == "ended":
		refuse(w, http.StatusGone, "consent", "grant_ended")
	case g.status == "lapsed":
		refuse(w, http.StatusForbidden, "consent", "consent_lapsed")
	case (r.Header.Get("PSU-IP-Address") == "") != (r.Header.Get("PSU-User-Agent") == ""):
		refuse(w, http.StatusBadRequest, "request", "psu_incomplete")
	case kind == "changes":
		b.changes(w, r.URL.Query(), g)
	case id == "":
		all := []any{}
		for _, a := range b.books {
			all = append(all, map[string]any{
				"id": g.prefix + a.key, "key": a.key, "kind": a.kind, "name": a.kind, "currency": a.currency,
			})
		}
		say(w, map[string]any{"accounts": all})
	default:
		a := b.bookOf(g, id)
		switch {
		case a == nil:
			refuse(w, http.StatusNotFound, "request", "account_unknown")
		case sub == "balances":
			all := []any{}
			if a.booked != "" {
				all = append(all, map[string]any{"kind": "booked", "amount": a.booked, "currency": a.currency})
			}
			say(w, map[string]any{"balances": all, "at": time.Now().UTC().Format(time.RFC3339)})
		default:
			rows(w, r.URL.Query(), g, a)
		}
	}
}

// bookOf finds the book for an account id of a grant.
func (b *bank) bookOf(g *grant, account string) *book {
	i := slices.IndexFunc(b.books, func(a *book) bool { return g.prefix+a.key == account })
	if i < 0 {
		return nil
	}
	return b.books[i]
}

// wire writes a row for a grant.
func (row *booking) wire(g *grant, a *book) map[string]any {
	out := map[string]any{
		"id": g.prefix + row.id, "account": g.prefix + a.key, "currency": a.currency,
		"day": row.Date.String(), "text": row.Text, "pending": row.Pending,
	}
	if row.pendingID != "" {
		out["pending_id"] = g.prefix + row.pendingID
	}
	if row.Currency != "" {
		out["currency"] = row.Currency
	}
	if row.NoMoney {
		delete(out, "currency")
	}
	if row.Amount != "" {
		sign := "-"
		if row.In {
			sign = ""
		}
		out["amount"] = sign + row.Amount
	}
	return out
}

func rows(w http.ResponseWriter, q url.Values, g *grant, a *book) {
	all := []any{}
	for _, row := range a.rows {
		if on := row.Date.String(); on >= q.Get("from") && on <= q.Get("to") {
			all = append(all, row.wire(g, a))
		}
	}
	slices.Reverse(all) // newest first
	from, _ := strconv.Atoi(q.Get("offset"))
	limit, _ := strconv.Atoi(q.Get("limit"))
	from = min(from, len(all))
	say(w, map[string]any{"transactions": all[from:min(from+limit, len(all))], "total": len(all)})
}

// changes serves a page of the record. A cursor within a round has the length of the record at the
// start of the round. If the record has grown since, the round must restart.
func (b *bank) changes(w http.ResponseWriter, q url.Values, g *grant) {
	at, end, within := strings.Cut(q.Get("cursor"), "/")
	from, err := strconv.Atoi("0" + at)
	until := len(b.record)
	if within {
		until, _ = strconv.Atoi(end)
	}
	switch {
	case err != nil || from > until || until > len(b.record):
		refuse(w, http.StatusBadRequest, "request", "cursor_unknown")
		return
	case until < len(b.record):
		refuse(w, http.StatusConflict, "request", "changed")
		return
	}
	limit, _ := strconv.Atoi(q.Get("limit"))
	to := min(from+limit, until)
	lists := map[string][]any{"created": {}, "updated": {}, "removed": {}}
	for _, c := range b.record[from:to] {
		lists[c.what] = append(lists[c.what], c.row.wire(g, c.book))
	}
	next := strconv.Itoa(to)
	if to < until {
		next = fmt.Sprintf("%d/%d", to, until)
	}
	say(w, map[string]any{
		"created": lists["created"], "updated": lists["updated"], "removed": lists["removed"],
		"next": next, "more": to < until,
	})
}

func say(w http.ResponseWriter, body map[string]any) { answer(w, http.StatusOK, body) }

func refuse(w http.ResponseWriter, status int, class, code string) {
	answer(w, status, map[string]any{"error": map[string]string{"class": class, "code": code}})
}

func answer(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
