package thirdparty_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/examples/thirdparty"
	"github.com/bankmux/bankmux/providertest"
)

func TestConformance(t *testing.T) {
	providertest.Run(t, newHarness)
}

func newHarness(*testing.T) providertest.Harness {
	const key = "planted-pelican-key"
	p := &pelican{key: key, flows: map[string]string{}, codes: map[string]string{}}
	return providertest.Harness{
		Backend: p,
		New: func(env providertest.Env) (*bankmux.Client, error) {
			return thirdparty.New(thirdparty.Config{
				Key: bankmux.NewSecret(key), BaseURL: env.BaseURL, HTTPClient: env.HTTPClient,
				Guard: env.Guard,
			})
		},
		Request:    bankmux.SessionRequest{User: "user-1", Country: "US"},
		Link:       func(s bankmux.Session) (json.RawMessage, error) { return p.link(s.Launch.Token.Reveal()), nil },
		IsExchange: func(r *http.Request) bool { return r.URL.Path == "/redeem" },
		Secrets:    []string{key},
		Binds:      true,
	}
}

// pelican is the invented provider.
type pelican struct {
	mu    sync.Mutex
	key   string
	last  int
	flows map[string]string // flow -> state
	codes map[string]string // code -> state
}

func (p *pelican) link(flow string) json.RawMessage {
	p.mu.Lock()
	defer p.mu.Unlock()
	code := p.next("planted-code-")
	p.codes[code] = p.flows[flow]
	return json.RawMessage(`{"code":"` + code + `"}`)
}

func (p *pelican) next(prefix string) string {
	p.last++
	return prefix + strconv.Itoa(p.last)
}

func (p *pelican) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var in struct{ State, Code string }
	_ = json.NewDecoder(r.Body).Decode(&in)
	state, known := p.codes[in.Code]
	switch {
	case r.Header.Get("Authorization") != "Bearer "+p.key:
		answer(w, http.StatusUnauthorized, map[string]string{"code": "bad_key"})
	case r.URL.Path == "/flows":
		flow := p.next("flow-")
		p.flows[flow] = in.State
		answer(w, http.StatusOK, map[string]string{"flow": flow})
	case !known:
		answer(w, http.StatusBadRequest, map[string]string{"code": "code_used"})
	default:
		delete(p.codes, in.Code)
		answer(w, http.StatusOK, map[string]string{"grant": p.next("planted-grant-"), "bank": "nest", "state": state})
	}
}

func answer(w http.ResponseWriter, status int, body map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func TestConfigIsChecked(t *testing.T) {
	_, err := thirdparty.New(thirdparty.Config{})
	require.ErrorIs(t, err, bankmux.ErrInvalid)
}
