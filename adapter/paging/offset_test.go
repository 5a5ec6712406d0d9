package paging_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/paging"
)

// page is one page of a reading.
type page struct{ n, total int }

// TestOffset specifies where the next page of a list starts that changes while it is read.
func TestOffset(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		pages  []page
		starts []int // of all pages but the first
		moved  bool
	}{
		"a list that stays":                       {[]page{{3, 8}, {3, 8}, {2, 8}}, []int{3, 6}, false},
		"an empty list":                           {[]page{{0, 0}}, nil, false},
		"a list that grows repeats rows":          {[]page{{3, 6}, {3, 8}, {2, 8}}, []int{3, 6}, true},
		"a list that shrinks is read from before": {[]page{{3, 8}, {3, 6}, {3, 6}, {3, 6}}, []int{3, 1, 4}, true},
		"a list with fewer rows than announced":   {[]page{{3, 5}, {0, 5}}, []int{3}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var starts []int
			next, moved := "", false
			for i, p := range test.pages {
				at, err := paging.ParseOffset(next, "Request.Page")
				require.NoError(t, err)
				assert.Equal(t, i == 0, at.First())
				if i > 0 {
					starts = append(starts, at.Start())
				}
				next, err = at.Next(p.n, p.total)
				require.NoError(t, err)
				moved = at.Moved()
				assert.Equal(t, i == len(test.pages)-1, next == "", "page %d", i)
			}
			assert.Equal(t, test.starts, starts)
			assert.Equal(t, test.moved, moved)
		})
	}
	t.Run("a list that keeps shrinking ends with an error", func(t *testing.T) {
		t.Parallel()
		next, total := "", 100
		var err error
		for range 20 {
			at, bad := paging.ParseOffset(next, "Request.Page")
			require.NoError(t, bad)
			if next, err = at.Next(1, total); err != nil {
				break
			}
			total--
		}
		require.ErrorIs(t, err, bankmux.ErrMalformed)
	})
	t.Run("a place that no page has named is refused", func(t *testing.T) {
		t.Parallel()
		for _, s := range []string{"1", "x", "-1.2.0.false", "1.-2.0.false", "1.2.0.false ", "01.2.0.false"} {
			_, err := paging.ParseOffset(s, "Request.Page")
			require.ErrorIs(t, err, bankmux.ErrInvalid, s)
			assert.Equal(t, "Request.Page", bankmux.ErrorOf(err).Field)
		}
	})
}
