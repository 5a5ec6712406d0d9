package main

// This file counts what arrives at the virtual bank, whoever sent it.

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
)

// traffic has the requests to the banks. It is safe for concurrent use.
type traffic struct {
	clock clock

	mu       sync.Mutex
	requests []request
	running  map[string]int // calls on a token of Dapi
	overlaps int            // of two such calls
}

// start forgets the requests so far, and counts by another clock from now on.
func (t *traffic) start(c clock) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clock, t.requests = c, nil
}

// maxBody is more than any request has.
const maxBody = 1 << 20

// watch returns a handler that counts the requests to a provider's API. user says whether a user
// waits for them.
func (t *traffic) watch(provider string, api http.Handler, user bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			http.Error(w, "the body is unreadable", http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		counted := identify(provider, r, body)
		counted.user = user
		token := ""
		if provider == dapi.Name && counted.op != "" {
			token = counted.item
		}
		t.enter(&counted, token)
		status := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		api.ServeHTTP(status, r)
		counted.refused = status.status >= http.StatusBadRequest
		t.leave(counted, token)
	})
}

// statusWriter remembers the status of a response.
type statusWriter struct {
	http.ResponseWriter

	status int
}

// WriteHeader remembers the status.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (t *traffic) enter(r *request, token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.at = t.clock.now()
	if token == "" {
		return
	}
	if t.running[token] > 0 {
		t.overlaps++
	}
	t.running[token]++
}

func (t *traffic) leave(r request, token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if token != "" {
		t.running[token]--
	}
	t.requests = append(t.requests, r)
}

// between returns the requests of a span of the nights.
func (t *traffic) between(from, to time.Time) (all []request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.requests {
		if !r.at.Before(from) && r.at.Before(to) {
			all = append(all, r)
		}
	}
	return all
}

// linkPath is the path of a call on a link of MoneyKit.
var linkPath = regexp.MustCompile(`^/links/([^/]+)/(accounts|transactions/sync|products)$`)

// identify says what a request asks for. It has no op unless it is a read or a refresh of a
// connection.
func identify(provider string, r *http.Request, body []byte) request {
	out := request{provider: provider}
	secret := ""
	switch provider {
	case moneykit.Name:
		if m := linkPath.FindStringSubmatch(r.URL.Path); m != nil {
			secret = m[1]
			out.op, out.product = opOf(m[2])
		}
	case dapi.Name:
		if path, ok := strings.CutPrefix(r.URL.Path, "/v2/data/"); ok {
			secret = r.Header.Get("Authorization")
			out.op, out.product = opOf(path)
		}
	case plaid.Name:
		var of struct {
			AccessToken string `json:"access_token"`
		}
		_ = json.Unmarshal(body, &of) // another body has no token
		secret = of.AccessToken
		out.op, out.product = opOf(strings.TrimPrefix(r.URL.Path, "/"))
	}
	if secret == "" {
		out.op = ""
		return out
	}
	sum := sha256.Sum256([]byte(secret))
	out.item = hex.EncodeToString(sum[:8])
	return out
}

// opOf returns the operation and the product of a path, both empty for another one.
func opOf(path string) (op, product string) {
	switch {
	case slices.Contains([]string{"accounts", "accounts/get"}, path):
		return bankmux.OpAccounts, string(bankmux.ProductAccounts)
	case path == "cards/get":
		return bankmux.OpCards, string(bankmux.ProductCards)
	case path == "products":
		return bankmux.OpRefresh, string(bankmux.ProductTransactions)
	case strings.Contains(strings.ToLower(path), "transactions/"):
		return bankmux.OpSync, string(bankmux.ProductTransactions)
	}
	return "", ""
}
