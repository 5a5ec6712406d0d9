// Command sync keeps an SQLite file in step with a bank over a year, through a lapsed consent, a
// new link and a change of provider, and proves at the end that file and bank agree row for row. It
// needs no keys: the bank is virtual, and so is the year. It exits with status 1 if they differ, as
// they do with a mistake planted by -mistake.
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
	seed := flags.Uint64("seed", 1, "which year it is: everything that happens follows from it")
	file := flags.String("db", "", "SQLite file; empty means one that is removed at the end")
	crashes := flags.Bool("crashes", false, "let the process die before every commit, once")
	planted := flags.String("mistake", "", "what the application gets wrong: "+names(mistakes))
	if err := flags.Parse(args); err != nil {
		return err
	}
	wrong, ok := mistakes[*planted]
	if !ok {
		return fmt.Errorf("no mistake %q, but %s", *planted, names(mistakes))
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
		return fmt.Errorf("%s is of another year already", *file)
	}
	s.mistake = wrong
	return year(ctx, *seed, *crashes, s, out)
}
