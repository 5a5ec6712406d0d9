package soak_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/bankmux/bankmux/internal/wirefault"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// proxy stands in front of a bank. It injects faults, for one connection or for a whole provider,
// and counts exchanges.
type proxy struct {
	mu         sync.Mutex
	bank       *virtualbank.Bank
	down       map[string]string     // the fault of a provider that is down
	injections map[string]*injection // by the connection they are meant for
	reached    map[string]int        // exchanges that reached the proxy, by token
	done       map[string]int        // exchanges that succeeded at the bank, by token
	items      map[string]string     // the Item that Plaid made of a public token
}

// injection is the fault of the next call on a connection. It skips some requests, and then hits
// the next ones.
type injection struct {
	fault       string
	skip, times int
}

// connectionHeader tags a request with its connection.
const connectionHeader = "Soak-Connection"

type tagKey struct{}

// faultyWire is the client's end. It tags requests, and fails those that get no connection.
type faultyWire struct {
	world  *world
	broken map[string]*http.Transport
}

func (s *faultyWire) RoundTrip(r *http.Request) (*http.Response, error) {
	tag, _ := r.Context().Value(tagKey{}).(string)
	r = r.Clone(r.Context())
	r.Header.Set(connectionHeader, tag)
	if fault := s.world.inject(r, func(name string) bool { return s.broken[name] != nil }); fault != "" {
		return s.broken[fault].RoundTrip(r)
	}
	if s.world.cfg.mistake.twice && exchangeOf(r.URL.Path) {
		return s.twice(r)
	}
	return s.world.wire.RoundTrip(r)
}

// twice is a planted mistake: an exchange that failed is sent once more.
func (s *faultyWire) twice(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	again := r.Clone(r.Context())
	r.Body, again.Body = io.NopCloser(bytes.NewReader(body)), io.NopCloser(bytes.NewReader(body))
	res, err := s.world.wire.RoundTrip(r)
	if err == nil && res.StatusCode < http.StatusInternalServerError {
		return res, nil
	}
	if err == nil {
		_ = res.Body.Close()
	}
	return s.world.wire.RoundTrip(again)
}

// exchangeOf reports whether a path spends a one-time token.
func exchangeOf(path string) bool {
	return path == "/link-session/exchange-token" || path == "/v2/auth/ExchangeToken" ||
		path == plaidRoot+"/item/public_token/exchange"
}

func providerOf(path string) string {
	switch {
	case strings.HasPrefix(path, "/v2/"):
		return dapi.Name
	case strings.HasPrefix(path, plaidRoot+"/"):
		return plaid.Name
	}
	return moneykit.Name
}

// plaidRoot is the path below which the proxy serves Plaid. The providers share one address.
const plaidRoot = "/plaid"

// reset starts again with another bank.
func (d *proxy) reset(bank *virtualbank.Bank) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bank = bank
	d.down, d.injections = map[string]string{}, map[string]*injection{}
	d.reached, d.done, d.items = map[string]int{}, map[string]int{}, map[string]string{}
}

func (d *proxy) present() *virtualbank.Bank {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.bank
}

// takeDown makes every request to a provider fail, until it is called without a fault.
func (d *proxy) takeDown(provider, fault string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down[provider] = fault
}

// arm injects a fault into the next requests of a connection; nil injects none.
func (d *proxy) arm(tag string, next *injection) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if next == nil {
		delete(d.injections, tag)
		return
	}
	d.injections[tag] = next
}

// inject returns the fault to inject into a request, if kind accepts it: client and server each
// inject their own.
func (w *world) inject(r *http.Request, kind func(string) bool) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if fault := w.down[providerOf(r.URL.Path)]; fault != "" {
		if !kind(fault) {
			return ""
		}
		w.count("requests that found a provider down", fault, 1)
		return fault
	}
	s := w.injections[r.Header.Get(connectionHeader)]
	// which call fetches the token for all is random
	if s == nil || s.times == 0 || !kind(s.fault) || r.URL.Path == "/auth/token" {
		return ""
	}
	if s.fault == "null_in_place_of_list" && strings.HasSuffix(r.URL.Path, "/DelinkUser") {
		return "" // there the body means success
	}
	if s.skip > 0 {
		s.skip--
		return ""
	}
	s.times--
	w.count("faults", s.fault, 1)
	return s.fault
}

// exchanged reports whether the bank has spent a token.
func (d *proxy) exchanged(token string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.done[token] > 0
}

// itemOf returns the Item that Plaid made of a public token, "" for none.
func (d *proxy) itemOf(token string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.items[token]
}

// ServeHTTP serves a request at the bank, or the fault that is injected.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	provider, bank := providerOf(r.URL.Path), w.present()
	handler := map[string]http.Handler{
		moneykit.Name: bank.MoneyKit(), dapi.Name: bank.Dapi(), plaid.Name: http.StripPrefix(plaidRoot, bank.Plaid()),
	}[provider]
	fault := w.inject(r, atServer)
	w.count("requests", provider, 1)
	if exchangeOf(r.URL.Path) {
		token := tokenOf(r)
		if fault != "expired_token" { // which the library may send again, since the proxy refused the first
			w.mu.Lock()
			w.reached[token]++
			w.mu.Unlock()
		}
		inner := handler
		handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			s := &exchangeWriter{ResponseWriter: rw}
			inner.ServeHTTP(s, r)
			if s.status/100 == 2 {
				w.mu.Lock()
				w.done[token]++
				w.items[token] = s.item()
				w.mu.Unlock()
			}
		})
	}
	if word, ok := providerFaults[fault]; ok {
		_, _ = io.Copy(io.Discard, r.Body)
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(word.status)
		_, _ = io.WriteString(rw, word.body)
		return
	}
	wire, _ := wirefault.Lookup(fault)
	if strings.HasPrefix(fault, "rate_limited") {
		switch provider {
		case moneykit.Name:
			wire.Body = []byte(`{"error_code":"api_error.rate_limit_exceeded","error_message":"Rate limit exceeded"}`)
		case plaid.Name:
			wire.Body = plaidFault("RATE_LIMIT_EXCEEDED", "RATE_LIMIT")
		}
	}
	wire.Serve(rw, r, handler)
}

