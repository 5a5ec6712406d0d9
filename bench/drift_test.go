package bench

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/normalize"
)

// driftRows is a response like Plaid's, of which half of the members are read.
type driftRows struct {
	Rows wire.Rows[driftRowOf] `json:"transactions"`
}

type driftRowOf struct {
	ID       string      `json:"transaction_id"`
	Account  string      `json:"account_id"`
	Amount   wire.Number `json:"amount"`
	Currency string      `json:"iso_currency_code"`
	Date     string      `json:"date"`
	Name     string      `json:"name"`
	Channel  string      `json:"payment_channel"`
	Pending  wire.Flag   `json:"pending"`
}

const driftRow = `{"transaction_id":"%08d","account_id":"BxBXxLj1m4HMXBm9WZZmCWVbPjX16EHwv99vp","amount":12.34,` +
	`"iso_currency_code":"USD","authorized_date":null,"category":["Shops"],"category_id":"19013000",` +
	`"check_number":null,"date":"2026-11-26","location":{"city":null,"region":null},"name":"POS 4421 CORNER SHOP",` +
	`"payment_channel":"%s","pending":false,"transaction_code":null,"website":null%s}`

// drifting is what each row has that is not documented.
type drifting struct{ name, channel, members string }

// someDrift returns what rows may have.
func someDrift() []drifting {
	var many strings.Builder
	for i := range 16 {
		fmt.Fprintf(&many, `,"new_member_%c":null`, 'a'+i)
	}
	return []drifting{
		{"none", "in store", ""},
		{"a member", "in store", `,"new_member":null`},
		{"a value", "novel", ""},
		{"both", "novel", `,"new_member":null`},
		{"16 members", "in store", many.String()},
	}
}

// cannedRows is a transport that sends one response from memory.
type cannedRows []byte

func (body cannedRows) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		ContentLength: int64(len(body)), Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(body)),
	}, nil
}

// BenchmarkDrift reports which part of the processor time of calls is that of the looks for unknown
// members, in percent. A call has no network, and one in a hundred is looked at.
func BenchmarkDrift(b *testing.B) {
	for _, rows := range []int{1, 100, 10_000} {
		for _, d := range someDrift() {
			b.Run(fmt.Sprintf("rows=%d/%s", rows, d.name), func(b *testing.B) { d.measure(b, rows) })
		}
	}
}

// driftDocs documents the members of driftRow that are not read.
var driftDocs = normalize.NewDocumented("root: request_id\ntransactions: authorized_date category category_id " +
	"check_number location transaction_code website\ntransactions.payment_channel = in store, online, other")

// TestDrift holds what a look at a response of one row allocates.
func TestDrift(t *testing.T) {
	t.Run("16 new members in a row take little more than one allocation each", func(t *testing.T) {
		allocs := map[string]float64{}
		for _, d := range someDrift() {
			body := []byte(`{"transactions":[` + fmt.Sprintf(driftRow, 1, d.channel, d.members) + `],"request_id":"1"}`)
			allocs[d.name] = testing.AllocsPerRun(100, func() { wire.Inspect(body, &driftRows{}, driftDocs) })
		}
		if allocs["none"] > 8 || allocs["a member"] > 16 || allocs["16 members"] > 45 {
			t.Error(allocs)
		}
	})
}

// measure reports the part of the looks for one kind of rows.
func (d drifting) measure(b *testing.B, rows int) {
	b.Helper()
	all := make([]string, rows)
	for i := range all {
		all[i] = fmt.Sprintf(driftRow, i, d.channel, d.members)
	}
	body := cannedRows(`{"transactions":[` + strings.Join(all, ",") + `],"request_id":"1"}`)
	c := rest.New(rest.Config{
		BaseURL: "http://127.0.0.1", HTTPClient: &http.Client{Transport: body},
		Drift: rest.Drift{Guard: guard.New(guard.Options{}), Client: "c", Provider: "p", Documented: driftDocs},
	})
	const looks = 20
	var calls, inspected time.Duration
	for b.Loop() {
		calls += hundredCalls(b, c)
		before := processorTime(b)
		for range looks {
			if found := wire.Inspect(body, &driftRows{}, driftDocs); (len(found) > 0) == (d.name == "none") {
				b.Fatal(found)
			}
		}
		inspected += processorTime(b) - before
	}
	b.ReportMetric(100*inspected.Seconds()/looks/calls.Seconds(), "%-of-time")
}

// hundredCalls returns the processor time of 100 calls, of which one is looked at.
func hundredCalls(b *testing.B, c *rest.Client) time.Duration {
	b.Helper()
	before := processorTime(b)
	for range 100 {
		res, err := c.Do(b.Context(), rest.Request{Method: http.MethodGet, Path: "/rows"})
		if err != nil {
			b.Fatal(err)
		}
		var out driftRows
		n := 0
		out.Rows.Each = func(int, *driftRowOf) { n++ }
		if err := res.Decode(&out); err != nil || n == 0 {
			b.Fatal(err, n)
		}
	}
	return processorTime(b) - before
}

// processorTime returns the processor time of the process so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
