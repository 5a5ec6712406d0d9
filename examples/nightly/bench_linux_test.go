package main

// This file measures the memory of a worker process.

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
)

// BenchmarkWorker starts a worker process whose jobs all wait for their banks. It reports the
// resident memory of that process, and its peak.
func BenchmarkWorker(b *testing.B) {
	for _, calls := range []int{30, 1000} {
		b.Run(fmt.Sprintf("calls=%d", calls), func(b *testing.B) { inFlight(b, calls) })
	}
}

func inFlight(b *testing.B, calls int) {
	o := small(b)
	o.connections, o.workers, o.jobs, o.minute = calls, 1, calls, time.Second
	for b.Loop() {
		n, err := newNights(b.Context(), o, os.Getenv("BANKMUX_POSTGRES"), 1, b.Output())
		require.NoError(b, err)
		require.NoError(b, n.link(b.Context(), calls))
		for _, operation := range []string{"GET /links/{id}/accounts", "/data/accounts/get", "/accounts/get"} {
			require.NoError(b, n.bank.Inject(virtualbank.Fault{Name: "hang", Operation: operation}))
		}
		require.NoError(b, n.start(b.Context(), o.workers))
		pid := n.workers[0].cmd.Process.Pid
		for _, conn := range n.conns {
			require.NoError(b, n.member.fleet.Nudge(b.Context(), conn))
		}
		tick := time.NewTicker(50 * time.Millisecond)
		for waiting := 0; waiting < calls; <-tick.C {
			waiting = 0
			for _, r := range n.bank.Requests() {
				if r.Status == 0 && r.Operation != "" {
					waiting++
				}
			}
		}
		tick.Stop()
		b.ReportMetric(memory(b, pid, "VmRSS"), "MiB")
		b.ReportMetric(memory(b, pid, "VmHWM"), "MiB-peak")
		require.NoError(b, n.workers[0].cmd.Process.Kill())
		require.Error(b, <-n.workers[0].ended, "it was killed")
		n.workers = nil
		n.bank.ClearFaults()
		require.NoError(b, n.stop())
	}
}

// memory returns a line of a process's status in MiB.
func memory(b *testing.B, pid int, line string) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(b, err)
	m := regexp.MustCompile(`(?m)^` + line + `:\s+(\d+) kB$`).FindSubmatch(status)
	require.NotNil(b, m)
	kib, err := strconv.Atoi(string(m[1]))
	require.NoError(b, err)
	return float64(kib) / 1024
}
