package webhook_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/webhook"
)

// TestSharedSecret specifies that a shared secret must be equal as a whole.
func TestSharedSecret(t *testing.T) {
	t.Parallel()
	cfg := webhook.SharedSecret{
		Header:  []string{"Authorization"},
		Prefix:  "Bearer ",
		Secrets: []bankmux.Secret{bankmux.NewSecret(first), bankmux.NewSecret(second)},
	}
	v, err := webhook.NewSharedSecret(cfg)
	require.NoError(t, err)
	for text, holds := range map[string]bool{
		"Bearer " + string(first): true, "Bearer " + string(second): true, string(first): false, "Bearer ": false,
		"": false, "bearer " + string(first): false,
		"Bearer " + string(first) + " ": false, "Bearer " + string(first[1:]): false,
		"Bearer " + string(first) + string(second): false,
	} {
		req := bankmux.NewWebhookRequest(http.Header{"Authorization": {text}}, []byte(body))
		if !holds {
			refuses(t, v, req, text)
			continue
		}
		proof, err := v.Verify(t.Context(), req)
		require.NoError(t, err, text)
		assert.Zero(t, proof)
	}
	for _, secrets := range [][]bankmux.Secret{nil, {{}}, {bankmux.NewSecret(first), bankmux.NewSecret("short")}} {
		cfg.Secrets = secrets
		_, err := webhook.NewSharedSecret(cfg)
		require.ErrorIs(t, err, bankmux.ErrInvalid)
	}
}
