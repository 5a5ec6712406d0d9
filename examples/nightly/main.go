// Command nightly syncs a thousand connections of three providers over some nights, with several
// worker processes on one PostgreSQL database. A virtual bank in the first process plays the
// providers, so it needs no credentials. A night of eight hours takes 19 seconds.
//
//	export DATABASE_URL=postgres://nightly:nightly@localhost/nightly
//	go run .
//
// In one night a provider and a bank are down for an hour. In another one banks ask their users,
// consents end, and webhooks arrive while workers run. A report compares what the banks saw with
// what the library promises.
//
// The status is 1 if one of three promises is broken. No two calls use a token of Dapi at once. No
// budget is exceeded. No ledger differs from its bank.
//
// A machine that is too slow for -minute does not run all that a night has. The report then says
// so, and does not claim that every promise was kept. The status is 0 nevertheless.
//
// Tables are made in a schema of their own, which the next run replaces. A schema that this program
// did not make is refused.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	connections int
	workers     int
	jobs        int
	minute      time.Duration
	nights      string
	schema      string
}

func main() {
	log.SetFlags(0)
	if len(os.Args) == 2 && os.Args[1] == workerArg {
		signal.Ignore(os.Interrupt) // the first process ends the workers
		if err := work(context.Background(), os.Stdin, os.Stdout); err != nil {
			log.Fatal("nightly, worker: ", err)
		}
		return
	}
	var o options
	flag.IntVar(&o.connections, "connections", 1000, "number of connections")
	flag.IntVar(&o.workers, "workers", 2, "number of worker processes")
	flag.IntVar(&o.jobs, "jobs", 16, "jobs at a time in each worker")
	flag.DurationVar(&o.minute, "minute", 40*time.Millisecond, "time for a minute of the nights")
	flag.StringVar(&o.nights, "nights", strings.Join(kinds, ","), "kinds of nights, in order")
	flag.StringVar(&o.schema, "schema", "bankmux_nightly", "schema for the tables, which is replaced")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Getenv("DATABASE_URL"), os.Stdout); err != nil {
		log.Fatal("nightly: ", err)
	}
}

// run plays the nights and writes the report.
func run(ctx context.Context, o options, database string, out io.Writer) (err error) {
	kinds, err := parseNights(o.nights)
	if err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	if database == "" {
		return errors.New("DATABASE_URL is not set. It is the URL of a PostgreSQL database, such as " +
			"postgres://nightly:nightly@localhost/nightly. The README says how to make one")
	}
	n, err := newNights(ctx, o, database, len(kinds), out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.stop()) }()
	if err := n.link(ctx, o.connections); err != nil {
		return fmt.Errorf("linking: %w", err)
	}
	if err := n.start(ctx, o.workers); err != nil {
		return err
	}
	if err := n.play(ctx, kinds); err != nil {
		return err
	}
	if err := n.endWorkers(); err != nil {
		return err
	}
	n.progress.clear()
	return n.report(ctx, out)
}

// check checks the flags.
func (o *options) check() error {
	for _, c := range []struct {
		text  string
		wrong bool
	}{
		{"-connections is not in 3 to 100,000", o.connections < 3 || o.connections > 100_000},
		{"-workers is not in 1 to 16", o.workers < 1 || o.workers > 16},
		{"-jobs is not in 1 to 10,000", o.jobs < 1 || o.jobs > 10_000},
		{"-minute is not a whole number of milliseconds that divides a minute", o.minute < time.Millisecond ||
			o.minute%time.Millisecond != 0 || time.Minute%o.minute != 0},
		{"-schema is not a name of small letters, digits and underscores", !schemas.MatchString(o.schema)},
	} {
		if c.wrong {
			return errors.New(c.text)
		}
	}
	return nil
}
