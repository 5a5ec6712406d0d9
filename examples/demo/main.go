// Command demo shows what bankmux does in a browser. You connect banks of several providers, and
// see accounts, transactions and charts. You watch what happens when a consent ends or a provider
// is down. It needs no credentials and no network: a virtual bank in the same process plays the
// providers. Run it, and open the address that it prints.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/store"
	"github.com/bankmux/bankmux/store/sqlite"
)

func main() {
	address := flag.String("address", "127.0.0.1:8080", "`address` of the page; use port 0 for a free one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *address); err != nil {
		log.Fatal("demo: ", err)
	}
}

// opened is called when the page can be opened. A test replaces it.
var opened = func(url string, _ *demo) { fmt.Println("Open", url) }

// run serves the demo until ctx ends. The database is a new file, which is deleted at the end.
func run(ctx context.Context, address string) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	dir, err := os.MkdirTemp("", "bankmux-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer listener.Close()
	url := "http://" + listener.Addr().String()

	banks, err := openBanks()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, banks.server.Close()) }()
	kept, err := openStore(ctx, filepath.Join(dir, "demo.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	d := &demo{banks: banks, store: kept}
	if d.service, err = bankhttp.New(bankhttp.Config{
		Registry:  banks.registry,
		Store:     kept,
		User:      func(*http.Request) (string, error) { return user, nil },
		Session:   bankmux.SessionRequest{Products: products},
		PublicURL: url + "/bank",
		ReturnTo:  url,
		Breakers:  banks.guard.Breakers,
		Linked:    func(_ context.Context, conn bankmux.Connection) { d.note("%s was linked", bankName(conn)) },
	}); err != nil {
		return err
	}
	worker := store.Worker{Store: kept, Follow: d.follow, Sync: d.sync, Poll: 200 * time.Millisecond}
	working := make(chan error, 1)
	go func() { working <- worker.Run(ctx) }()

	serving := &http.Server{Handler: d.handler(), ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = serving.Close() })
	opened(url, d)
	if err = serving.Serve(listener); errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	stop()
	return errors.Join(err, <-working) // the database is closed after the last job
}

// openStore makes a database with a key of its own. In production the key comes from your secret
// store: see docs/link.md.
func openStore(ctx context.Context, file string) (*store.Store, error) {
	material := make([]byte, 32)
	_, _ = rand.Read(material) // never fails
	keyring, err := bankmux.NewKeyring(bankmux.Key{ID: "demo", Material: bankmux.NewSecret(material)})
	if err != nil {
		return nil, err
	}
	kept, err := sqlite.Open(ctx, file, keyring)
	if err != nil {
		return nil, err
	}
	if err := kept.Migrate(ctx); err != nil {
		return nil, errors.Join(err, kept.Close())
	}
	return kept, nil
}
