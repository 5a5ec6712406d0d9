package providertest

// This file is the network in memory: connections, TLS and HTTP/2.

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/bankmux/bankmux/internal/memnet"
	"github.com/bankmux/bankmux/internal/wirefault"
)

// carrier is the protocol that carries requests.
type carrier int

const (
	overPlain carrier = iota // HTTP/1.1
	overTLS                  // HTTP/1.1 over TLS
	overHTTP2                // HTTP/2 over TLS
)

func (b *bench) dial(l *memnet.Listener) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		b.mu.Lock()
		b.dialled = append(b.dialled, address)
		broken, slow := dial(""), b.left != 0 && b.injected.paced
		if b.left != 0 && b.injected.dial != "" {
			broken = b.injected.dial
			if b.left > 0 {
				b.left--
			}
		}
		if b.refuse {
			broken = dialRefused
		}
		b.mu.Unlock()
		switch broken {
		case dialRefused:
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
		case dialDNS:
			return nil, &net.OpError{
				Op:  "dial",
				Net: "tcp",
				Err: &net.DNSError{Err: "no such host", Name: "planted-host.example", IsNotFound: true},
			}
		case dialHang:
			<-ctx.Done()
			return nil, ctx.Err()
		}
		if slow {
			timer := time.NewTimer(pace)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		client, server := net.Pipe()
		if b.carrier != overPlain {
			server = b.secured(server, broken != dialTLS)
		}
		if err := l.Serve(ctx, server); err != nil {
			return nil, err
		}
		return client, nil
	}
}

// connState counts the open connections of the server.
func (b *bench) connState(_ net.Conn, state http.ConnState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch state {
	case http.StateNew:
		b.opened++
	case http.StateClosed, http.StateHijacked:
		b.opened--
	}
}

// open returns the number of open connections of the server.
func (b *bench) open() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.opened
}

// secured adds TLS to a connection of the server. The server itself speaks HTTP/2 without TLS, so
// that faults can change its frames.
func (b *bench) secured(c net.Conn, right bool) net.Conn {
	config := serving(right)
	if b.carrier != overHTTP2 {
		return tls.Server(c, config)
	}
	config.NextProtos = []string{"h2"}
	return wirefault.HTTP2Conn(tls.Server(c, config))
}

// identity is a certificate for 127.0.0.1, and the roots that trust it.
type identity struct {
	certificate tls.Certificate
	roots       *x509.CertPool
}

// The client trusts the certificate of rightServer. That of wrongServer is for the same address.
var (
	rightServer = sync.OnceValue(newIdentity)
	wrongServer = sync.OnceValue(newIdentity)
)

func newIdentity() identity {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(
			1,
		),
		Subject:               pkix.Name{CommonName: "loopback"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:             time.Unix(0, 0),
		NotAfter:              time.Unix(1<<33, 0), // virtual time starts in the year 2000
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return identity{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots}
}

func trusting() *tls.Config {
	return &tls.Config{RootCAs: rightServer().roots, MinVersion: tls.VersionTLS13, CurvePreferences: fast}
}

// fast is the key exchange that costs least. Every cell of the fault matrix has several handshakes,
// and none is about keys.
var fast = []tls.CurveID{tls.X25519}

func serving(right bool) *tls.Config {
	who := rightServer
	if !right {
		who = wrongServer
	}
	return &tls.Config{
		Certificates:           []tls.Certificate{who().certificate},
		MinVersion:             tls.VersionTLS13,
		CurvePreferences:       fast,
		SessionTicketsDisabled: true,
	}
}
