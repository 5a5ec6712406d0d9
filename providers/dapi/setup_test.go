package dapi_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/virtualbank"
)

type setup struct {
	t      *testing.T
	bank   *virtualbank.Bank
	client *bankmux.Client
	url    string
}

func start(t *testing.T, change func(*dapi.Config)) *setup {
	t.Helper()
	s := &setup{t: t, bank: virtualbank.New(virtualbank.Options{})}
	server := httptest.NewServer(s.bank.Dapi())
	t.Cleanup(server.Close)
	s.url = server.URL + "/v2"
	s.client = s.another(change)
	return s
}

// another makes a second client of the same application.
func (s *setup) another(change func(*dapi.Config)) *bankmux.Client {
	s.t.Helper()
	creds := s.bank.Credentials().Dapi
	cfg := dapi.Config{
		AppKey:      creds.AppKey,
		AppSecret:   bankmux.NewSecret(creds.AppSecret),
		Environment: bankmux.Sandbox,
		BaseURL:     s.url,
		Guard:       guard.New(guard.Options{Retry: guard.RetryOptions{MaxAttempts: 1}}),
	}
	if change != nil {
		change(&cfg)
	}
	client, err := dapi.New(cfg)
	require.NoError(s.t, err)
	return client
}

var request = bankmux.SessionRequest{User: "user-1", Country: "AE"}

func (s *setup) post(
	client *bankmux.Client,
	req bankmux.SessionRequest,
	link virtualbank.DapiLink,
) bankmux.ExchangeRequest {
	s.t.Helper()
	session, err := client.CreateSession(s.t.Context(), req)
	require.NoError(s.t, err)
	link.AppKey = session.Launch.AppKey
	if link.InstitutionID == "" {
		link.Countries = session.Launch.Countries
	}
	payload, err := s.bank.LinkDapi(link)
	require.NoError(s.t, err)
	return bankmux.ExchangeRequest{Session: session, User: req.User, Payload: bankmux.NewSecret(payload)}
}

func (s *setup) connect() bankmux.Connection {
	s.t.Helper()
	conn, err := single.Connection(
		s.client.ExchangeToken(s.t.Context(), s.post(s.client, request, virtualbank.DapiLink{})),
	)
	require.NoError(s.t, err)
	return conn
}

// canned responds to calls with texts, by path, and counts them. The bank serves the rest.
func canned(
	t *testing.T,
	answers map[string]string,
) (client *bankmux.Client, conn bankmux.Connection, calls map[string]int) {
	t.Helper()
	s := start(t, nil)
	conn = s.connect()
	calls = map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls[r.URL.Path]++
		body, ok := answers[r.URL.Path]
		if !ok {
			s.bank.Dapi().ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if strings.Contains(body, `"failed"`) {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	creds := s.bank.Credentials().Dapi
	client, err := dapi.New(dapi.Config{
		AppKey:      creds.AppKey,
		AppSecret:   bankmux.NewSecret(creds.AppSecret),
		Environment: bankmux.Sandbox,
		BaseURL:     server.URL + "/v2",
		Guard:       guard.New(guard.Options{Retry: guard.RetryOptions{MaxAttempts: 1}}),
	})
	require.NoError(t, err)
	return client, conn, calls
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// oddShapes are values that a bank may send in place of an object.
var oddShapes = []string{`"NA"`, `7500`, `[]`, `true`, `null`, `[{"name":"X","bankName":"X","amount":1}]`}

// partly demands that an error, if there is one, is about parts missing from a success.
func partly(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		_, partial := errors.AsType[*bankmux.PartialError](err)
		require.True(t, partial, err)
	}
}

var unsendable = []string{"a\nb", "a\r\nX-Other: b", "a\x00", " a", "\u00e9", strings.Repeat("x", 20_000)}
