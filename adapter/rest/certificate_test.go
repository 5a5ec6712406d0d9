package rest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"sync"
	"time"
)

// certificate is for 127.0.0.1 and shared by all servers. Handshakes with the RSA key of httptest
// would take a third of the time of these tests, and those with this key take little.
var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
})

// serving returns the configuration of a server with the certificate.
func serving() *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{certificate()}, MinVersion: tls.VersionTLS13, CurvePreferences: fast,
	}
}

// fast is the key exchange that costs least. The tests make many connections, and none is about
// keys.
var fast = []tls.CurveID{tls.X25519}

// trusted is the pool of the roots that trust the certificate.
func trusted() *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AddCert(certificate().Leaf)
	return roots
}
