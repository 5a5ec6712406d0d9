package store_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// BenchmarkStoreDelta stores pages of 1,000 new rows.
func BenchmarkStoreDelta(b *testing.B) {
	const rows = 1000
	for _, dialect := range dialects() {
		b.Run(dialect.String(), func(b *testing.B) {
			s := newDatabase(b, dialect).open(b)
			conn := connection(b, s, "rosa", "1")
			names, err := s.NameAccounts(b.Context(), conn, []bankmux.Account{checking("a", "1")})
			require.NoError(b, err)
			state, pages := bankmux.SyncState{}, 0
			for b.Loop() {
				page := bankmux.Delta{}
				for i := range rows {
					page.Added = append(page.Added,
						movement(names["a"], fmt.Sprint(pages, "-", i), "2026-01-02", "-5.20",
							"Coffee and cake at the station"))
				}
				pages++
				stored, err := s.StoreDelta(b.Context(), conn, state, page, state)
				require.NoError(b, err)
				require.True(b, stored)
				state.Version++
			}
			b.ReportMetric(float64(pages*rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
