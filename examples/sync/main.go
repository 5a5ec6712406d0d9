// Command sync keeps an SQLite file in step with a bank for a year. The year has a lapsed consent,
// a new link, a move from MoneyKit to Plaid and one from Plaid to Dapi. After the first move and at
// the end the command proves that file and bank agree row for row. Bank and time are virtual, so it
// needs no keys. It exits with status 1 if they differ. -mistake plants a mistake that makes them
// differ.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if err := command(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "sync:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("sync", flag.ContinueOnError)
	seed := flags.Uint64("seed", 1, "the seed of the year: equal seeds give equal years")
	file := flags.String("db", "", "the SQLite file; empty means a temporary one")
	crashes := flags.Bool("crashes", false, "end the process once before every commit")
	planted := flags.String("mistake", "", "the mistake of the application: "+names(mistakes))
	if err := flags.Parse(args); err != nil {
		return err
	}
	wrong, ok := mistakes[*planted]
	if !ok {
		return fmt.Errorf("the mistake %q is not one of %s", *planted, names(mistakes))
	}
	if *file == "" {
		dir, err := os.MkdirTemp("", "bankmux-sync")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		*file = filepath.Join(dir, "bank.db")
	}
	s, err := openStore(ctx, *file)
	if err != nil {
		return err
	}
	defer s.close()
	switch empty, err := s.empty(ctx); {
	case err != nil:
		return err
	case !empty:
		return fmt.Errorf("%s already has another year", *file)
	}
	s.mistake = wrong
	return year(ctx, *seed, *crashes, s, out)
}
