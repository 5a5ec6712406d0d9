package e2e_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/banktest"
	"github.com/bankmux/bankmux/providers/moneykit"
)

// mkWire is a MoneyKit whose pages and lists the test sets.
type mkWire struct {
	*banktest.Sync
	says map[string]string
	last map[string]url.Values
}

func openWire(t *testing.T) *mkWire {
	t.Helper()
	w := &mkWire{Sync: banktest.Open(t, "moneykit"), says: map[string]string{}, last: map[string]url.Values{}}
	keys := w.Bank.Credentials()
	var err error
	w.Client, err = moneykit.New(moneykit.Config{
		BaseURL:      "http://127.0.0.1",
		ClientID:     keys.MoneyKit.ClientID,
		ClientSecret: bankmux.NewSecret(keys.MoneyKit.ClientSecret),
		Environment:  bankmux.Sandbox,
		HTTPClient:   &http.Client{Transport: wording{banktest.InProcess{Handler: w.Bank.MoneyKit()}, w.says, w.last}},
	})
	require.NoError(t, err)
	w.has("acc")
	w.lists()
	return w
}

// has sets the accounts of the link.
func (w *mkWire) has(accounts ...string) {
	list := make([]string, len(accounts))
	for i, id := range accounts {
		list[i] = fmt.Sprintf(
			`{"account_id":%q,"account_type":"depository.checking","name":"Checking","balances":{"currency":"USD"}}`,
			id,
		)
	}
	w.says["/accounts"] = `{"accounts":[` + strings.Join(list, ",") + `],"link":{"link_id":"link","state":"connected"}}`
}

// lists sets the rows of MoneyKit's list.
func (w *mkWire) lists(rows ...string) {
	w.says["/transactions"] = fmt.Sprintf(
		`{"transactions":[%s],"total":%d,"page":1,"size":500,"accounts":[],`+
			`"link":{"link_id":"link","state":"connected"}}`,
		strings.Join(rows, ","),
		len(rows),
	)
}

// page syncs one page and stores it. refreshed is when MoneyKit fetched what it lists.
func (w *mkWire) page(t *testing.T, more bool, created, updated, removed []string) bankmux.Delta {
	t.Helper()
	time.Sleep(time.Hour)
	body := strings.Replace(
		mkPage(created, updated, removed),
		`"has_more":false`,
		fmt.Sprintf(`"has_more":%t`, more),
		1,
	)
	w.says["/transactions/sync"] = strings.Replace(
		body,
		`"state":"connected"`,
		fmt.Sprintf(
			`"state":"connected","products":{"transactions":{"refreshed_at":%q}}`,
			time.Now().UTC().Format(time.RFC3339),
		),
		1,
	)
	d, err := w.Client.Sync(
		t.Context(),
		bankmux.SyncRequest{Connection: w.Conn, Cursor: w.Cursor, Known: w.Known, Name: inLedger},
	)
	require.NoError(t, err)
	w.Store(d)
	return d
}

// inLedger returns the application's name of an account, which all links share.
func inLedger(id string) string {
	if id == "acc" {
		return "ledger"
	}
	return id
}

// of returns the row with another account.
func of(account, row string) string {
	return strings.Replace(row, `"account_id":"acc"`, fmt.Sprintf(`"account_id":%q`, account), 1)
}

// keys returns the keys of the rows by text.
func (w *mkWire) keys() map[string]string {
	all := map[string]string{}
	for _, k := range w.Rows {
		all[k.Text] = k.Key
	}
	return all
}

// follow starts with the current rows.
func (w *mkWire) follow() fates {
	f := fates{}
	for text, key := range w.keys() {
		f[label(text)] = key
	}
	return f
}
