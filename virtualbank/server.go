package virtualbank

// This file serves a bank on two addresses.

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
	"github.com/bankmux/bankmux/virtualbank/internal/connect"
	"github.com/bankmux/bankmux/virtualbank/internal/dapi"
	"github.com/bankmux/bankmux/virtualbank/internal/moneykit"
	"github.com/bankmux/bankmux/virtualbank/internal/plaid"
)

// Server serves a bank on two addresses, or on three with [ServePlaid].
type Server struct {
	MoneyKitURL string // the base URL of the MoneyKit API
	DapiURL     string // the base URL of the Dapi API, which ends in /v2
	PlaidURL    string // the base URL of the Plaid API; "" without [ServePlaid]

	// The scripts that play the providers' widgets in a browser, for the adapters'
	// Config.ScriptURL. MoneyKit's is an ES module in place of its npm package.
	MoneyKitScriptURL string
	DapiScriptURL     string
	PlaidScriptURL    string // "" without [ServePlaid]

	servers []*http.Server
	running sync.WaitGroup
}

// StartOption is an option of [Start].
type StartOption func(*startOptions)

type startOptions struct {
	remote bool
	plaid  string
}

// AllowRemote allows addresses that other machines can reach. The control plane needs no
// credentials, so use it on trusted networks only.
func AllowRemote() StartOption { return func(o *startOptions) { o.remote = true } }

// ServePlaid makes [Start] serve the Plaid API too, at a third address of the same form.
func ServePlaid(addr string) StartOption { return func(o *startOptions) { o.plaid = addr } }

// Start serves a bank on two TCP addresses such as "127.0.0.1:8181", or on three with [ServePlaid].
// Port 0 selects a free port. Without [AllowRemote] the addresses must be loopback. Start returns
// when all addresses accept connections. Close the server when it is no longer needed.
func Start(b *Bank, moneykitAddr, dapiAddr string, options ...StartOption) (*Server, error) {
	var opts startOptions
	for _, o := range options {
		o(&opts)
	}
	s := &Server{}
	for _, side := range []struct {
		spec       bank.Spec
		addr       string
		url        *string
		script     *string
		scriptPath string
	}{
		{moneykit.Spec(), moneykitAddr, &s.MoneyKitURL, &s.MoneyKitScriptURL, connect.MoneyKitScript},
		{dapi.Spec(), dapiAddr, &s.DapiURL, &s.DapiScriptURL, connect.DapiScript},
		{plaid.Spec(), opts.plaid, &s.PlaidURL, &s.PlaidScriptURL, connect.PlaidScript},
	} {
		if side.addr == "" && side.url == &s.PlaidURL {
			continue
		}
		if err := checkAddress(side.addr, opts.remote); err != nil {
			return nil, errors.Join(fmt.Errorf("virtualbank: address for %s: %w", side.spec.Title, err), s.Close())
		}
		l, err := net.Listen("tcp", side.addr) //nolint:noctx // it does not wait
		if err != nil {
			err = fmt.Errorf("virtualbank: cannot listen for %s: %w", side.spec.Title, err)
			return nil, errors.Join(err, s.Close())
		}
		*side.url = "http://" + l.Addr().String() + side.spec.BasePath
		*side.script = "http://" + l.Addr().String() + side.scriptPath
		server := &http.Server{Handler: b.apis[side.spec.Name], ReadHeaderTimeout: time.Minute}
		s.servers = append(s.servers, server)
		s.running.Go(func() { _ = server.Serve(l) }) // ends with Close
	}
	return s, nil
}

func checkAddress(addr string, remote bool) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); !remote && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("%q is not loopback", host)
	}
	return nil
}

// Close stops serving, closes open connections, and waits for its goroutines. It may be called
// repeatedly.
func (s *Server) Close() error {
	var errs []error
	for _, server := range s.servers {
		errs = append(errs, server.Close())
	}
	s.running.Wait()
	return errors.Join(errs...)
}
