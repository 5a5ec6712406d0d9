package main

// This file tests the tables of bench/README.md.

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
		`{"adapter":"virtual bank","op":"accounts in flight","callers":45,"way":"bankmux","figures":{` +
			`"resident_kib":{"median":41},"memory_gc_kib":{"median":45}}}`,
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
		"memory has both sides of the ratio": "| stack, bankmux / by hand | 1.30 | – | " +
			"27 KiB / 17 KiB = **1.59** | – |",
		"the virtual bank has no other side": "45 calls at the virtual bank: 41 KiB resident, " +
			"45 KiB heap and stack per call",
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
