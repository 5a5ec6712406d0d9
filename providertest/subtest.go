package providertest

// This file holds the bench: what one subtest works with.

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/memnet"
	"github.com/bankmux/bankmux/internal/wirefault"
)

// baseURL is a loopback address, for which bankmux allows http. No server listens there: the
// bench's own dialer connects to the backend.
const baseURL = "http://127.0.0.1:1"

// bench holds an adapter under test, its backend, and a record of everything that passed between
// them.
type bench struct {
	Harness
	t      *testing.T
	client *viewed
	keeper *keeper

	guard     *guard.Guard
	transport *http.Transport
	listener  *memnet.Listener
	carrier   carrier

	conn      bankmux.Connection // the connection of the fault matrix
	accountID string
	stacks    []byte // a buffer for the stacks of all goroutines

	mu           sync.Mutex
	responses    []response // those without a fault
	opened       int        // open connections of the server
	injected     matrixFault
	left         int                      // how many injections are left; -1: no limit
	injectedInto []*http.Request          // the requests that arrived with the fault
	from         func(*http.Request) bool // selects the first request to inject into; nil after it arrived
	dialMark     int
	log          bytes.Buffer
	requests     []arrival
	dialled      []string
	refuse       bool // refuse connections
	fault        wirefault.Fault
	added        string // a member that each response gets
	returned     *[]any // gets what calls return; see collect
	times        int    // how many requests get the fault; -1: no limit
	on           func(*http.Request) bool
	seen         seen // values that an application could print
	secrets      []string
	missing      []string       // what the harness cannot prove
	calls        map[string]int // calls of the client that have not returned
	bubble       atomic.Value   // the number of the bubble at the runtime, a string
}

// arrival is a request that arrived at the backend.
type arrival struct {
	request        *http.Request
	exchange, read bool
}

// newClient makes another client, with its own guard and transport, for the same backend.
func (b *bench) newClient(opts guard.Options, over carrier) {
	b.t.Helper()
	if b.transport != nil {
		b.transport.CloseIdleConnections()
	}
	opts.Logger = slog.New(slog.NewJSONHandler((*logWriter)(b), &slog.HandlerOptions{Level: slog.LevelDebug}))
	b.guard, b.carrier = guard.New(opts), over
	b.transport = &http.Transport{DialContext: b.dial(b.listener)}
	base := baseURL
	if over != overPlain {
		base = strings.Replace(base, "http:", "https:", 1)
		b.transport.TLSClientConfig = trusting()
		b.transport.ForceAttemptHTTP2 = over == overHTTP2
	}
	client, err := b.New(
		Env{BaseURL: base, HTTPClient: &http.Client{Transport: b.transport}, Guard: b.guard, Keeper: b.keeper},
	)
	require.NoError(b.t, err)
	b.client = &viewed{client, b}
}

// lacks reports whether the harness cannot prove something. If so, the suite reports it as not
// checked.
func (b *bench) lacks(field string, missing bool, what string) bool {
	if missing {
		b.missing = append(b.missing, what+": "+field+" is not set")
	}
	return missing
}

// reached returns the number of requests so far.
func (b *bench) reached() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.requests)
}

// dials returns the number of attempted connections.
func (b *bench) dials() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.dialled)
}

// exchanges returns the number of requests that are exchanges.
func (b *bench) exchanges() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, r := range b.requests {
		if r.exchange {
			n++
		}
	}
	return n
}
