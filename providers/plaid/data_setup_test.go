package plaid_test

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

const (
	accountsPath     = "/accounts/get"
	balancesPath     = "/accounts/balance/get"
	numbersPath      = "/auth/get"
	transactionsPath = "/transactions/get"
	syncPath         = "/transactions/sync"
	holdingsPath     = "/investments/holdings/get"
	investmentsPath  = "/investments/transactions/get"
	liabilitiesPath  = "/liabilities/get"
)

// canned responds to calls with texts, by path. The bank serves the rest. Its connection has the
// products of a session that asked for all. Its time is that of the rows, which have fixed days.
func canned(t *testing.T, texts map[string]string) (*setup, bankmux.Connection) {
	t.Helper()
	at := time.Date(2026, time.November, 26, 12, 0, 0, 0, time.UTC)
	s := start(t, virtualbank.Options{Start: at}, func(c *plaid.Config) {
		c.Now = func() time.Time { return at }
	})
	req := request
	req.Products = []bankmux.ProductRequest{
		{Product: bankmux.ProductTransactions, Required: true},
		{Product: bankmux.ProductAccountNumbers},
		{Product: bankmux.ProductIdentity},
		{Product: bankmux.ProductInvestments},
	}
	req.Options = []bankmux.SessionOption{plaid.SessionOptions{Optional: []string{"liabilities"}}}
	conn := s.connect(req, "")
	s.answers(func(w http.ResponseWriter, r *http.Request) bool {
		text, ok := texts[r.URL.Path]
		return ok && write(w, http.StatusOK, text)
	})
	return s, conn
}

// errorWith answers a path with an error of Plaid's.
func (s *setup) errorWith(path, kind, code string) {
	s.fails(path, http.StatusBadRequest, plaidError(kind, code))
}

// round is a record of changes: pages by cursor. A page that starts with "!" is an error code.
type round struct {
	pages map[string]string
	asked []string          // the cursors that were asked for, in order
	then  map[string]string // pages that replace those of the same cursor after they were served once
}

func (r *round) serve(w http.ResponseWriter, req *http.Request) bool {
	if req.URL.Path != syncPath {
		return false
	}
	var body struct {
		Cursor string `json:"cursor"`
	}
	raw, _ := io.ReadAll(req.Body)
	_ = json.Unmarshal(raw, &body)
	r.asked = append(r.asked, body.Cursor)
	page := r.pages[body.Cursor]
	if next, ok := r.then[body.Cursor]; ok {
		r.pages[body.Cursor] = next
	}
	if code, failed := strings.CutPrefix(page, "!"); failed {
		kind := "TRANSACTIONS_ERROR"
		if code == "INVALID_FIELD" {
			kind = "INVALID_REQUEST"
		}
		return write(w, http.StatusBadRequest, strings.Replace(
			plaidError(kind, code), "a message", "cursor not associated with access_token", 1,
		))
	}
	return write(w, http.StatusOK, page)
}

// syncPage is a page of a sync that is ready.
func syncPage(added, modified, removed, next string, more bool) string {
	return `{"added":[` + added + `],"modified":[` + modified + `],"removed":[` + removed + `],"next_cursor":"` + next +
		`","has_more":` + map[bool]string{true: "true", false: "false"}[more] +
		`,"accounts":[],"transactions_update_status":"HISTORICAL_UPDATE_COMPLETE","request_id":"r"}`
}

// wireRow is a transaction of account a1 as Plaid writes it.
func wireRow(id, amount string, more ...string) string {
	return `{"transaction_id":"` + id + `","account_id":"a1","amount":` + amount + `,"iso_currency_code":"USD",` +
		`"unofficial_currency_code":null,"date":"2026-11-20","name":"DINNER","pending":false` +
		strings.Join(append([]string{""}, more...), ",") + `}`
}

// store is an application's database.
type store struct {
	rows   map[string]bankmux.Known
	cursor string
}

func (s *store) known(context.Context, string, bankmux.Date, bankmux.Date) iter.Seq2[bankmux.Known, error] {
	return func(yield func(bankmux.Known, error) bool) {
		for _, k := range s.rows {
			if !yield(k, nil) {
				return
			}
		}
	}
}

func (s *store) keep(d bankmux.Delta) {
	for _, c := range slices.Concat(d.Modified, d.Replaced) {
		delete(s.rows, c.Was.Key)
		s.rows[c.Known.Key] = c.Known
	}
	for _, gone := range d.Removed {
		delete(s.rows, gone.Known.Key)
	}
	for _, a := range d.Added {
		s.rows[a.Known.Key] = a.Known
	}
	s.cursor = d.Next
}

// sync reads one page of changes with the store.
func (s *setup) sync(conn bankmux.Connection, db *store) (bankmux.Delta, error) {
	return s.client.Sync(s.t.Context(), bankmux.SyncRequest{
		Connection: conn, Cursor: db.cursor, Accounts: []string{"a1"}, Known: db.known,
	})
}
