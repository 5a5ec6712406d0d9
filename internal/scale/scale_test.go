package scale

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/schedule"
)

func TestSimulate(t *testing.T) {
	t.Parallel()
	for _, load := range Loads {
		small := load.hundredth()
		t.Run(load.Provider+": the calls of a night are those of the load", func(t *testing.T) {
			t.Parallel()
			r := Simulate(Night{Load: small})
			assert.InDelta(t, float64(small.Connections)*small.Calls, r.Calls, 1)
			assert.Zero(t, r.MaxWait, "nothing limits them")
			assert.Less(t, r.Last, Window.Length)
			assert.Greater(t, r.Last, Window.Length*99/100)
			assert.GreaterOrEqual(t, float64(r.PeakInFlight), small.InFlight())
			assert.LessOrEqual(t, float64(r.PeakInFlight), 5*small.InFlight())
		})
		for _, headroom := range headrooms {
			t.Run(fmt.Sprintf("%s: with %v times the load, an outage is caught up as CatchUp says", load.Provider,
				headroom),
				func(t *testing.T) {
					t.Parallel()
					r := Simulate(Night{Load: small, Headroom: headroom, From: 2 * time.Hour, Outage: time.Hour})
					want := schedule.CatchUp(time.Hour, headroom)
					assert.InEpsilon(t, want.Minutes(), r.CaughtUp.Minutes(), 0.06)
					assert.GreaterOrEqual(t, r.MaxWait, time.Hour-time.Second)
					assert.LessOrEqual(t, r.MaxWait, time.Hour+time.Minute)
				})
		}
		t.Run(load.Provider+": an outage that is not caught up delays the last run of the night", func(t *testing.T) {
			t.Parallel()
			r := Simulate(Night{Load: small, Headroom: 1, From: 2 * time.Hour, Outage: time.Hour})
			assert.Greater(t, r.Last, Window.Length+55*time.Minute)
			assert.Zero(t, r.CaughtUp)
		})
		t.Run(load.Provider+": at midnight all are under way at once, or wait for each other", func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, small.Connections, Simulate(Night{Load: small, AtOnce: true}).PeakInFlight)
			r := Simulate(Night{Load: small, Headroom: 2, AtOnce: true})
			assert.InEpsilon(t, 4, r.Last.Hours(), 0.01, "half of the window")
			assert.InEpsilon(t, 2, r.MeanWait.Hours(), 0.01)
		})
	}
	t.Run("a run that an outage interrupts starts again after it", func(t *testing.T) {
		t.Parallel()
		// One call of an hour per connection: all that start after 1:00 are interrupted at 2:00.
		load := Load{Provider: "slow", Connections: 800, Calls: 1, Call: time.Hour}
		r := Simulate(Night{Load: load, From: 2 * time.Hour, Outage: time.Hour})
		assert.InDelta(t, (2 * time.Hour).Hours(), r.MaxWait.Hours(), 0.05)
	})
}

func TestLimits(t *testing.T) {
	t.Parallel()
	all := limits()
	for i, l := range all[1:] {
		assert.Greater(t, l.connections, all[i].connections, "the first thing that breaks is first")
	}
	assert.Equal(t, "Plaid's default limit for syncs", all[0].name)
}

func TestCores(t *testing.T) {
	t.Parallel()
	t.Run("a rate that the measured cores serve needs those cores", func(t *testing.T) {
		t.Parallel()
		assert.InDelta(t, measuredCores, cores(syncsPerSecond), 0)
	})
	t.Run("a core is not shared with anything else", func(t *testing.T) {
		t.Parallel()
		assert.InDelta(t, measuredCores+1, cores(syncsPerSecond+1), 0)
	})
}

func TestMeasured(t *testing.T) {
	t.Parallel()
	bench, err := os.ReadFile(filepath.Join("..", "..", "bench", "README.md"))
	require.NoError(t, err)
	for _, f := range []struct {
		name, pattern string
		want          []float64
	}{
		{"syncsPerSecond", `syncs of empty pages per second[^|]*\|[^|]*\| \**([\d,]+)`, []float64{syncsPerSecond}},
		{
			"callsPerProcess and mibPerProcess", `worker with ([\d,]+) calls in flight \|[^|]*\| \**([\d,]+) MiB`,
			[]float64{callsPerProcess, mibPerProcess},
		},
	} {
		t.Run(f.name+": what bench/README.md has", func(t *testing.T) {
			t.Parallel()
			found := regexp.MustCompile(f.pattern).FindStringSubmatch(string(bench))
			require.Len(t, found, 1+len(f.want), "no figure of that form")
			for i, want := range f.want {
				assert.Equal(t, found[1+i], count(want), "edit scale.go, then BANKMUX_WRITE=1 go test ./internal/scale")
			}
		})
	}
}
