// Command browser serves what the tests in a browser need: a virtual bank with all providers, and a
// small application that links banks. The tests are in test, and run with "npm test".
//
// It listens on free loopback ports. When it is ready it prints one line of JSON with the
// addresses. It ends when its standard input does, so it never outlives the test that started it.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/bankmux/bankmux/virtualbank"
)

func main() {
	npm := flag.String("npm", "node_modules", "`folder` of the installed npm packages, served below /npm/")
	flag.Parse()
	if err := run(*npm, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)
		os.Exit(1)
	}
}

// ready is the line that the command prints.
type ready struct {
	App      string `json:"app"`      // the application's page
	MoneyKit string `json:"moneykit"` // the address of each provider at the bank
	Dapi     string `json:"dapi"`
	Plaid    string `json:"plaid"`
}

// run serves until stdin ends.
func run(npm string, stdin io.Reader, stdout io.Writer) error {
	const free = "127.0.0.1:0"
	bank := virtualbank.New(virtualbank.Options{Seed: 1})
	server, err := virtualbank.Start(bank, free, free, virtualbank.ServePlaid(free))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", free) //nolint:noctx // it does not wait
	if err != nil {
		return errors.Join(err, server.Close())
	}
	line := ready{
		App: "http://" + listener.Addr().String(), MoneyKit: server.MoneyKitURL,
		Dapi: origin(server.DapiURL), Plaid: server.PlaidURL,
	}
	app, err := newApp(bank, server, line)
	if err != nil {
		return errors.Join(err, listener.Close(), server.Close())
	}
	serving := &http.Server{Handler: app.handler(npm), ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- serving.Serve(listener) }()
	err = json.NewEncoder(stdout).Encode(line)
	if err == nil {
		_, err = io.Copy(io.Discard, stdin)
	}
	err = errors.Join(err, serving.Close(), server.Close())
	if serveErr := <-ended; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	return err
}
