package moneykit_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// setup is a client and the bank that it talks to.
type setup struct {
	t      *testing.T
	bank   *virtualbank.Bank
	client *bankmux.Client

	mu     sync.Mutex
	bodies map[string][]json.RawMessage // by method and path
	header http.Header                  // of the last request
}

func start(t *testing.T, opts virtualbank.Options, change func(*moneykit.Config)) *setup {
	t.Helper()
	s := &setup{t: t, bank: virtualbank.New(opts), bodies: map[string][]json.RawMessage{}}
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		server.CloseClientConnections() // a token request may outlive its caller
		server.Close()
	})
	s.open(server.URL, change)
	return s
}

// startInMemory returns a setup without a network, for a bubble of synctest.
func startInMemory(t *testing.T, change func(*moneykit.Config)) *setup {
	t.Helper()
	s := &setup{t: t, bank: virtualbank.New(virtualbank.Options{}), bodies: map[string][]json.RawMessage{}}
	s.open("http://127.0.0.1", func(c *moneykit.Config) {
		c.HTTPClient = &http.Client{Transport: inMemory{s}}
		change(c)
	})
	return s
}

// inMemory is a transport whose requests go to a handler. A handler that aborts has seen the end of
// the request.
type inMemory struct{ handler http.Handler }

func (m inMemory) RoundTrip(r *http.Request) (res *http.Response, err error) {
	defer func() {
		if aborted := recover(); aborted != nil {
			res, err = nil, errors.Join(io.ErrUnexpectedEOF, r.Context().Err())
		}
	}()
	w := httptest.NewRecorder()
	m.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

// open makes the client.
func (s *setup) open(base string, change func(*moneykit.Config)) {
	s.t.Helper()
	creds := s.bank.Credentials().MoneyKit
	cfg := moneykit.Config{
		ClientID:     creds.ClientID,
		ClientSecret: bankmux.NewSecret(creds.ClientSecret),
		Environment:  bankmux.Sandbox,
		BaseURL:      base,
		Guard:        guard.New(guard.Options{Retry: guard.RetryOptions{MaxAttempts: 1}}),
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	s.client, err = moneykit.New(cfg)
	require.NoError(s.t, err)
}

// ServeHTTP is the bank, which notes the requests.
func (s *setup) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	s.mu.Lock()
	key := r.Method + " " + r.URL.Path
	s.bodies[key] = append(s.bodies[key], body)
	s.header = r.Header.Clone()
	s.mu.Unlock()
	s.bank.MoneyKit().ServeHTTP(w, r)
}

func (s *setup) sent(key string) []json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bodies[key]
}

var request = bankmux.SessionRequest{User: "user-1", Country: "US", RedirectURI: "https://app.example.com/oauth"}

func (s *setup) post(req bankmux.SessionRequest) bankmux.ExchangeRequest {
	s.t.Helper()
	session, err := s.client.CreateSession(s.t.Context(), req)
	require.NoError(s.t, err)
	payload, err := s.bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: session.Launch.Token.Reveal()})
	require.NoError(s.t, err)
	return bankmux.ExchangeRequest{Session: session, User: req.User, Payload: bankmux.NewSecret(payload)}
}

func (s *setup) connect(req bankmux.SessionRequest) bankmux.Connection {
	s.t.Helper()
	conn, err := single.Connection(s.client.ExchangeToken(s.t.Context(), s.post(req)))
	require.NoError(s.t, err)
	return conn
}

const exchangePath = "POST /link-session/exchange-token"

func (s *setup) connectPost(post bankmux.ExchangeRequest) bankmux.Connection {
	s.t.Helper()
	conn, err := single.Connection(s.client.ExchangeToken(s.t.Context(), post))
	require.NoError(s.t, err)
	return conn
}

// cannedNow is the time at clients whose responses are canned, since these have fixed days.
var cannedNow = time.Date(2026, time.November, 26, 12, 0, 0, 0, time.UTC)

// canned responds to data calls with texts, by the longest matching end of the path. The bank
// serves the rest.
func canned(t *testing.T, answers map[string]string) (*bankmux.Client, bankmux.Connection) {
	t.Helper()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		end := ""
		for suffix := range answers {
			if strings.HasSuffix(r.URL.Path, suffix) && len(suffix) > len(end) {
				end = suffix
			}
		}
		if end != "" {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, answers[end])
			return
		}
		s.bank.MoneyKit().ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	creds := s.bank.Credentials().MoneyKit
	client, err := moneykit.New(moneykit.Config{
		ClientID:     creds.ClientID,
		ClientSecret: bankmux.NewSecret(creds.ClientSecret),
		Environment:  bankmux.Sandbox,
		BaseURL:      server.URL,
		Now:          func() time.Time { return cannedNow },
	})
	require.NoError(t, err)
	return client, conn
}

const freshLink = `"link":{"link_id":"mk_1","state":"connected","products":{
	"accounts":{"refreshed_at":"2026-11-20T14:03:27.418502+00:00"},` +
	`"transactions":{"refreshed_at":"2026-11-20T14:03:27.418502+00:00"},
	"investments":{"refreshed_at":"2026-11-20T14:03:27+00:00"}}}`

// intercepted is a client whose calls pass through a handler first. If it returns false, the bank
// serves the call.
func intercepted(t *testing.T, s *setup, handle func(http.ResponseWriter, *http.Request) bool) *bankmux.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !handle(w, r) {
			s.bank.MoneyKit().ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	creds := s.bank.Credentials().MoneyKit
	client, err := moneykit.New(moneykit.Config{
		ClientID:     creds.ClientID,
		ClientSecret: bankmux.NewSecret(creds.ClientSecret),
		Environment:  bankmux.Sandbox,
		BaseURL:      server.URL,
		Guard: guard.New(
			guard.Options{Retry: guard.RetryOptions{MaxAttempts: 1}, Breaker: guard.BreakerOptions{Disabled: true}},
		),
	})
	require.NoError(t, err)
	return client
}

func write(w http.ResponseWriter, status int, kind, body string) bool {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
	return true
}

// undisturbed responds to calls with texts, by the end of the path. The circuit of its client never
// opens.
func undisturbed(t *testing.T, answers map[string]string) (*bankmux.Client, bankmux.Connection) {
	t.Helper()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request)
	client := intercepted(t, s, func(w http.ResponseWriter, r *http.Request) bool {
		for suffix, body := range answers {
			if strings.HasSuffix(r.URL.Path, suffix) {
				return write(w, http.StatusOK, "application/json", body)
			}
		}
		return false
	})
	return client, conn
}

// partly demands that an error, if there is one, is about parts missing from a success.
func partly(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		_, partial := errors.AsType[*bankmux.PartialError](err)
		require.True(t, partial, err)
	}
}
