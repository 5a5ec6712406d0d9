package schedule_test

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/schedule"
)

// ids are kinds of ids that applications have.
var ids = map[string]func(i int) string{
	"numbers":           strconv.Itoa,
	"numbers of a row":  func(i int) string { return strconv.Itoa(1_000_000_000 + i) },
	"texts with a tail": func(i int) string { return "connection-" + strconv.Itoa(i) + "-of-a-user" },
	"UUIDs of one second, which differ at the end": func(i int) string {
		return fmt.Sprintf("01956f2a-0000-7000-8000-%012x", i)
	},
	"long texts that differ in the middle": func(i int) string {
		return strings.Repeat("x", 100) + strconv.Itoa(i) + strings.Repeat("y", 100)
	},
	"texts in which one bit differs": func(i int) string {
		return string([]byte{byte(i), byte(i >> 8), byte(i >> 16)})
	},
}

func TestNight(t *testing.T) {
	t.Parallel()
	for name, id := range ids {
		t.Run("slots are even, with ids that are "+name, func(t *testing.T) {
			t.Parallel()
			const connections, parts = 96_000, 96 // five minutes each
			var load [parts]int
			night := schedule.Night{}
			for i := range connections {
				load[night.Slot(id(i))*parts/(8*time.Hour)]++
			}
			chi := 0.0
			for part, n := range load { // five standard deviations of a fair draw
				assert.InDelta(t, connections/parts, n, 5*math.Sqrt(connections/parts), part)
				chi += float64((n-connections/parts)*(n-connections/parts)) / (connections / parts)
			}
			assert.Less(t, chi, parts-1+5*math.Sqrt(2*(parts-1)), "chi-squared, with as many deviations")
		})
	}
	t.Run("a run that is late keeps its slot of the next night", func(t *testing.T) {
		t.Parallel()
		night := schedule.Night{}
		midnight := time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)
		slot := midnight.Add(5*time.Minute + night.Slot("conn-1"))
		for _, late := range []time.Duration{0, time.Second, time.Hour, 20 * time.Hour} {
			assert.Equal(t, slot.Add(24*time.Hour), night.Next("conn-1", slot.Add(late)), late)
		}
	})
	t.Run("a slot is the same in every version", func(t *testing.T) {
		t.Parallel()
		// Another digest would move every connection to another time of the night.
		for id, want := range map[string]time.Duration{
			"": 13_173_903_936_411, "conn-1": 20_205_058_714_930, "conn-2": 9_793_122_992_302,
		} {
			assert.Equal(t, want, schedule.Night{}.Slot(id), id)
		}
	})
	t.Run("a run is once a day in the window, and later for a later time", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			zone, err := time.LoadLocation(rapid.SampledFrom([]string{
				"UTC", "Asia/Dubai", "America/New_York", "Pacific/Apia", "Africa/Cairo", "Australia/Lord_Howe",
			}).Draw(t, "zone"))
			require.NoError(t, err)
			night := schedule.Night{
				Start:  time.Duration(rapid.Int64Range(0, int64(24*time.Hour)-1).Draw(t, "start")),
				Length: time.Duration(rapid.Int64Range(1, int64(24*time.Hour)).Draw(t, "length")),
				Zone:   zone,
			}
			id := rapid.String().Draw(t, "id")
			slot := night.Slot(id)
			require.GreaterOrEqual(t, slot, time.Duration(0))
			require.Less(t, slot, night.Length)
			after := time.Unix(rapid.Int64Range(1_600_000_000, 1_900_000_000).Draw(t, "after"), 0)
			next := night.Next(id, after)
			require.True(t, next.After(after))
			require.LessOrEqual(t, next.Sub(after), 25*time.Hour, "clocks are put back by an hour at most")
			require.Equal(t, next, night.Next(id, next.Add(-1)), "no start is left out")
			moved := after.Add(time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, "moved")))
			require.False(t, night.Next(id, moved).Before(next))
		})
	})
	t.Run("a window starts by the clock of its zone, also when the clocks change", func(t *testing.T) {
		t.Parallel()
		zone, err := time.LoadLocation("America/New_York")
		require.NoError(t, err)
		night := schedule.Night{Start: 22 * time.Hour, Length: 8 * time.Hour, Zone: zone}
		at := time.Date(2026, 3, 6, 12, 0, 0, 0, zone)
		for range 4 { // the clocks are put forward on 8 March
			at = night.Next("conn-1", at)
			start := at.Add(-night.Slot("conn-1")).In(zone)
			assert.Equal(t, "22:00", start.Format("15:04"))
		}
		assert.Equal(t, 9, at.Add(-night.Slot("conn-1")).In(zone).Day())
	})

	t.Run("no run of the zero Night starts in the margin of a daily budget", func(t *testing.T) {
		t.Parallel()
		budget := guard.PSD2Budget("")
		require.Equal(t, 24*time.Hour, budget.Window)
		require.Zero(t, budget.Offset, "its days are those of UTC")
		noon := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
		first, last := budget.Window, time.Duration(0)
		for i := range 10_000 {
			start := schedule.Night{}.Next(strconv.Itoa(i), noon)
			since := start.Sub(start.Truncate(budget.Window))
			first, last = min(first, since), max(last, since)
		}
		assert.Greater(t, first, budget.Margin+2*time.Minute)
		assert.Less(t, first, budget.Margin+4*time.Minute, "the first slots are used")
		assert.Less(t, last, budget.Window-budget.Margin)
	})
	t.Run("a start of a whole day is midnight", func(t *testing.T) {
		t.Parallel()
		next := schedule.Night{Start: 24 * time.Hour}.Next("conn-1", time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC))
		assert.Equal(t, time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC).Add(schedule.Night{}.Slot("conn-1")), next)
	})
	t.Run("whole days of a start do not count", func(t *testing.T) {
		t.Parallel()
		at := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
		want := schedule.Night{Start: 4 * time.Hour}.Next("conn-1", at)
		for _, start := range []time.Duration{100 * time.Hour, -20 * time.Hour} {
			assert.Equal(t, want, schedule.Night{Start: start}.Next("conn-1", at))
		}
	})
	t.Run("the last slot of a window is not left out after a day of 23 hours", func(t *testing.T) {
		t.Parallel()
		zone, err := time.LoadLocation("America/New_York")
		require.NoError(t, err)
		night := schedule.Night{Start: 24*time.Hour - time.Minute, Length: 24 * time.Hour, Zone: zone}
		id := "conn-0"
		for i := 0; night.Slot(id) < 23*time.Hour+50*time.Minute; i++ {
			id = "conn-" + strconv.Itoa(i)
		}
		start := time.Date(2026, 3, 7, 23, 59, 0, 0, zone).Add(night.Slot(id)) // on 9 March
		require.Equal(t, 9, start.Day())
		assert.True(t, start.Equal(night.Next(id, start.Add(-time.Nanosecond))))
	})
}

