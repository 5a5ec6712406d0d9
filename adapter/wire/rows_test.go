package wire_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/adapter/wire"
)

// TestRows specifies how rows are passed and how their number is estimated.
func TestRows(t *testing.T) {
	t.Parallel()
	t.Run("rows are passed one by one and share nothing", rowsArePassedOneByOneAndShareNothing)
	t.Run("Room estimates the number of rows", roomEstimatesTheNumberOfRows)
}

type row struct {
	A string `json:"a"`
	B string `json:"b"`
}

func rowsArePassedOneByOneAndShareNothing(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string][]row{
		`{"rows":[{"a":"1","b":"x"},{"a":"2"},{"b":null,"c":[1]}],"after":true}`: {{"1", "x"}, {"2", ""}, {"", ""}},
		`{"rows":[]}`: nil,
	} {
		var got []row
		var in struct {
			Rows  wire.Rows[row] `json:"rows"`
			After bool           `json:"after"`
		}
		in.Rows.Each = func(i int, r *row) {
			assert.Len(t, got, i)
			got = append(got, *r)
		}
		require.NoError(t, wire.Unmarshal([]byte(raw), &in), raw)
		assert.Equal(t, want, got)
		assert.True(t, in.Rows.Present)
		assert.Equal(t, len(want), in.Rows.N)
		assert.Equal(t, len(want) > 0, in.After)
	}
	for raw, fails := range map[string]bool{
		`{}`: false, `{"rows":null}`: false, `{"rows":{}}`: true, `{"rows":"x"}`: true, `{"rows":[{"a":"1"},{}`: true,
	} {
		var in struct {
			Rows wire.Rows[row] `json:"rows"`
		}
		in.Rows.Each = func(int, *row) {}
		assert.Equal(t, fails, wire.Unmarshal([]byte(raw), &in) != nil, raw)
		if !fails {
			assert.False(t, in.Rows.Present, raw)
		}
	}
}

func roomEstimatesTheNumberOfRows(t *testing.T) {
	t.Parallel()
	t.Run("is guessed from the first row, but a short one does not make it large", func(t *testing.T) {
		t.Parallel()
		long := `{"a":"` + strings.Repeat("x", 592) + `"}`
		for first, want := range map[string]int{long: 50, `{}`: 60} {
			body := `{"rows":[` + first + strings.Repeat(","+long, 49) + `]}`
			room := 0
			var in struct {
				Rows wire.Rows[row] `json:"rows"`
			}
			in.Rows.Each = func(i int, _ *row) {
				if i == 0 {
					room = in.Rows.Room(500)
				}
			}
			require.NoError(t, wire.Unmarshal([]byte(body), &in))
			assert.InDelta(t, want, room, 2)
		}
	})
	t.Run("grows by rows that are zero", func(t *testing.T) {
		t.Parallel()
		rows := make([]row, 0, 2)
		for i := range 100 {
			rows = wire.AppendZero(rows)
			require.Len(t, rows, i+1)
			assert.Zero(t, rows[i])
			rows[i].A = "x"
		}
	})
}