// exchangeWriter keeps the status and the body of an exchange's response.
type exchangeWriter struct {
	http.ResponseWriter
	status int
	body   []byte
}

func (s *exchangeWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *exchangeWriter) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

func (s *exchangeWriter) Write(part []byte) (int, error) {
	s.body = append(s.body, part...)
	return s.ResponseWriter.Write(part)
}

// item returns the id of the Item that the response names, "" for other providers.
func (s *exchangeWriter) item() string {
	var out struct {
		ItemID string `json:"item_id"`
	}
	_ = json.Unmarshal(s.body, &out) // what does not decode names no Item
	return out.ItemID
}

// tokenOf reads the one-time token of an exchange, or of what the user's browser posts.
func tokenOf(r *http.Request) string {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the client has gone
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return tokenIn(body)
}

func tokenIn(body []byte) string {
	var in struct {
		MoneyKit string `json:"exchangeable_token"`
		Dapi     string `json:"accessCode"`
		Plaid    string `json:"public_token"`
	}
	_ = json.Unmarshal(body, &in) // what is not JSON has no token
	return in.MoneyKit + in.Dapi + in.Plaid
}

// providerFaults are error responses in a provider's own format, by name.
var providerFaults = map[string]struct {
	provider string // "" means all
	status   int
	body     string
}{
	"expired_token": {
		"moneykit",
		http.StatusUnauthorized,
		`{"error_code":"api_error.auth.expired_access_token","error_message":"Access token expired"}`,
	},
	"unauthorized": {
		"moneykit",
		http.StatusUnauthorized,
		`{"error_code":"api_error.auth.unauthorized","error_message":"Unauthorized"}`,
	},
	"bank_failing": {
		"moneykit",
		http.StatusUnprocessableEntity,
		`{"error_code":"link_error.bad_state","error_message":"Bad state","link_error_code":"institution_error"}`,
	},
	"unheard_of_moneykit": {
		"moneykit",
		http.StatusBadRequest,
		`{"error_code":"soak.unheard_of","error_message":"An unlisted code"}`,
	},
	"failed_envelope": {
		"dapi",
		http.StatusOK,
		`{"success":false,"status":"failed","type":"UNKNOWN_ERROR","msg":"The operation failed"}`,
	},
	"failed_without_type": {
		"dapi",
		http.StatusInternalServerError,
		`{"success":false,"status":"failed","msg":"The operation failed"}`,
	},
	"unheard_of_dapi": {
		"dapi",
		http.StatusBadRequest,
		`{"success":false,"status":"failed","type":"SOAK_UNHEARD_OF","msg":"An unlisted type"}`,
	},
	"unheard_of_status": {"dapi", http.StatusOK, `{"success":true,"status":"pondering","operationID":"soak"}`},
	"unheard_of_plaid": {
		plaid.Name,
		http.StatusBadRequest,
		string(plaidFault("SOAK_UNHEARD_OF", "SOAK_UNHEARD_OF")),
	},
	"internal_error_of_plaid": {
		plaid.Name,
		http.StatusInternalServerError,
		string(plaidFault("API_ERROR", "INTERNAL_SERVER_ERROR")),
	},
	"bank_failing_at_plaid": {
		plaid.Name,
		http.StatusBadRequest,
		string(plaidFault("INSTITUTION_ERROR", "INSTITUTION_NOT_RESPONDING")),
	},
	"rows_change_at_plaid": {
		plaid.Name,
		http.StatusBadRequest,
		string(plaidFault("TRANSACTIONS_ERROR", "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION")),
	},
	"null_in_place_of_list": {
		"",
		http.StatusOK,
		`{"success":true,"status":"done","operationID":"soak","accounts":null,"transactions":null,"links":null,` +
			`"link":null}`,
	},
}

// plaidFault returns an error of Plaid's.
func plaidFault(kind, code string) []byte {
	return []byte(`{"error_type":"` + kind + `","error_code":"` + code + `","error_message":"injected",` +
		`"display_message":null,"request_id":"Soak"}`)
}

// atServer reports whether the server injects a fault.
func atServer(name string) bool {
	_, word := providerFaults[name]
	_, wire := wirefault.Lookup(name)
	return word || wire
}

// faultsOf returns all faults of a provider's calls, in a fixed order.
func faultsOf(provider string) []string {
	all := []string{"connection_refused", "no_such_host", "connecting_hangs"}
	for _, f := range wirefault.All() {
		all = append(all, f.Name)
	}
	for _, name := range sortedNames(providerFaults) {
		if by := providerFaults[name].provider; by == "" || by == provider {
			all = append(all, name)
		}
	}
	return all
}
