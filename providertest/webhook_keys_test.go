package providertest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/webhook"
)

// swift is a provider that publishes keys one by one, with ids as long as a UUID. The bodies of its
// deliveries have blanks. It is its own adapter.
type swift struct {
	mu       sync.Mutex
	keys     map[string]*ecdsa.PrivateKey
	signs    string // the id of the key that signs
	sent     int
	verifier webhook.Verifier
}

func (s *swift) rotate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	s.signs = fmt.Sprintf("7f6e5d4c-3b2a-4190-8f7e-%012d", len(s.keys))
	s.keys[s.signs] = key
}

func (s *swift) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := r.URL.Query().Get("id")
	w.Header().Set("Content-Type", "application/json")
	if s.keys[id] == nil {
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"code":"no_such_key"}`))
		return
	}
	_ = json.NewEncoder(w).
		Encode(map[string]any{"key": jose.JSONWebKey{Key: s.keys[id].Public(), KeyID: id, Use: "sig"}})
}

func (s *swift) client(env Env) (*bankmux.Client, error) {
	api := rest.New(rest.Config{BaseURL: env.BaseURL, HTTPClient: env.HTTPClient})
	keys := webhook.NewKeyByID(func(ctx context.Context, id string) (webhook.Key, error) {
		res, err := api.Do(
			ctx,
			rest.Request{Method: http.MethodGet, Path: "/keys", Query: map[string][]string{"id": {id}}},
		)
		if err != nil {
			return webhook.Key{}, err
		}
		var out struct {
			Code string          `json:"code"`
			Key  json.RawMessage `json:"key"`
		}
		switch err := res.Decode(&out); {
		case err != nil:
			return webhook.Key{}, err
		case res.Status == http.StatusNotFound && out.Code == "no_such_key":
			return webhook.Key{}, nil
		case res.Status != http.StatusOK || out.Key == nil:
			return webhook.Key{}, res.Lacks("key")
		}
		return webhook.Key{JWK: out.Key}, nil
	})
	verifier, err := webhook.NewJWT(webhook.JWT{Header: []string{"Swift-Signature"}, Digest: "body", Keys: keys})
	return bankmux.NewClient("swift", &swift{keys: s.keys, verifier: verifier}, env.Guard.Interceptors()...), err
}

func (*swift) CreateSession(_ context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	return bankmux.NewSession(req), nil
}

func (*swift) ExchangeToken(_ context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	return bankmux.ExchangeResult{
		Connection: bankmux.NewConnection(req.Session, "login-1", bankmux.NewSecret("planted-credential")),
	}, nil
}

func (s *swift) ReadWebhook(ctx context.Context, req bankmux.WebhookRequest) (bankmux.WebhookResult, error) {
	proof, err := s.verifier.Verify(ctx, req)
	if err != nil {
		return bankmux.WebhookResult{}, err
	}
	e := bankmux.Event{Kind: bankmux.EventTransactionsAvailable, Name: "rows", At: proof.Time}
	return bankmux.WebhookResult{Key: proof.Key(req.Body()), Events: []bankmux.Event{e.WithReference("login-1")}}, nil
}

// deliver signs a delivery. The header has this id, which may be that of another key.
func (s *swift) deliver(id string, key *ecdsa.PrivateKey) bankmux.WebhookRequest {
	s.mu.Lock()
	s.sent++
	text, _ := json.MarshalIndent(map[string]int{"delivery": s.sent}, "", "  ") // numbers cannot fail
	s.mu.Unlock()
	sum := sha256.Sum256(text)
	claims, _ := json.Marshal(map[string]any{"iat": time.Now().Unix(), "body": hex.EncodeToString(sum[:])})
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: id}},
		nil,
	)
	if err != nil {
		panic(err)
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		panic(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return bankmux.NewWebhookRequest(http.Header{"Swift-Signature": {token}}, text)
}

func TestKeysByID(t *testing.T) {
	t.Parallel()
	harness := func(t *testing.T) Harness {
		t.Helper()
		s := &swift{keys: map[string]*ecdsa.PrivateKey{}}
		s.rotate()
		forger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		return Harness{
			Backend: s, New: s.client, Request: bankmux.SessionRequest{User: "user-1"},
			Link:       func(bankmux.Session) (json.RawMessage, error) { return json.RawMessage(`{"code":"x"}`), nil },
			IsExchange: func(*http.Request) bool { return false },
			Webhooks: &Webhooks{
				Sign:   func(bankmux.Connection) bankmux.WebhookRequest { return s.deliver(s.signs, s.keys[s.signs]) },
				Signed: []string{"Swift-Signature"}, KeysByID: true, Rotate: s.rotate,
				UnknownKey: func(bankmux.Connection) bankmux.WebhookRequest { return s.deliver(rand.Text(), forger) },
				Forged: func(bankmux.Connection) map[string]bankmux.WebhookRequest {
					return map[string]bankmux.WebhookRequest{"by another key": s.deliver(s.signs, forger)}
				},
			},
		}
	}
	for _, p := range hooks {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, harness, p.test)
		})
	}
}
