package reconcile_test

import (
	"context"
	"iter"
	"slices"
	"sort"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// store is an application's database.
type store struct {
	rows   map[string]bankmux.Known
	cursor string
	blind  bool // it gives no Known
}

func newStore() *store { return &store{rows: map[string]bankmux.Known{}} }

func (s *store) known(_ context.Context, account string, from, to bankmux.Date) iter.Seq2[bankmux.Known, error] {
	return func(yield func(bankmux.Known, error) bool) {
		for _, k := range s.rows {
			if k.Account == account && !k.Date.Before(from) && !k.Date.After(to) && !yield(k, nil) {
				return
			}
		}
	}
}

func (s *store) request(size int, accounts ...string) bankmux.SyncRequest {
	req := bankmux.SyncRequest{
		Connection: bankmux.Connection{ID: "conn-1"},
		Cursor:     s.cursor,
		PageSize:   size,
		Known:      s.known,
		Accounts:   accounts,
	}
	if s.blind {
		req.Known = nil
	}
	return req
}

// keep stores a page and its cursor as one transaction does.
func (s *store) keep(t fixture, d bankmux.Delta) {
	t.Helper()
	for _, a := range d.Added {
		require.NotContains(t, s.rows, a.Known.Key, "a new row has a new key")
	}
	for _, c := range slices.Concat(d.Modified, d.Replaced) {
		require.Contains(t, s.rows, c.Was.Key, "Was is a stored row")
	}
	for _, m := range slices.Concat(d.Missing, d.Removed) {
		require.Contains(t, s.rows, m.Known.Key)
	}
	require.NotEmpty(t, d.Next)
	s.save(d)
}

// save stores a page without checks.
func (s *store) save(d bankmux.Delta) {
	for _, c := range slices.Concat(d.Modified, d.Replaced) {
		delete(s.rows, c.Was.Key)
	}
	for _, m := range d.Removed {
		delete(s.rows, m.Known.Key)
	}
	for _, a := range d.Added {
		s.rows[a.Known.Key] = a.Known
	}
	for _, c := range slices.Concat(d.Modified, d.Replaced) {
		s.rows[c.Known.Key] = c.Known
	}
	for _, m := range d.Missing {
		s.rows[m.Known.Key] = m.Known
	}
	s.cursor = d.Next
}

// syncer is an engine.
type syncer interface {
	Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error)
}

// round syncs until there is no more, and returns all changes.
func (s *store) round(t fixture, f syncer, size int, accounts ...string) (all bankmux.Delta) {
	t.Helper()
	for range 500 {
		d, err := f.Sync(context.Background(), s.request(size, accounts...))
		require.NoError(t, err)
		s.keep(t, d)
		all.Added = append(all.Added, d.Added...)
		all.Modified = append(all.Modified, d.Modified...)
		all.Replaced = append(all.Replaced, d.Replaced...)
		all.Removed = append(all.Removed, d.Removed...)
		all.Missing = append(all.Missing, d.Missing...)
		all.Suggested = append(all.Suggested, d.Suggested...)
		all.Failed = append(all.Failed, d.Failed...)
		all.Suspect = append(all.Suspect, d.Suspect...)
		all.Gaps = append(all.Gaps, d.Gaps...)
		all.Covered = append(all.Covered, d.Covered...)
		all.Outside += d.Outside
		if !d.More {
			return all
		}
	}
	require.Fail(t, "the round does not end")
	return all
}

// ids returns the present ids of the stored rows.
func (s *store) ids() (ids []string) {
	for _, k := range s.rows {
		for _, a := range k.Aliases {
			if id, ours := strings.CutPrefix(a, "id:acme:"); ours {
				ids = append(ids, id)
				break
			}
		}
	}
	sort.Strings(ids)
	return ids
}

// keys returns the keys of the stored rows by content.
func (s *store) keys() map[string]string {
	keys := map[string]string{}
	for _, k := range s.rows {
		keys[k.Text+" "+k.Amount.Decimal().String()] = k.Key
	}
	return keys
}

// agree checks that the store has what the provider has.
func (s *store) agree(t fixture, r *record) {
	t.Helper()
	require.Equal(t, r.present(), s.ids())
	for _, k := range s.rows {
		id, _ := strings.CutPrefix(k.Aliases[0], "id:acme:")
		row := &r.rows[id].row
		assert.True(t, row.Amount.Equal(k.Amount), id)
		assert.Equal(t, row.Date, k.Date, id)
		assert.Equal(t, row.Status, k.Status, id)
	}
}

// changed returns how many rows a delta changes.
func changed(d bankmux.Delta) int {
	return len(d.Added) + len(d.Modified) + len(d.Replaced) + len(d.Removed) + len(d.Missing)
}
