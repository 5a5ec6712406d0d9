package providertest

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
	"github.com/bankmux/bankmux/internal/wirefault"
)

// baseURL is loopback, where http is allowed. Nothing listens: the dialer is the bench's own.
const baseURL = "http://127.0.0.1:1"

// bench is an adapter under test, its backend and all that passed between them.
type bench struct {
	Harness
	t      *testing.T
	client *viewed
	keeper *keeper

	guard     *guard.Guard
	transport *http.Transport
	listener  *pipes
	carrier   carrier

	conn      bankmux.Connection // of the fault matrix
	accountID string
	stacks    []byte // of all goroutines, to count them

	mu           sync.Mutex
	responses    []response // those no fault touched
	opened       int        // connections that the server has
	injected     matrixFault
	left         int                      // how often it strikes yet; -1 for ever
	injectedInto []*http.Request          // that it struck, of those that arrived
	from         func(*http.Request) bool // the first request that it strikes; nil once that came
	dialMark     int
	log          bytes.Buffer
	requests     []arrival
	dialled      []string
	refuse       bool // connections
	fault        wirefault.Fault
	times        int // how often the fault strikes yet; -1 for ever
	on           func(*http.Request) bool
	seen         seen // what an application could have shown
	secrets      []string
	missing      []string       // what the harness cannot do
	calls        map[string]int // of the client, that have not returned
	bubble       atomic.Value   // the number the runtime gave it, a string
}

// arrival is a request that arrived.
type arrival struct {
	request        *http.Request
	exchange, read bool
}

// newClient makes the client anew, with a guard and a transport of its own, on the same backend.
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

// lacks reports whether the harness cannot do something. The suite then says what is not checked.
func (b *bench) lacks(field string, missing bool, what string) bool {
	if missing {
		b.missing = append(b.missing, what+": "+field+" is not set")
	}
	return missing
}

// reached counts requests since the bench began.
func (b *bench) reached() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.requests)
}

// dials counts the connections that were tried.
func (b *bench) dials() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.dialled)
}

// exchanges counts those that spend a token.
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
