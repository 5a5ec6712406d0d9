package providertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/http"
	"sync"
	"testing/synctest"
	"time"

	"github.com/bankmux/bankmux/internal/wirefault"
)

// strike makes the next requests, or connections, go wrong, from the first on that from selects;
// nil selects all. times -1 means all.
func (b *bench) strike(f matrixFault, times int, from func(*http.Request) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.injected, b.left, b.hits, b.dialMark, b.from = f, times, nil, len(b.dialled), from
}

// struck counts the requests that a fault struck, and where no connection came about, the tries.
func (b *bench) struck() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.injected.dial != "" {
		return len(b.dialled) - b.dialMark
	}
	return len(b.hits)
}

// struckOn counts those of the requests that on selects.
func (b *bench) struckOn(on func(*http.Request) bool) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.injected.dial != "" {
		return len(b.dialled) - b.dialMark
	}
	n := 0
	for _, r := range b.hits {
		if on(r) {
			n++
		}
	}
	return n
}

func (b *bench) dialsSinceStrike() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.dialled) - b.dialMark
}

// open counts the connections that the server still has.
func (b *bench) open() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.opened
}

func (b *bench) answeredSoFar() int {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.answers)
}

// identity is a certificate of 127.0.0.1 and those who trust it.
type identity struct {
	certificate tls.Certificate
	roots       *x509.CertPool
}

// Two servers: one that is trusted, one that says it is the same.
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
		NotAfter:              time.Unix(1<<33, 0), // a bubble's time begins in the year 2000
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
	return &tls.Config{RootCAs: rightServer().roots, MinVersion: tls.VersionTLS13}
}

// carrier is what requests travel on.
type carrier int

const (
	overPlain carrier = iota // HTTP/1.1
	overTLS                  // HTTP/1.1
	overHTTP2                // with TLS
)

// secured puts TLS on a connection of the server. What is HTTP/2 is the server's without TLS, so
// that faults can reach its frames.
func (b *bench) secured(c net.Conn, right bool) net.Conn {
	config := serving(right)
	if b.carrier != overHTTP2 {
		return tls.Server(c, config)
	}
	config.NextProtos = []string{"h2"}
	return wirefault.HTTP2Conn(tls.Server(c, config))
}

func serving(right bool) *tls.Config {
	who := rightServer
	if !right {
		who = wrongServer
	}
	return &tls.Config{
		Certificates:           []tls.Certificate{who().certificate},
		MinVersion:             tls.VersionTLS13,
		SessionTicketsDisabled: true,
	}
}
