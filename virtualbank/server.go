package virtualbank

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
	"github.com/bankmux/bankmux/virtualbank/internal/dapi"
	"github.com/bankmux/bankmux/virtualbank/internal/moneykit"
)

// Server is a bank on two sockets.
type Server struct {
	MoneyKitURL string // base URL for a MoneyKit client
	DapiURL     string // base URL for a Dapi client, with /v2

	servers []*http.Server
	running sync.WaitGroup
}

// StartOption changes how [Start] listens.
type StartOption func(*startOptions)

type startOptions struct{ remote bool }

// AllowRemote lets the bank listen on addresses that other machines can reach. It
// is a test double with an open control plane: do not put it on a network you do not trust.
func AllowRemote() StartOption { return func(o *startOptions) { o.remote = true } }

// Start serves the bank on two TCP addresses such as "127.0.0.1:8181"; port 0
// picks a free one. It listens on loopback only, unless told otherwise, and returns when both are
// listening. Close the server when done.
func Start(b *Bank, moneykitAddr, dapiAddr string, options ...StartOption) (*Server, error) {
	var opts startOptions
	for _, o := range options {
		o(&opts)
	}
	s := &Server{}
	for _, side := range []struct {
		spec bank.Spec
		addr string
		url  *string
	}{
		{moneykit.Spec(), moneykitAddr, &s.MoneyKitURL},
		{dapi.Spec(), dapiAddr, &s.DapiURL},
	} {
		if err := checkAddress(side.addr, opts.remote); err != nil {
			return nil, errors.Join(fmt.Errorf("virtualbank: address for %s: %w", side.spec.Title, err), s.Close())
		}
		l, err := net.Listen("tcp", side.addr)
		if err != nil {
			err = fmt.Errorf("virtualbank: cannot listen for %s: %w", side.spec.Title, err)
			return nil, errors.Join(err, s.Close())
		}
		*side.url = "http://" + l.Addr().String() + side.spec.BasePath
		server := &http.Server{Handler: b.apis[side.spec.Name], ReadHeaderTimeout: time.Minute}
		s.servers = append(s.servers, server)
		s.running.Go(func() { _ = server.Serve(l) }) // ends by Close
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

// Close stops both servers, cuts the connections that are open, and waits until
// nothing runs any more. It may be called again.
func (s *Server) Close() error {
	var errs []error
	for _, server := range s.servers {
		errs = append(errs, server.Close())
	}
	s.running.Wait()
	return errors.Join(errs...)
}
