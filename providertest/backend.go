package providertest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/single"
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

	mu       sync.Mutex
	answers  []answered // those no fault touched
	opened   int        // connections that the server has
	injected matrixFault
	left     int                      // how often it strikes yet; -1 for ever
	hits     []*http.Request          // that it struck, of those that arrived
	from     func(*http.Request) bool // the first request that it strikes; nil once that came
	dialMark int
	log      bytes.Buffer
	requests []arrival
	dialled  []string
	refuse   bool // connections
	fault    wirefault.Fault
	times    int // how often the fault strikes yet; -1 for ever
	on       func(*http.Request) bool
	seen     seen // what an application could have shown
	secrets  []string
	missing  []string       // what the harness cannot do
	calls    map[string]int // of the client, that have not returned
	bubble   atomic.Value   // the number the runtime gave it, a string
}

// arrival is a request that arrived.
type arrival struct {
	request        *http.Request
	exchange, read bool
}

// reclient makes the client anew, with a guard and a transport of its own, on the same backend.
func (b *bench) reclient(opts guard.Options, over carrier) {
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

// connState counts the connections that are open at the server.
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

// ServeHTTP notes the request and lets the fault of the day strike.
func (b *bench) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.requests = append(b.requests, arrival{r, b.IsExchange(r), b.isRead(r)})
	var fault wirefault.Fault
	if b.times != 0 && (b.on == nil || b.on(r)) {
		fault = b.fault
		if b.times > 0 {
			b.times--
		}
	}
	crossing := matrixFault{}
	if b.from != nil && b.from(r) {
		b.from = nil
	}
	if b.left != 0 && b.from == nil && b.injected.dial == "" && (b.Words.Open == nil || !b.Words.Open(r)) {
		crossing = b.injected
		b.hits = append(b.hits, r)
		if b.left > 0 {
			b.left--
		}
	}
	b.mu.Unlock()
	switch {
	case crossing.name != "":
		crossing.serve(w, r, b.Words, b.Backend)
	case b.Words.Open != nil && b.Words.Open(r):
		fault.Serve(w, r, b.Backend)
	default:
		m := &meter{ResponseWriter: w, answered: answered{request: r}}
		fault.Serve(m, r, b.Backend)
		b.mu.Lock()
		b.answers = append(b.answers, m.answered)
		b.mu.Unlock()
	}
}

// inject makes the next requests that on selects go wrong; times -1 means all.
func (b *bench) inject(f wirefault.Fault, times int, on func(*http.Request) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fault, b.times, b.on = f, times, on
}

// lacks reports whether the harness cannot do something. The suite then says what is not checked.
func (b *bench) lacks(field string, missing bool, what string) bool {
	if missing {
		b.missing = append(b.missing, what+": "+field+" is not set")
	}
	return missing
}

func (b *bench) heal() {
	b.inject(wirefault.Fault{}, 0, nil)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = 0
}

func (b *bench) refuseConnections(refuse bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refuse = refuse
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

func (b *bench) dial(l *pipes) func(context.Context, string, string) (net.Conn, error) {
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
		select {
		case l.conns <- server:
			return client, nil
		case <-l.closed:
			return nil, net.ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// checkSecrets fails the test for every secret that was shown, and for every host that was
// contacted.
func (b *bench) checkSecrets() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, leak := range b.seen.leaks(b.log.String(), b.secrets) {
		assert.Fail(b.t, "a secret was shown", leak)
	}
	for _, address := range b.dialled {
		assert.Equal(b.t, strings.TrimPrefix(baseURL, "http://"), address, "another host was contacted")
	}
}

type logWriter bench

func (w *logWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(p)
}

// pipes is a listener whose connections are in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// session opens a session for the harness's request.
func (b *bench) session(ctx context.Context) bankmux.Session {
	b.t.Helper()
	s, err := b.client.CreateSession(ctx, b.Request)
	require.NoError(b.t, err)
	return s
}

// keyring is the application's.
func (b *bench) keyring() *bankmux.Keyring {
	b.t.Helper()
	ring, err := bankmux.NewKeyring(bankmux.Key{ID: "suite", Material: bankmux.NewSecret(bytes.Repeat([]byte{7}, 32))})
	require.NoError(b.t, err)
	return ring
}

// kept returns the session as the application's database gives it back.
func (b *bench) kept(s bankmux.Session) bankmux.Session {
	b.t.Helper()
	row, err := s.Seal(b.keyring())
	require.NoError(b.t, err)
	back, err := bankmux.OpenSession(b.keyring(), s.Ref(), row)
	require.NoError(b.t, err)
	return back
}

// linked lets the user finish s and returns what the application posts to ExchangeToken.
func (b *bench) linked(s bankmux.Session) bankmux.ExchangeRequest {
	b.t.Helper()
	payload, err := b.Link(s)
	require.NoError(b.t, err)
	b.concealPayload(payload)
	b.conceal(string(payload))
	post := bankmux.ExchangeRequest{Session: s, User: s.User, Payload: bankmux.NewSecret(payload)}
	b.show(post)
	return post
}

// concealPayload treats the texts of a payload's top level as secret that are as
// long as a token.
func (b *bench) concealPayload(payload json.RawMessage) {
	var fields map[string]any
	if json.Unmarshal(payload, &fields) != nil {
		return
	}
	for key, v := range fields {
		low := strings.ToLower(key)
		if s, ok := v.(string); ok &&
			(strings.Contains(low, "token") && !strings.HasSuffix(low, "id") || strings.Contains(low, "secret") || strings.Contains(low, "code")) {
			b.conceal(s)
		}
	}
}

// connect links a user from beginning to end.
func (b *bench) connect(ctx context.Context) bankmux.Connection {
	b.t.Helper()
	conn, err := single.Connection(b.client.ExchangeToken(ctx, b.linked(b.session(ctx))))
	require.NoError(b.t, err)
	return conn
}

// concealCredential hides the credential, its parts and the provider's id of the connection.
func (b *bench) concealCredential(conn bankmux.Connection) {
	credential := conn.Credential().Reveal()
	b.conceal(credential, conn.Reference())
	var parts map[string]any
	if json.Unmarshal([]byte(credential), &parts) == nil {
		for name, part := range parts {
			if text, ok := part.(string); ok && !strings.HasSuffix(name, "_id") {
				b.conceal(text)
			}
		}
	}
}
