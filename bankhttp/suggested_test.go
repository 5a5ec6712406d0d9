package bankhttp_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
)

// TestSuggested specifies that a row names the rows that it perhaps replaces, as long as they are
// there.
func TestSuggested(t *testing.T) {
	t.Parallel()
	p := newHarbor()
	a := newHarborApp(t, p)
	path := "/connections/" + a.harborLink(t, "rosa") + "/sync"
	sync := func(change func(*bankmux.Delta)) map[string][]string {
		p.change = change
		require.Equal(t, 200, a.send(t, "rosa", "POST", path, "").Code)
		got := object[struct {
			Transactions []struct {
				ID              string
				PerhapsReplaces []string `json:"perhaps_replaces"`
			}
		}](t, a.send(t, "rosa", "GET", "/transactions", ""), 200)
		all := map[string][]string{}
		for _, row := range got.Transactions {
			all[row.ID] = row.PerhapsReplaces
		}
		return all
	}
	known := func(key string) bankmux.Known {
		for _, row := range memoryRows(t, a) {
			if row.Key == key {
				return bankmux.Known{Key: key, Account: row.Account, Date: row.Row.Date, Amount: row.Row.Amount}
			}
		}
		require.FailNow(t, "no row", key)
		return bankmux.Known{}
	}
	assert.Equal(t, map[string][]string{"key1": nil, "key2": nil}, sync(nil))
	was, may := known("key1"), known("key2")
	suggest := func(d *bankmux.Delta) {
		d.Suggested = []bankmux.Suggestion{{Was: &was, May: []*bankmux.Known{&may}}}
	}
	suggested := map[string][]string{"key1": nil, "key2": {"key1"}}
	assert.Equal(t, suggested, sync(suggest))
	assert.Equal(t, suggested, sync(suggest), "a suggestion that is repeated is one")
	assert.Equal(t, suggested, sync(nil))
	assert.Equal(t, map[string][]string{"key1": nil, "key2": nil}, sync(func(d *bankmux.Delta) {
		d.Modified = []bankmux.Change{{Was: &was, Known: was, Row: &bankmux.Transaction{}}}
	}), "the bank has returned the row again")
	sync(suggest)
	assert.Equal(t, map[string][]string{"key2": nil}, sync(func(d *bankmux.Delta) {
		d.Removed = []bankmux.Absence{{Known: was}}
	}), "the row is gone")
	assert.Equal(t, map[string][]string{"key1": nil, "key2": nil}, sync(func(d *bankmux.Delta) {
		d.Added = append(d.Added, bankmux.Added{Known: was, Row: &bankmux.Transaction{}})
	}), "a row that came again is another one")
}

// memoryRows returns all stored rows.
func memoryRows(t *testing.T, a *app) []bankhttp.Transaction {
	t.Helper()
	page, err := a.store.Transactions(t.Context(), bankhttp.Query{User: "rosa", Limit: 100})
	require.NoError(t, err)
	return page.Transactions
}
