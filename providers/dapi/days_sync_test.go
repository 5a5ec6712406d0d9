package dapi_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// ledger is what an application stores of one account.
type ledger map[string]bankmux.Known

func (l ledger) known(_ context.Context, _ string, from, to bankmux.Date) iter.Seq2[bankmux.Known, error] {
	return func(yield func(bankmux.Known, error) bool) {
		for _, k := range l {
			if !k.Date.Before(from) && !k.Date.After(to) && !yield(k, nil) {
				return
			}
		}
	}
}

// store keeps what a page says.
func (l ledger) store(d bankmux.Delta) {
	for _, c := range d.Modified {
		delete(l, c.Was.Key)
	}
	for _, c := range d.Replaced {
		delete(l, c.Was.Key)
	}
	for _, gone := range d.Removed {
		delete(l, gone.Known.Key)
	}
	for _, a := range d.Added {
		l[a.Known.Key] = a.Known
	}
	for _, c := range d.Modified {
		l[c.Known.Key] = c.Known
	}
	for _, c := range d.Replaced {
		l[c.Known.Key] = c.Known
	}
	for _, m := range d.Missing {
		l[m.Known.Key] = m.Known
	}
}

func (l ledger) days() []string {
	var rows []dayRow
	for _, k := range l {
		rows = append(rows, dayRow{written: k.Date})
	}
	return writtenDays(rows)
}

// A bank that silently serves fewer days than it says drops rows by the day that it selects by.
func TestARowThatLeavesTheDaysABankServesIsNotRemoved(t *testing.T) {
	t.Parallel()
	for name, drift := range map[string][]int{
		"selected by the day that is written":      {0},
		"written three or six days later":          {6, 3},
		"written on the same day or ten later":     {10, 0, 0},
		"written two days earlier, or on the same": {-2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, client, conn, today := openDays(t, "AE", noon, 90, func(back int, day bankmux.Date) []dayRow {
				return []dayRow{{day, day.AddDays(drift[back%len(drift)]), "rent of " + day.String()}}
			})
			stored := ledger{}
			sync := func(cursor string) string {
				t.Helper()
				d, err := client.Sync(
					t.Context(),
					bankmux.SyncRequest{
						Connection: conn,
						Accounts:   []string{"a1"},
						Known:      stored.known,
						Cursor:     cursor,
					},
				)
				require.NoError(t, err)
				require.Empty(t, d.Suspect)
				stored.store(d)
				return d.Next
			}
			cursor := sync("")
			all := stored.days()
			for _, serves := range []int{89, 86, 80, 78, 60, 59} {
				b.secretly = today.AddDays(1 - serves)
				sync("")
				cursor = sync("")
				assert.Equal(t, all, stored.days(), "%d days are served", serves)
			}
			// What is withdrawn is removed all the same.
			withdrawn := strings.ToUpper(b.rows[7].text)
			b.rows = slices.Delete(b.rows, 7, 8)
			sync(sync(cursor))
			assert.Len(t, stored, len(all)-1)
			for _, k := range stored {
				assert.NotEqual(t, withdrawn, k.Text)
			}
		})
	}
}

func TestARoundThatGoesOnAfterMidnightAsksForNoDayThatTheBankHasLeft(t *testing.T) {
	t.Parallel()
	before := time.Date(2026, time.September, 30, 19, 50, 0, 0, time.UTC)
	after := before.Add(20 * time.Minute) // 00:10 in Dubai
	serves := func(b *dayBank) func(from, _ bankmux.Date) bool {
		return func(from, _ bankmux.Date) bool {
			return from.Before(bankmux.DateOf(b.now.Add(4 * time.Hour)).AddDays(-89))
		}
	}
	t.Run("between two accounts", func(t *testing.T) {
		t.Parallel()
		b, client, conn, _ := openDays(t, "AE", before, 90, plain)
		b.refuses = serves(b)
		req := bankmux.SyncRequest{Connection: conn, Accounts: []string{"a1", "a2"}}
		d, err := client.Sync(t.Context(), req)
		require.NoError(t, err)
		assert.Len(t, d.Added, 90)
		b.now, req.Cursor = after, d.Next
		d, err = client.Sync(t.Context(), req)
		require.NoError(t, err)
		assert.Len(t, d.Added, 89)
		assert.Empty(t, d.Gaps, "the bank does not promise that day any more")
		assert.Zero(t, b.refused, "%v", b.asked)
	})
	t.Run("between two calls", func(t *testing.T) {
		t.Parallel()
		b, client, conn, _ := openDays(t, "AE", before, 90, plain)
		refuses := serves(b)
		b.refuses = func(from, to bankmux.Date) bool {
			if len(b.asked) > 1 {
				b.now = after
			}
			return refuses(from, to)
		}
		d := firstSync(t, client, conn)
		assert.Len(t, d.Added, 89)
		assert.Empty(t, d.Gaps)
		assert.Equal(t, 1, b.refused, "%v", b.asked)
	})
	t.Run("between the question of the bank and the answer", func(t *testing.T) {
		t.Parallel()
		b, client, conn, today := openDays(t, "AE", before, 20, plain)
		b.promises, b.asks = 20, true
		req := bankmux.SyncRequest{Connection: conn, Accounts: []string{"a1"}}
		_, err := client.Sync(t.Context(), req)
		e, ok := errors.AsType[*bankmux.Error](err)
		require.True(t, ok)
		require.NotNil(t, e.Challenge)
		b.now, req.Answers = after, e.Challenge.Answer("123456")
		d, err := client.Sync(t.Context(), req)
		require.NoError(t, err)
		first := today.AddDays(-19).String() + " " + today.String()
		assert.Equal(t, []string{first, first}, b.asked, "the answer goes to the same call, and it is enough")
		assert.Len(t, d.Added, 19)
		assert.Zero(t, d.Outside)
		assert.Empty(t, d.Gaps)
	})
}
