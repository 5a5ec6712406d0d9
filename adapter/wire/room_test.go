package wire_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/adapter/wire"
)

func TestRoomForRows(t *testing.T) {
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