func TestCatchUp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		headroom float64
		want     time.Duration
	}{{2, time.Hour}, {1.5, 2 * time.Hour}, {5, 15 * time.Minute}} {
		times := strconv.FormatFloat(c.headroom, 'g', -1, 64)
		t.Run("an hour's outage with "+times+" times the load", func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, schedule.CatchUp(time.Hour, c.headroom))
		})
	}
	t.Run("without headroom it never ends", func(t *testing.T) {
		t.Parallel()
		for _, headroom := range []float64{1, 0.5, 0, -1, math.NaN(), math.Nextafter(1, 2)} {
			assert.Equal(t, time.Duration(math.MaxInt64), schedule.CatchUp(1000*time.Hour, headroom), headroom)
		}
	})
}

func TestNightLimits(t *testing.T) {
	t.Parallel()
	t.Run("a window is 24 hours at most", func(t *testing.T) {
		t.Parallel()
		for _, id := range []string{"conn-1", "conn-2", "conn-3"} {
			want := schedule.Night{Length: 24 * time.Hour}.Slot(id)
			assert.Equal(t, want, schedule.Night{Length: 72 * time.Hour}.Slot(id))
		}
	})
	t.Run("a part of a second of Start counts", func(t *testing.T) {
		t.Parallel()
		const start = 4*time.Hour + 1500*time.Millisecond
		night := schedule.Night{Start: start, Length: 1}
		midnight := time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)
		assert.Equal(t, start, night.Next("conn-1", midnight).Sub(midnight))
	})
}
