package fleetproof

// This file has the virtual bank, which counts calls.

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/virtualbank"
)

// clash is the code of calls that overlapped.
const clash = "SESSION_INVALIDATED"

// bank is a virtual bank that serves processes.
type bank struct {
	*virtualbank.Bank
	app   application
	conns []bankmux.Connection // at Dapi

	mu               sync.Mutex
	counts           tally
	running          map[string]int // calls for data by their access token
	arrived, proceed chan struct{}  // nil unless the bank is stepped
}

// tally counts requests.
type tally struct {
	served   int // calls for data at Dapi
	overlaps int // calls that came while another one with the same token was under way
	tokens   int // requests for MoneyKit's token
}

// newBank starts a bank with some connections at Dapi.
func newBank(t *testing.T, connections int) *bank {
	t.Helper()
	b := &bank{Bank: virtualbank.New(virtualbank.Options{Seed: 1}), running: map[string]int{}}
	at := func(h http.Handler) string {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		return server.URL
	}
	b.app = application{
		Dapi:     at(http.HandlerFunc(b.serveDapi)) + "/v2",
		MoneyKit: at(http.HandlerFunc(b.serveMoneyKit)),
		Keys:     b.Credentials(),
	}
	for i := range connections {
		b.link(t, fmt.Sprint("user-", i))
	}
	return b
}

// link links a connection at Dapi.
func (b *bank) link(t *testing.T, user string) {
	t.Helper()
	client, err := b.app.dapi(nil)
	require.NoError(t, err)
	session, err := client.CreateSession(t.Context(), bankmux.SessionRequest{User: user, Country: "AE"})
	require.NoError(t, err)
	posted, err := b.LinkDapi(virtualbank.DapiLink{AppKey: b.app.Keys.Dapi.AppKey, Countries: []string{"AE"}})
	require.NoError(t, err)
	linked, err := client.ExchangeToken(t.Context(), bankmux.ExchangeRequest{
		Session: session, User: session.User, Payload: bankmux.NewSecret(posted),
	})
	require.NoError(t, err)
	keys, err := newKeyring()
	require.NoError(t, err)
	sealed, err := linked.Connection.Seal(keys)
	require.NoError(t, err)
	b.conns = append(b.conns, linked.Connection)
	b.app.Connections = append(b.app.Connections, stored{linked.Connection.Ref(), sealed})
}

// stepped lets each call for data report its arrival and wait until it may proceed. Call it before
// a process starts.
func (b *bank) stepped() (arrived <-chan struct{}, proceed chan<- struct{}) {
	b.arrived, b.proceed = make(chan struct{}), make(chan struct{})
	return b.arrived, b.proceed
}

func (b *bank) serveDapi(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/data/accounts/get") {
		token := r.Header.Get("Authorization")
		b.mu.Lock()
		b.counts.served++
		if b.running[token]++; b.running[token] > 1 {
			b.counts.overlaps++
		}
		b.mu.Unlock()
		defer func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.running[token]--
		}()
		if b.arrived != nil {
			body, _ := io.ReadAll(r.Body) // otherwise the server does not notice that the caller dies
			r.Body = io.NopCloser(bytes.NewReader(body))
			b.step(r.Context())
		}
	}
	b.Dapi().ServeHTTP(w, r)
}

// step reports the arrival of a call and waits until it may proceed, or its caller has died.
func (b *bank) step(ctx context.Context) {
	select {
	case b.arrived <- struct{}{}:
	case <-ctx.Done():
		return
	}
	select {
	case <-b.proceed:
	case <-ctx.Done():
	}
}

func (b *bank) serveMoneyKit(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/auth/token") {
		b.mu.Lock()
		b.counts.tokens++
		b.mu.Unlock()
	}
	b.MoneyKit().ServeHTTP(w, r)
}

// tally returns the counts so far.
func (b *bank) tally() tally {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.counts
}

// secrets returns what a backend must not store in clear.
func (b *bank) secrets() []string {
	return []string{b.app.Keys.Dapi.AppSecret, b.conns[0].Credential().Reveal(), b.conns[0].Reference()}
}
