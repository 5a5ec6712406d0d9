package scale

// This file holds docs/scale.md to the numbers of this package.

import (
	"context"
	_ "embed"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"text/template"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/schedule"
)

//go:embed page.md
var pageText string

// headrooms are those of the table of outages.
var headrooms = []float64{1.25, 1.5, 2, 3}

// TestPage compares docs/scale.md with the numbers of this package, or writes it.
func TestPage(t *testing.T) {
	t.Parallel()
	tmpl, err := template.New("page").Option("missingkey=error").Parse(pageText)
	require.NoError(t, err)
	figures := map[string]any{}
	for _, add := range []func(map[string]any){addLoad, addMidnight, addCatchUp, addDatabase, addLimits} {
		add(figures)
	}
	addPlaid(t, figures)
	var want strings.Builder
	require.NoError(t, tmpl.Execute(&want, figures))
	page := filepath.Join("..", "..", "docs", "scale.md")
	if os.Getenv("BANKMUX_WRITE") != "" {
		require.NoError(t, os.WriteFile(page, []byte(want.String()), 0o644))
	}
	got, err := os.ReadFile(page)
	require.NoError(t, err)
	assert.Equal(t, want.String(), string(got), "run BANKMUX_WRITE=1 go test ./internal/scale")
}

// addPlaid computes what Plaid's limit allows. Budgets of the guard count an hour without users.
func addPlaid(t *testing.T, f map[string]any) {
	b := plaidSync()
	f["plaidLimit"], f["plaidCalls"] = count(float64(b.Limit)), decimal(perNight(b)/1e6, 2)
	f["plaidConnections"] = decimal(perNight(b)/pagesPerSync/1e6, 2)
	f["plaidNeeded"] = count(float64(loadOf("MoneyKit").Connections) * pagesPerSync / Window.Length.Minutes())
	allowed := 0
	synctest.Test(t, func(t *testing.T) {
		budgets, err := guard.NewBudgets(b)
		require.NoError(t, err)
		in, ctx := budgets.Interceptor(), bankmux.WithoutUser(t.Context())
		op := bankmux.Op{Name: bankmux.OpSync, Provider: b.Provider, Client: "plaid"}
		for start := time.Now(); time.Since(start) < time.Hour; {
			if in(ctx, op, func(context.Context) error { return nil }) == nil {
				allowed++
				continue
			}
			time.Sleep(time.Until(budgets.NextAllowed(ctx, op)))
		}
	})
	f["plaidReserve"] = count(100 - 100*float64(allowed)/(float64(b.Limit)*60))
	f["plaidReserved"] = decimal(float64(allowed)*Window.Length.Hours()/pagesPerSync/1e6, 2)
}

func addLoad(f map[string]any) {
	type row struct{ Name, Connections, Calls, Call, PerSecond, InFlight string }
	var rows []row
	for _, l := range Loads {
		rows = append(rows, row{
			l.Provider, count(float64(l.Connections)), decimal(l.Calls, 1), decimal(l.Call.Seconds(), 1) + " s",
			count(l.PerSecond()), count(l.InFlight()),
		})
	}
	connections, calls, inFlight := totals()
	f["loads"], f["hours"], f["pages"] = rows, decimal(Window.Length.Hours(), 0), decimal(pagesPerSync, 1)
	f["connections"], f["perSecond"], f["inFlight"] = count(connections), count(calls), count(inFlight)
	f["doublePerSecond"], f["doubleInFlight"] = count(2*calls), count(2*inFlight)
	dapi := loadOf("Dapi")
	f["dapiConnections"] = count(100 * float64(dapi.Connections) / connections)
	f["dapiInFlight"] = count(100 * dapi.InFlight() / inFlight)
	f["midnightTimes"] = count(connections / inFlight)
	f["workers"], f["cores"] = count(math.Ceil(2*inFlight/callsPerProcess)), count(cores(2*syncRate(connections)))
	f["mibPerProcess"] = count(mibPerProcess)
	f["bytesPerCounted"] = count(bytesPerCounted)
	f["gbCounted"] = decimal(connections*bytesPerCounted/1e9, 1)
	f["moneykitConnections"] = count(float64(loadOf("MoneyKit").Connections))
}

