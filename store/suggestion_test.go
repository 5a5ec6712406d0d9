package store_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/store"
)

// suggestions returns by the keys of rows those that they perhaps replace.
func suggestions(t *testing.T, s *store.Store) map[string][]string {
	t.Helper()
	page, err := s.Transactions(t.Context(), query("rosa"))
	require.NoError(t, err)
	all := map[string][]string{}
	for _, row := range page.Transactions {
		if len(row.PerhapsReplaces) > 0 {
			all[row.Key] = row.PerhapsReplaces
		}
	}
	return all
}

// TestSuggestions specifies what a store keeps of rows that perhaps replace others.
func TestSuggestions(t *testing.T) {
	row := func(a, key, text string) bankmux.Added { return movement(a, key, "2026-01-02", "-5", text) }
	// One stored row perhaps is one of two new ones.
	open := func(t *testing.T, db *database) (s *store.Store, conn bankmux.Connection, was, tea, room bankmux.Added) {
		t.Helper()
		s = db.open(t)
		conn = connection(t, s, "rosa", "1")
		a := name(t, s, conn, checking("a", "1"))[0]
		was, tea, room = row(a, "was", "Tea"), row(a, "tea", "Tea house"), row(a, "room", "Tea room")
		storePage(t, s, conn, bankmux.Delta{Added: []bankmux.Added{was}})
		storePage(t, s, conn, bankmux.Delta{
			Added:     []bankmux.Added{tea, room},
			Missing:   []bankmux.Absence{{Known: was.Known}},
			Suggested: []bankmux.Suggestion{{Was: &was.Known, May: []*bankmux.Known{&tea.Known, &room.Known}}},
		})
		require.Equal(t, map[string][]string{"tea": {"was"}, "room": {"was"}}, suggestions(t, s))
		return s, conn, was, tea, room
	}
	onEach(t, "both new rows name the stored one, and a repeated suggestion is one", func(t *testing.T, db *database) {
		s, conn, was, tea, _ := open(t, db)
		again := bankmux.Suggestion{Was: &was.Known, May: []*bankmux.Known{&tea.Known}}
		storePage(t, s, conn, bankmux.Delta{
			Added: []bankmux.Added{tea}, Suggested: []bankmux.Suggestion{again, again},
		})
		assert.Equal(t, map[string][]string{"tea": {"was"}}, suggestions(t, s), "the last page decides")
	})
	onEach(t, "it goes when the stored row goes", func(t *testing.T, db *database) {
		s, conn, was, _, _ := open(t, db)
		storePage(t, s, conn, bankmux.Delta{Removed: []bankmux.Absence{{Known: was.Known}}})
		assert.Empty(t, suggestions(t, s))
		assert.Zero(t, count(t, s, "bankmux_suggestions"))
	})
	onEach(t, "it goes when the new row goes", func(t *testing.T, db *database) {
		s, conn, _, tea, _ := open(t, db)
		storePage(t, s, conn, bankmux.Delta{Removed: []bankmux.Absence{{Known: tea.Known}}})
		assert.Equal(t, map[string][]string{"room": {"was"}}, suggestions(t, s))
		assert.Equal(t, 1, count(t, s, "bankmux_suggestions"))
	})
	onEach(t, "it goes when the stored row has become another one, or is back", func(t *testing.T, db *database) {
		for _, how := range []string{"replaced", "modified"} {
			s, conn, was, _, _ := open(t, newDatabase(t, db.dialect))
			becomes := row(was.Known.Account, "posted", "Tea")
			changed := []bankmux.Change{{Was: &was.Known, Known: becomes.Known, Row: becomes.Row}}
			delta := bankmux.Delta{Replaced: changed}
			if how == "modified" {
				delta = bankmux.Delta{Modified: changed}
			}
			storePage(t, s, conn, delta)
			assert.Empty(t, suggestions(t, s), how)
			assert.Zero(t, count(t, s, "bankmux_suggestions"), how)
		}
	})
	onEach(t, "one about a row that is removed with the page is not stored", func(t *testing.T, db *database) {
		s, conn, was, _, _ := open(t, db)
		milk := row(was.Known.Account, "milk", "Tea with milk")
		storePage(t, s, conn, bankmux.Delta{
			Added:     []bankmux.Added{milk},
			Removed:   []bankmux.Absence{{Known: was.Known}},
			Suggested: []bankmux.Suggestion{{Was: &was.Known, May: []*bankmux.Known{&milk.Known}}},
		})
		assert.Zero(t, count(t, s, "bankmux_suggestions"))
	})
	onEach(t, "it goes with the account", func(t *testing.T, db *database) {
		s, _, was, _, _ := open(t, db)
		require.NoError(t, s.DeleteAccount(t.Context(), "rosa", was.Known.Account))
		assert.Zero(t, count(t, s, "bankmux_suggestions"))
	})
}
