package dapi_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// TestSync specifies a sync by days.
func TestSync(t *testing.T) {
	t.Parallel()
	t.Run(
		"each row is reported once for all days that the bank selects and writes",
		eachRowIsReportedOnceForAllDaysThatTheBankSelectsAndWrites,
	)
	t.Run(
		"a row that leaves the days that the bank serves is not removed",
		aRowThatLeavesTheDaysThatTheBankServesIsNotRemoved,
	)
	t.Run(
		"a round that continues after midnight requests no day that the bank no longer serves",
		aRoundThatContinuesAfterMidnightRequestsNoDayThatTheBankNoLongerServes,
	)
}

func eachRowIsReportedOnceForAllDaysThatTheBankSelectsAndWrites(t *testing.T) {
	t.Parallel()
	for _, maxDays := range []int{0, 1, 3, 7, 14, 30} {
		for _, drift := range [][]int{{0}, {3, 6}, {6, 3, 9, 0}, {-2}, {10}, {-10}, {14, 14, 7}, {-14}} {
			t.Run(fmt.Sprintf("at most %d days per call, written %v days later", maxDays, drift), func(t *testing.T) {
				t.Parallel()
				b, client, conn, today := openDays(t, "AE", noon, 90, later(drift...))
				b.refuses = atMost(maxDays)
				d := firstSync(t, client, conn)
				assert.Equal(t, writtenDays(served(b, today)), addedDays(d))
				if maxDays > 0 {
					assert.LessOrEqual(
						t,
						d.Outside,
						len(b.rows)-len(served(b, today)),
						"only rows before the first served day are dropped",
					)
				}
				require.Len(t, d.Covered, 1)
				assert.False(t, d.Covered[0].From.Before(today.AddDays(-89+max(0, slices.Max(drift)))))
			})
		}
	}
	for _, maxDays := range []int{0, 3, 7, 30} {
		for _, history := range []int{1, 12, 35, 60, 200} {
			t.Run(
				fmt.Sprintf("at most %d days per call of a bank that ignores them, %d days of rows", maxDays, history),
				func(t *testing.T) {
					t.Parallel()
					b, client, conn, today := openDays(t, "AE", noon, history, func(_ int, day bankmux.Date) []dayRow {
						return []dayRow{{day, day, "coffee"}, {day, day, "coffee"}}
					})
					b.ignores, b.refuses = true, atMost(maxDays)
					assert.Equal(t, writtenDays(served(b, today)), addedDays(firstSync(t, client, conn)))
				},
			)
		}
	}
	t.Run("the last weeks are read with their margin", func(t *testing.T) {
		t.Parallel()
		for _, drift := range []int{10, -10} {
			b, client, conn, _ := openDays(t, "AE", noon, 89, later(drift))
			b.refuses = atMost(7)
			d := firstSync(t, client, conn)
			b.now = b.now.Add(24 * time.Hour)
			d, err := client.Sync(
				t.Context(),
				bankmux.SyncRequest{Connection: conn, Accounts: []string{"a1"}, Cursor: d.Next},
			)
			require.NoError(t, err)
			from := d.Covered[0].From
			days := addedDays(d)
			for day := from; day.Before(d.Covered[0].To.AddDays(-11)); day = day.AddDays(1) {
				assert.Contains(t, days, day.String(), "drift %d", drift)
			}
		}
	})
}

// A bank that serves fewer days than it says drops rows by the day that it selects by.
func aRowThatLeavesTheDaysThatTheBankServesIsNotRemoved(t *testing.T) {
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
			// A withdrawn row is still removed.
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

func aRoundThatContinuesAfterMidnightRequestsNoDayThatTheBankNoLongerServes(t *testing.T) {
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
		assert.Empty(t, d.Gaps, "the bank no longer promises that day")
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
	t.Run("between the bank's question and the answer", func(t *testing.T) {
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
		assert.Equal(t, []string{first, first}, b.asked, "the answer is sent with the same call, and that is enough")
		assert.Len(t, d.Added, 19)
		assert.Zero(t, d.Outside)
		assert.Empty(t, d.Gaps)
	})
}
