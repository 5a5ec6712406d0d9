// Command fair measures calls of the library beside the same calls by hand, by generated clients
// and through resty. The server is a process of its own, so the processor time is that of the
// clients.
//
//	go run ./fair -out results/new.jsonl
//	go run ./fair -compare results/reference.jsonl results/new.jsonl
//	go run ./fair -table results/new.jsonl
//	go run ./fair -cpuprofile cpu.out -adapter moneykit -op exchange -callers 64 -rounds 60
//
// The first prints a table and writes a line of JSON per way. The second compares two such files.
// It ends with status 1 if a figure became worse than the spreads of both explain. The third prints
// such a file as the tables of bench/README.md. The fourth profiles one way, for go tool pprof.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/bankmux/bankmux/bench/fixture"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "fair:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	role := flag.String("role", "", "what a process that this program starts does")
	serves := flag.String("serve", "canned", "what the server has: canned or bank")
	base := flag.String("base", "", "the address of the server")
	profiled := flag.String("cpuprofile", "", "profile one way and write the profile to this file")
	only := one{}
	flag.StringVar(&only.adapter, "adapter", "", "the adapter of a profile, or of calls in flight")
	flag.StringVar(&only.way, "way", library, "the way of a profile, or of calls in flight")
	flag.StringVar(&only.op, "op", "exchange", "the operation of a profile, or of calls in flight")
	flag.IntVar(&only.callers, "callers", 64, "the callers of a profile")
	many := flag.Int("held", 1000, "how many calls are in flight")
	out := flag.String("out", "", "the file of results")
	table := flag.String("table", "", "print a file of results as tables in Markdown")
	comparing := flag.Bool("compare", false, "compare two files of results")
	n := size{}
	flag.IntVar(&n.rounds, "rounds", 11, "how many rounds are measured")
	flag.IntVar(&n.calls, "calls", 1920, "how many calls a round has")
	flag.Parse()
	switch {
	case *role == "server":
		return serve(ctx, *serves)
	case *role == "held":
		return holdOnce(ctx, *base, only, *many)
	case *table != "":
		return printTables(os.Stdout, *table)
	case *profiled != "":
		return profile(ctx, only, n, *profiled)
	case *comparing && flag.NArg() != 2:
		return errors.New("-compare needs two files")
	case *comparing:
		worse, err := compareFiles(os.Stdout, flag.Arg(0), flag.Arg(1))
		if err == nil && worse > 0 {
			err = fmt.Errorf("%d figures are worse", worse)
		}
		return err
	}
	results, err := measure(ctx, n, *many)
	if err != nil {
		return err
	}
	if err := show(os.Stdout, results); err != nil || *out == "" {
		return err
	}
	return write(*out, results)
}

// measure measures everything.
func measure(ctx context.Context, n size, inFlight int) ([]Result, error) {
	base, stop, err := start(ctx, "canned")
	if err != nil {
		return nil, err
	}
	defer stop()
	var results []Result
	for _, adapter := range fixture.Adapters {
		for _, op := range []string{"exchange", "accounts"} {
			for _, callers := range []int{1, 64} {
				all, err := ways(ctx, base, adapter, op, callers)
				if err != nil {
					return nil, err
				}
				found, err := inTurn(ctx, all, callers, n)
				if err != nil {
					return nil, fmt.Errorf("%s, %s: %w", adapter, op, err)
				}
				for i := range found {
					found[i].Adapter, found[i].Op = adapter, op
				}
				results = append(results, found...)
			}
		}
		for _, op := range []string{"exchange", "accounts"} {
			found, err := holding(ctx, base, one{adapter: adapter, op: op, callers: inFlight}, hand, library)
			if err != nil {
				return nil, err
			}
			results = append(results, found...)
		}
	}
	bank, stopBank, err := start(ctx, "bank")
	if err != nil {
		return nil, err
	}
	defer stopBank()
	found, err := holding(ctx, bank, one{adapter: virtual, op: "accounts", callers: 5 * inFlight}, library)
	return append(results, found...), err
}

// write writes a line of JSON per result.
func write(name string, results []Result) error {
	file, err := os.Create(name) //nolint:gosec // the user names the file
	if err != nil {
		return err
	}
	lines := json.NewEncoder(file)
	for _, r := range results {
		if err := lines.Encode(r); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	return file.Close()
}
