package webhook_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/webhook"
)

// newPlaid is a scheme whose keys are fetched by id: ES256, the digest of the body, five minutes.
// It is what an adapter for Plaid has to write.
func newPlaid(api *rest.Client, clientID string, secret bankmux.Secret) (webhook.Verifier, error) {
	keys := webhook.NewKeyByID(func(ctx context.Context, id string) (webhook.Key, error) {
		res, err := api.Do(ctx, rest.Request{
			Method: http.MethodPost, Path: "/webhook_verification_key/get", JSON: map[string]string{"key_id": id},
			Header: http.Header{"Plaid-Client-Id": {clientID}, "Plaid-Secret": {secret.Reveal()}},
		})
		if err != nil {
			return webhook.Key{}, err
		}
		var answer struct {
			Code string          `json:"error_code"`
			Key  json.RawMessage `json:"key"`
			Meta struct {
				ExpiredAt int64 `json:"expired_at"`
			}
		}
		switch err := res.Decode(&answer); {
		case err != nil:
			return webhook.Key{}, err
		case res.Status == http.StatusBadRequest && answer.Code == "INVALID_WEBHOOK_VERIFICATION_KEY_ID":
			return webhook.Key{}, nil // Plaid has no such key
		case res.Status != http.StatusOK:
			return webhook.Key{}, &bankmux.Error{Kind: bankmux.ErrUnavailable, Status: res.Status}
		case answer.Key == nil:
			return webhook.Key{}, res.Lacks("key")
		}
		key := webhook.Key{JWK: answer.Key}
		if err := json.Unmarshal(answer.Key, &answer.Meta); err == nil && answer.Meta.ExpiredAt != 0 {
			key.Until = time.Unix(answer.Meta.ExpiredAt, 0)
		}
		return key, nil
	})
	return webhook.NewJWT(
		webhook.JWT{Header: []string{"Plaid-Verification"}, Keys: keys, Digest: "request_body_sha256"},
	)
}

// keyServer answers as Plaid does, without a network.
type keyServer struct {
	t       *testing.T
	signers map[string]*signer
	expired map[string]int64
	status  int
	fetches int
}

func (s *keyServer) RoundTrip(r *http.Request) (*http.Response, error) {
	s.fetches++
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	var in struct {
		ID string `json:"key_id"`
	}
	raw, err := io.ReadAll(r.Body)
	require.NoError(s.t, err)
	require.NoError(s.t, json.Unmarshal(raw, &in))
	assert.Equal(s.t, "/webhook_verification_key/get", r.URL.Path)
	assert.Equal(s.t, []string{"id", "secret"}, []string{r.Header.Get("PLAID-CLIENT-ID"), r.Header.Get("PLAID-SECRET")})
	one, ok := s.signers[in.ID]
	switch {
	case s.status != 0:
		w.WriteHeader(s.status)
		_, _ = w.WriteString(`{"error_code":"INTERNAL_SERVER_ERROR"}`)
	case !ok:
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.WriteString(`{"error_type":"INVALID_INPUT","error_code":"INVALID_WEBHOOK_VERIFICATION_KEY_ID"}`)
	default:
		jwk := map[string]any{"created_at": 1560466143, "expired_at": nil}
		require.NoError(s.t, json.Unmarshal(one.jwk(), &jwk))
		if at, ok := s.expired[in.ID]; ok {
			jwk["expired_at"] = at
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"key": jwk, "request_id": "r"})
	}
	return w.Result(), nil
}

// TestPlaid specifies the scheme of Plaid, whose keys are fetched by id.
func TestPlaid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &keyServer{
			t:       t,
			signers: map[string]*signer{"k1": newSigner(t, "k1"), "k2": newSigner(t, "k2")},
			expired: map[string]int64{},
		}
		verifier, err := newPlaid(
			rest.New(rest.Config{BaseURL: "https://plaid.test", HTTPClient: &http.Client{Transport: server}}),
			"id",
			bankmux.NewSecret("secret"),
		)
		require.NoError(t, err)
		read := func(kid string, body string, change func(header, claims map[string]any)) error {
			token := server.signers["k1"].token(body, change)
			if one, ok := server.signers[kid]; ok {
				token = one.token(body, change)
			}
			_, err := verifier.Verify(
				t.Context(),
				bankmux.NewWebhookRequest(http.Header{"Plaid-Verification": {token}}, []byte(body)),
			)
			return err
		}
		require.NoError(t, read("k1", body, nil))
		require.NoError(t, read("k1", body, nil))
		require.NoError(t, read("k2", body, nil))
		assert.Equal(t, 2, server.fetches, "a key is fetched once")

		for name, change := range map[string]func(header, claims map[string]any){
			"older than five minutes": func(_, c map[string]any) {
				c["iat"] = time.Now().Add(-5*time.Minute - time.Second).Unix()
			},
			"of another body":      func(_, c map[string]any) { c["request_body_sha256"] = "00" },
			"of another algorithm": func(h, _ map[string]any) { h["alg"] = "HS256" },
			"by an unknown key":    func(h, _ map[string]any) { h["kid"] = "forged" },
		} {
			require.ErrorIs(t, read("k1", body, change), bankmux.ErrSignature, name)
		}
		assert.Equal(t, 3, server.fetches)
		require.ErrorIs(t, read("k1", body, func(h, _ map[string]any) { h["kid"] = "forged" }), bankmux.ErrSignature)
		assert.Equal(t, 3, server.fetches, "a forged id is asked for once")

		server.expired["k1"] = time.Now().Unix()
		time.Sleep(12 * time.Hour)
		require.ErrorIs(t, read("k1", body, nil), bankmux.ErrSignature, "signed after the key had ended")
		require.NoError(t, read("k2", body, nil))

		server.status = http.StatusInternalServerError
		server.signers["k3"] = newSigner(t, "k3")
		require.ErrorIs(
			t,
			read("k3", body, nil),
			bankmux.ErrUnavailable,
			"the provider's failure is not a bad signature",
		)
		time.Sleep(10 * time.Second)
		server.status = 0
		require.NoError(t, read("k3", body, nil))
		synctest.Wait()
	})
}
