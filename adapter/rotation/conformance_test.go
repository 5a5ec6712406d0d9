package rotation_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providertest"
)

// TestConformance runs the conformance suite with an adapter that rotates tokens.
func TestConformance(t *testing.T) {
	for name, repeatable := range map[string]bool{
		"where a refresh token is spent by use":                      false,
		"where the former refresh token holds until the new is used": true,
	} {
		t.Run(name, func(t *testing.T) {
			providertest.Run(t, func(*testing.T) providertest.Harness { return petrelHarness(repeatable) },
				bankmux.CapStatus, bankmux.CapDisconnect)
		})
	}
}

func petrelHarness(repeatable bool) providertest.Harness {
	const key = "planted-petrel-key"
	p := &petrelBank{
		key: key, repeatable: repeatable,
		flows: map[string]petrelFlow{}, codes: map[string]petrelFlow{}, consents: map[string]*petrelConsent{},
	}
	return providertest.Harness{
		Backend:    p,
		New:        func(env providertest.Env) (*bankmux.Client, error) { return newPetrel(env, key, repeatable) },
		Request:    bankmux.SessionRequest{User: "user-1", Country: "US"},
		Link:       func(s bankmux.Session) (json.RawMessage, error) { return p.link(s.Launch.Token.Reveal()), nil },
		IsExchange: func(r *http.Request) bool { return r.URL.Path == "/exchange" },
		Lapse:      p.lapse,
		Secrets:    []string{key},
		Words:      providertest.Words{Open: func(r *http.Request) bool { return r.URL.Path == "/refresh" }},
		Binds:      true,
		Rotation: &providertest.Rotation{
			Expire:     p.expire,
			IsRefresh:  func(r *http.Request) bool { return r.URL.Path == "/refresh" },
			Repeatable: repeatable,
		},
	}
}

// petrelBank is the invented provider.
type petrelBank struct {
	key        string
	repeatable bool

	mu       sync.Mutex
	last     int
	flows    map[string]petrelFlow
	codes    map[string]petrelFlow
	consents map[string]*petrelConsent
}

type petrelFlow struct{ state, consent string }

type petrelConsent struct {
	access, refresh string
	former          string // the refresh token that still holds, "" for none
	lapsed, gone    bool
}

func (p *petrelBank) next(prefix string) string {
	p.last++
	return fmt.Sprintf("planted-%s-%d", prefix, p.last)
}

func (p *petrelBank) link(flow string) json.RawMessage {
	p.mu.Lock()
	defer p.mu.Unlock()
	code := p.next("code")
	p.codes[code] = p.flows[flow]
	return json.RawMessage(`{"code":"` + code + `"}`)
}

// lapse ends the consent, its tokens and what the user has agreed to since.
func (p *petrelBank) lapse(conn bankmux.Connection) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for code, flow := range p.codes {
		if flow.consent == conn.Reference() {
			delete(p.codes, code)
		}
	}
	c := p.consents[conn.Reference()]
	c.lapsed, c.access = true, ""
	return nil
}

func (p *petrelBank) expire(conn bankmux.Connection) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.consents[conn.Reference()].access = ""
	return nil
}

func (p *petrelBank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	bearer := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if r.URL.Path == "/consent" {
		p.serveConsent(w, r, bearer)
		return
	}
	var in struct{ State, Consent, Code, Refresh string }
	_ = json.NewDecoder(r.Body).Decode(&in)
	flow, known := p.codes[in.Code]
	switch {
	case bearer != p.key:
		petrelSays(w, http.StatusUnauthorized, map[string]any{"code": "bad_key"})
	case r.URL.Path == "/flows":
		name := p.next("flow")
		if in.Consent == "" {
			in.Consent = p.next("consent")
		}
		p.flows[name] = petrelFlow{in.State, in.Consent}
		petrelSays(w, http.StatusOK, map[string]any{"flow": name})
	case r.URL.Path == "/refresh":
		p.serveRefresh(w, in.Refresh)
	case !known:
		petrelSays(w, http.StatusBadRequest, map[string]any{"code": "code_used"})
	default:
		delete(p.codes, in.Code)
		c := &petrelConsent{}
		p.consents[flow.consent] = c
		p.issue(w, flow.consent, c, flow.state)
	}
}

func (p *petrelBank) serveRefresh(w http.ResponseWriter, refresh string) {
	for name, c := range p.consents {
		if c.lapsed || c.gone || refresh == "" {
			continue
		}
		if c.refresh == refresh || c.former == refresh {
			if p.repeatable {
				c.former = refresh
			}
			p.issue(w, name, c, "")
			return
		}
	}
	petrelSays(w, http.StatusBadRequest, map[string]any{"code": "invalid_grant"})
}

func (p *petrelBank) issue(w http.ResponseWriter, consent string, c *petrelConsent, state string) {
	c.access, c.refresh = p.next("access"), p.next("refresh")
	petrelSays(w, http.StatusOK, map[string]any{
		"access": c.access, "refresh": c.refresh, "expires_in": 3600, "consent": consent, "state": state,
	})
}

func (p *petrelBank) serveConsent(w http.ResponseWriter, r *http.Request, bearer string) {
	for _, c := range p.consents {
		if bearer == "" || c.access != bearer {
			continue
		}
		if c.gone {
			petrelSays(w, http.StatusGone, map[string]any{"code": "consent_deleted"})
			return
		}
		c.gone = r.Method == http.MethodDelete
		petrelSays(w, http.StatusOK, map[string]any{"state": "active"})
		return
	}
	petrelSays(w, http.StatusUnauthorized, map[string]any{"code": "token_expired"})
}

func petrelSays(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
