package plaid_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// setup is a client and the bank it talks to over loopback.
type setup struct {
	t      *testing.T
	bank   *virtualbank.Bank
	client *bankmux.Client

	mu     sync.Mutex
	bodies map[string][]json.RawMessage // by path
	header http.Header                  // of the last request
	// answer serves a request in place of the bank, if it returns true.
	answer func(w http.ResponseWriter, r *http.Request) bool
}

func start(t *testing.T, opts virtualbank.Options, change func(*plaid.Config)) *setup {
	t.Helper()
	s := &setup{t: t, bank: virtualbank.New(opts), bodies: map[string][]json.RawMessage{}}
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(server.Close)
	creds := s.bank.Credentials().Plaid
	cfg := plaid.Config{
		ClientID:    creds.ClientID,
		Secret:      bankmux.NewSecret(creds.Secret),
		Environment: bankmux.Sandbox,
		AppName:     "Example Bookkeeping",
		BaseURL:     server.URL,
		Guard:       guard.New(guard.Options{Retry: guard.RetryOptions{MaxAttempts: 1}}),
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	s.client, err = plaid.New(cfg)
	require.NoError(t, err)
	return s
}

func (s *setup) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	s.mu.Lock()
	s.bodies[r.URL.Path] = append(s.bodies[r.URL.Path], body)
	s.header = r.Header.Clone()
	answer := s.answer
	s.mu.Unlock()
	if answer == nil || !answer(w, r) {
		s.bank.Plaid().ServeHTTP(w, r)
	}
}

// answers puts something in place of the bank from now on. nil puts the bank back.
func (s *setup) answers(answer func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// fails lets calls of a path fail with a status and a body.
func (s *setup) fails(path string, status int, body string) {
	s.answers(func(w http.ResponseWriter, r *http.Request) bool {
		return r.URL.Path == path && write(w, status, body)
	})
}

func write(w http.ResponseWriter, status int, body string) bool {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
	return true
}

// plaidError is the body of an error.
func plaidError(kind, code string) string {
	return `{"error_type":"` + kind + `","error_code":"` + code + `","error_message":"a message",` +
		`"display_message":null,"request_id":"abc123"}`
}

// sent are the bodies of the requests to a path.
func (s *setup) sent(path string) []json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bodies[path]
}

// lastSent decodes the last request to a path.
func (s *setup) lastSent(path string) (body map[string]any) {
	s.t.Helper()
	all := s.sent(path)
	require.NotEmpty(s.t, all, path)
	require.NoError(s.t, json.Unmarshal(all[len(all)-1], &body))
	return body
}

var request = bankmux.SessionRequest{
	User: "user-1", Country: "US", RedirectURI: "https://app.example.com/oauth",
	Products: []bankmux.ProductRequest{
		{Product: bankmux.ProductTransactions, Required: true}, {Product: bankmux.ProductIdentity},
	},
}

const (
	createPath  = "/link/token/create"
	readPath    = "/link/token/get"
	itemPath    = "/item/get"
	webhookPath = "/item/webhook/update"
)

func (s *setup) session(req bankmux.SessionRequest) bankmux.Session {
	s.t.Helper()
	session, err := s.client.CreateSession(s.t.Context(), req)
	require.NoError(s.t, err)
	return session
}

// link plays the user in Link.
func (s *setup) link(session bankmux.Session, institution string) bankmux.ExchangeRequest {
	s.t.Helper()
	payload, err := s.bank.LinkPlaid(virtualbank.PlaidLink{
		LinkToken: session.Launch.Token.Reveal(), InstitutionID: institution,
	})
	require.NoError(s.t, err)
	return posted(session, string(payload))
}

func posted(session bankmux.Session, payload string) bankmux.ExchangeRequest {
	return bankmux.ExchangeRequest{Session: session, User: session.User, Payload: bankmux.NewSecret(payload)}
}

func (s *setup) connectPost(post bankmux.ExchangeRequest) bankmux.Connection {
	s.t.Helper()
	conn, err := single.Connection(s.client.ExchangeToken(s.t.Context(), post))
	require.NoError(s.t, err)
	return conn
}

func (s *setup) connect(req bankmux.SessionRequest, institution string) bankmux.Connection {
	s.t.Helper()
	return s.connectPost(s.link(s.session(req), institution))
}

func (s *setup) status(conn bankmux.Connection) bankmux.StatusResult {
	s.t.Helper()
	res, err := s.client.ConnectionStatus(s.t.Context(), bankmux.StatusRequest{Connection: conn})
	require.NoError(s.t, err)
	return res
}