func addMidnight(f map[string]any) {
	sample := loadOf("MoneyKit").hundredth()
	slots := Simulate(Night{Load: sample, Headroom: 2})
	midnight := Simulate(Night{Load: sample, Headroom: 2, AtOnce: true})
	f["sample"] = count(float64(sample.Connections))
	f["slotWait"], f["midnightWait"] = duration(slots.MeanWait), duration(midnight.MeanWait)
	f["slotLongest"], f["midnightLongest"] = duration(slots.MaxWait), duration(midnight.MaxWait)
	f["slotLast"], f["midnightLast"] = duration(slots.Last), duration(midnight.Last)
	f["slotBusiest"] = count(float64(slots.BusiestMinute))
	f["midnightBusiest"] = count(float64(midnight.BusiestMinute))
	f["slotPeak"] = decimal(float64(slots.BusiestMinute)/(60*sample.PerSecond()), 2)
}

func addCatchUp(f map[string]any) {
	type row struct{ Headroom, Formula, Simulated string }
	var rows []row
	for _, h := range headrooms {
		r := Simulate(Night{Load: loadOf("MoneyKit").hundredth(), Headroom: h, From: 2 * time.Hour, Outage: time.Hour})
		rows = append(rows, row{
			strconv.FormatFloat(h, 'g', -1, 64), minutes(schedule.CatchUp(time.Hour, h)), minutes(r.CaughtUp),
		})
	}
	f["catchUp"] = rows
	f["backoff"] = duration(longestBackoff())
}

// longestBackoff returns the longest wait after a failure that time alone can end.
func longestBackoff() (longest time.Duration) {
	for i := range 10_000 {
		again := bankmux.ErrUnavailable.Again()
		longest = max(longest, again.Wait(strconv.Itoa(i), 0, math.MaxInt))
	}
	return longest.Round(time.Minute)
}

func addDatabase(f map[string]any) {
	connections, _, _ := totals()
	const mb, gb = 1e6, 1e9
	syncs := syncRate(connections)
	for name, bytes := range map[string]float64{
		"Connection": BytesPerConnection, "Row": BytesPerRow, "Job": BytesPerJob,
		"Sync": BytesPerSync, "ColdSync": BytesPerColdSync, "CompressedSync": BytesPerCompressedSync,
	} {
		f["bytesPer"+name] = count(bytes)
		if kind, isSync := strings.CutSuffix(name, "Sync"); isSync {
			f["mb"+kind+"PerSecond"] = decimal(syncs*bytes/mb, 0)
			f["gb"+kind+"PerNight"] = count(connections * bytes / gb)
		}
	}
	rows, jobs := connections*rowsPerConnection*BytesPerRow, connections*jobsPerConnection*BytesPerJob
	f["rows"], f["gbRows"], f["gbNewRows"] = count(rowsPerConnection), count(rows/gb), count(connections*BytesPerRow/gb)
	f["gbConnections"], f["gbJobs"] = count(connections*BytesPerConnection/gb), count(jobs/gb)
	f["gbTotal"] = count((connections*BytesPerConnection + rows + jobs) / gb)
	f["bytesPerCount"], f["gbCounts"] = count(BytesPerCount), decimal(2*connections*BytesPerCount/gb, 1)
	f["bytesPerColdTake"], f["gbTakes"] = count(BytesPerColdTake), count(2*connections*BytesPerColdTake/gb)
	turns := loadOf("Dapi").PerSecond() * Window.Length.Seconds()
	f["bytesPerTurn"], f["gbTurns"] = count(BytesPerTurn), decimal(turns*BytesPerTurn/gb, 1)
	f["syncsPerSecond"], f["syncsOnTwoCores"] = count(syncs), count(syncsPerSecond)
}

func addLimits(f map[string]any) {
	type row struct{ Name, Connections string }
	var rows []row
	for _, l := range limits() {
		digits := 0
		if l.connections < 1e7 {
			digits = 2
		}
		rows = append(rows, row{l.name, decimal(l.connections/1e6, digits)})
	}
	f["limits"], f["callsPerProcess"], f["ports"] = rows, count(callsPerProcess), count(portsPerAddress)
}

// count returns a rounded number with its thousands apart.
func count(n float64) string {
	digits := strconv.FormatFloat(n, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// decimal returns a number with up to that many digits behind the point.
func decimal(n float64, digits int) string {
	text := strconv.FormatFloat(n, 'f', digits, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// minutes returns a duration in hours and minutes.
func minutes(d time.Duration) string {
	text := strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	if hours, whole := strings.CutSuffix(text, "h0m"); whole {
		return hours + "h"
	}
	return text
}

// duration returns a duration with two digits that count.
func duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	case d < 2*time.Minute:
		return decimal(d.Seconds(), 1) + " s"
	case d < 100*time.Minute:
		return decimal(d.Minutes(), 0) + " min"
	}
	return decimal(d.Hours(), 1) + " h"
}
