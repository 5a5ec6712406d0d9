package main

// This file tests the tables of bench/README.md.

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bankmux/bankmux/bench/fixture"
)

func TestTables(t *testing.T) {
	name := filepath.Join(t.TempDir(), "results.jsonl")
	if err := os.WriteFile(name, []byte(strings.Join([]string{
		`{"adapter":"moneykit","op":"exchange","callers":1,"way":"bankmux","figures":{` +
			`"cpu_us":{"median":90},"allocs":{"median":110},"cpu_us/hand":{"median":1.096,"low":1.05,"high":1.2},` +
			`"allocs/hand":{"median":1.154}}}`,
		`{"adapter":"dapi","op":"exchange","callers":1,"way":"bankmux","figures":{"cpu_us/hand":{"median":1.094}}}`,
		`{"adapter":"dapi","op":"accounts","callers":64,"way":"bankmux","figures":{"cpu_us/hand":{"median":1.09}}}`,
		`{"adapter":"plaid","op":"accounts","callers":64,"way":"bankmux","figures":{"cpu_us/hand":{"median":2}}}`,
		`{"adapter":"dapi","op":"accounts in flight","callers":9,"way":"by hand","figures":{"stack_kib":{"median":17}}}`,
		`{"adapter":"dapi","op":"accounts in flight","callers":9,"way":"bankmux","figures":{` +
			`"stack_kib":{"median":27},"stack_kib/hand":{"median":1.59}}}`,
		`{"adapter":"virtual bank","op":"accounts in flight","callers":5045,"way":"bankmux","figures":{` +
			`"resident_kib":{"median":41},"memory_gc_kib":{"median":64}}}`,
	}, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := printTables(&out, name); err != nil {
		t.Fatal(err)
	}
	for what, line := range map[string]string{
		"a missed goal is bold, a met one is not, and a missing figure is a dash": "" +
			"| bankmux, processor time, 1 caller | 1.09 | **1.10** (1.05 to 1.20) | 1.09 (0.00 to 0.00) | – |",
		"a ratio is compared as it is printed": "| bankmux, allocations | 1.15 | 1.15 | – | – |",
		"adapters may have goals of their own": "| bankmux, processor time, 64 callers | MoneyKit 1.00, Dapi 1.08 | " +
			"– | **1.09** (0.00 to 0.00) | 2.00 (0.00 to 0.00) |",
		"a call has its time and its allocations": "| exchange, bankmux | 90 µs, 110 | – | – |",
		"memory has both sides of the ratio": "| accounts, stack | 1.30 | – | " +
			"27 KiB / 17 KiB = **1.59** | – |",
		"the virtual bank has no other side":            "| resident memory | less than 64 KiB | 41 KiB |",
		"memory that is not less than its goal is bold": "| heap and stack, after a collection | less than 64 KiB | **64 KiB** |",
		"how many calls were in flight is in the caption": "9 calls in flight, which the server holds: " +
			"an exchange at its first request. A process of its",
		"and that of the virtual bank in the head": "| 5,045 calls in flight at the virtual bank (MoneyKit), per call " +
			"| goal | measured |",
		"an empty cell has one space": "| | goal | MoneyKit | Dapi | Plaid |",
	} {
		if !strings.Contains(out.String(), line+"\n") {
			t.Errorf("%s: no line %q in\n%s", what, line, out.String())
		}
	}
	if strings.Contains(out.String(), "| resty") {
		t.Error("a way that was not measured has a row")
	}
	if printTables(&out, filepath.Join(t.TempDir(), "none")) == nil {
		t.Error("a file that does not exist has tables")
	}
}

// reference is the file of results whose tables are in bench/README.md.
var reference = filepath.Join("..", "results", "reference.jsonl")

func TestREADME(t *testing.T) {
	const start = "<!-- tables: BANKMUX_WRITE=1 go -C bench test -run README ./fair writes them -->\n"
	const end = "<!-- end -->"
	readme := filepath.Join("..", "README.md")
	raw, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(raw), start)
	if !ok {
		t.Fatalf("no line %q", start)
	}
	printed, after, ok := strings.Cut(rest, end)
	if !ok {
		t.Fatalf("no line %q", end)
	}
	var want bytes.Buffer
	if err := printTables(&want, reference); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("BANKMUX_WRITE") != "" {
		if err := os.WriteFile(readme, []byte(before+start+want.String()+end+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if printed != want.String() {
		t.Error("the tables are not those of results/reference.jsonl: " +
			"BANKMUX_WRITE=1 go -C bench test -run README ./fair writes them")
	}
}

func TestReference(t *testing.T) {
	t.Run("the run that the page prints has every way, adapter and number of callers", func(t *testing.T) {
		file, err := os.Open(reference)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		all, err := read(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, adapter := range fixture.Adapters {
			for _, op := range []string{"exchange", "accounts"} {
				for _, callers := range []int{1, 64} {
					for _, way := range []string{hand, library, libraryLog, generated, bare} {
						k := key{adapter, op, callers, way, "cpu_us"}
						if got := all[k].size; got.rounds != 11 || got.calls < 1920 {
							t.Errorf("%v: %d rounds of %d calls", k, got.rounds, got.calls)
						}
					}
				}
			}
			for _, op := range []string{"exchange", "accounts"} {
				if all[key{adapter, op + inFlight, 1000, library, "stack_kib/hand"}].Median == 0 {
					t.Errorf("%s: no %s in flight", adapter, op)
				}
			}
		}
		if all[key{virtual, "accounts" + inFlight, 5000, library, "resident_kib"}].Median == 0 {
			t.Error("no calls in flight at the virtual bank")
		}
	})
}
