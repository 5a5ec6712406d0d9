package providertest

// This file checks how an adapter fetches the keys of signatures.

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
)

// maxUnknownIDs is the number of keys that may be fetched at once by unknown ids. NewKeyByID of
// package adapter/webhook has the same bound.
const maxUnknownIDs = 16

// unknownKeys sends deliveries with unknown keys. If the adapter fetches no keys, it sends genuine
// ones, and no request may follow.
func unknownKeys(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	b.accepts(conn)
	sent := b.reached()
	forge := b.Webhooks.UnknownKey
	if forge == nil {
		forge = b.Webhooks.Sign
	}
	forged := make([]bankmux.WebhookRequest, 1000)
	for i := range forged {
		forged[i] = forge(conn)
	}
	b.together(len(forged), func(i int) {
		_, err := b.client.ReadWebhook(t.Context(), forged[i])
		assert.Equal(t, b.Webhooks.UnknownKey == nil, err == nil)
	})
	fetched := b.reached() - sent
	switch {
	case b.Webhooks.UnknownKey == nil:
		assert.Zero(t, fetched)
	case b.Webhooks.KeysByID:
		assert.LessOrEqual(t, fetched, maxUnknownIDs, "requests for keys with unknown ids")
		assert.Positive(t, fetched)
	default:
		assert.Equal(t, 1, fetched, "requests for keys with unknown ids%s", b.unlessByID())
	}
	b.accepts(conn)
}

// webhookFaults injects every fault of the matrix into the requests for keys.
func webhookFaults(t *testing.T, b *bench) {
	if b.Webhooks.UnknownKey == nil {
		b.refuseConnections(true)
		conn := b.conn
		b.accepts(conn)
		return
	}
	b.newClient(matrixGuard(), overPlain)
	conn := b.connect(t.Context())
	b.conn = conn
	failed := 0
	for _, f := range matrixFaults {
		b.newClient(matrixGuard(), f.carrier())
		f.stateless = true
		b.transport.CloseIdleConnections()
		b.injectMatrixFault(f, -1, nil)
		req := b.Webhooks.Sign(conn)
		for range 20 {
			_, err := b.client.ReadWebhook(t.Context(), req)
			b.show(err)
			if err == nil {
				break // the adapter got the keys despite the fault
			}
			failed++
			assert.NotContains(
				t,
				[]bankmux.Kind{bankmux.ErrSignature, bankmux.ErrUnsupported, bankmux.ErrContextDone},
				bankmux.KindOf(err),
				"%s: %v",
				f.name,
				err,
			)
			assert.NotContains(t, err.Error(), "://", f.name)
		}
		assert.LessOrEqual(t, b.injections(), 1, "%s: requests for keys", f.name)
		b.heal()
		time.Sleep(10 * time.Second)
		b.accepts(conn)
	}
	assert.Greater(t, failed, 20*20, "failed deliveries under about forty faults")
}
