package providertest

// This file checks how an adapter verifies and reads webhook deliveries.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/single"
)

// hooked lists the capabilities that the promises about webhooks need.
var hooked = []bankmux.Capability{bankmux.CapWebhooks}

// hooks lists the promises about [bankmux.WebhookReader]. Most cases change one detail of a genuine
// delivery.
var hooks = []promise{
	{"a genuine webhook becomes an event about its connection", hooked, genuineWebhook},
	{"a webhook is refused if anything signed is changed", hooked, changedWebhook},
	{"a signature has exactly one valid encoding", hooked, laxWebhook},
	{"a finished flow that a webhook reports becomes a connection", hooked, finishedByWebhook},
	{"a webhook announces that the consent ends soon", hooked, expiringWebhook},
	{"a forged webhook is refused", hooked, func(t *testing.T, b *bench) {
		conn := b.connect(t.Context())
		all := b.Webhooks.Forged(conn)
		require.NotEmpty(t, all)
		for name, req := range all {
			b.refusesWebhook(name, req)
		}
		b.accepts(conn)
	}},
	{"an old webhook is refused", hooked, func(t *testing.T, b *bench) {
		conn := b.connect(t.Context())
		req := b.accepts(conn)
		time.Sleep(25 * time.Hour)
		b.refusesWebhook("a day old", req)
		b.accepts(conn)
	}},
	{"webhooks signed by the next or the previous key are accepted", hooked, func(t *testing.T, b *bench) {
		conn := b.connect(t.Context())
		before := b.accepts(conn)
		b.Webhooks.Rotate()
		b.accepts(conn)
		_, err := b.client.ReadWebhook(t.Context(), before)
		require.NoError(t, err)
	}},
	{"a thousand unknown keys cause at most one request, or at most 16 by id", hooked, unknownKeys},
	{"an inbox handles a webhook once, and nothing else", hooked, inboxed},
	{"under every fault of the key endpoint, a genuine webhook gets a retryable error", hooked, webhookFaults},
	{"reading webhooks is safe for concurrent use", hooked, func(t *testing.T, b *bench) {
		conn := b.connect(t.Context())
		sent := b.reached()
		b.together(32, func(int) {
			_, err := b.client.ReadWebhook(t.Context(), b.Webhooks.Sign(conn))
			assert.NoError(t, err)
		})
		assert.LessOrEqual(t, b.reached()-sent, 1, "concurrent calls share one fetch")
	}},
}

// accepts reads a genuine delivery and returns it.
func (b *bench) accepts(conn bankmux.Connection) bankmux.WebhookRequest {
	b.t.Helper()
	req := b.Webhooks.Sign(conn)
	_, err := b.client.ReadWebhook(b.t.Context(), req)
	require.NoError(b.t, err)
	return req
}

func (b *bench) refusesWebhook(why string, req bankmux.WebhookRequest) {
	b.t.Helper()
	res, err := b.client.ReadWebhook(b.t.Context(), req)
	// Earlier cases used up the unknown key ids.
	if !b.Webhooks.KeysByID || !errors.Is(err, bankmux.ErrRateLimited) {
		require.ErrorIs(b.t, err, bankmux.ErrSignature, "%s%s", why, b.unlessByID())
	}
	assert.Empty(b.t, res, why)
	b.show(err)
}

// unlessByID returns a hint for adapters that fetch keys by id.
func (b *bench) unlessByID() string {
	if b.Webhooks.KeysByID || b.Webhooks.UnknownKey == nil {
		return ""
	}
	return " (where keys are fetched one by one, set Webhooks.KeysByID)"
}

func genuineWebhook(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	keys := map[string]bool{}
	for range 2 {
		req := b.Webhooks.Sign(conn)
		for range 2 { // reading has no effect
			res, err := b.client.ReadWebhook(t.Context(), req)
			require.NoError(t, err)
			require.Len(t, res.Events, 1)
			e := res.Events[0]
			assert.NotEqual(t, bankmux.EventUnknown, e.Kind)
			assert.Equal(t, conn.Reference(), e.Reference())
			assert.Equal(t, conn.ReferenceKey, e.ReferenceKey)
			assert.Equal(t, conn.Client, e.Client)
			assert.Equal(t, conn.Provider, e.Provider)
			assert.NotEmpty(t, e.Name)
			assert.Equal(t, res.Key, e.Key)
			assert.NotEmpty(t, e.Key)
			assert.WithinDuration(t, time.Now(), e.At, time.Minute)
			assert.Equal(t, req.Body(), e.Raw())
			keys[e.Key] = true
			b.conceal(string(req.Body()))
			for _, name := range b.Webhooks.Signed {
				if value := http.Header(req.Header()).Get(name); value != e.Key { // the key is not secret
					b.conceal(value)
				}
			}
			for _, v := range []any{req, res, e, &e} {
				b.show(v)
			}
		}
	}
	assert.Len(t, keys, 2, "two deliveries have two keys")
}

// finishedByWebhook links a user who does not return to the application's page.
func finishedByWebhook(t *testing.T, b *bench) {
	if b.lacks("Webhooks.Finished", b.Webhooks.Finished == nil, "linking that a webhook finishes") {
		return
	}
	s := b.session(t.Context())
	b.linked(s)
	res, err := b.client.ReadWebhook(t.Context(), b.Webhooks.Finished(s))
	require.NoError(t, err)
	require.Len(t, res.Events, 1)
	e := res.Events[0]
	payload := e.ExchangePayload()
	b.conceal(payload.Reveal())
	var parts any
	if json.Unmarshal([]byte(payload.Reveal()), &parts) == nil {
		b.conceal(slices.DeleteFunc(texts(parts), func(text string) bool { return text == s.ID })...)
	}
	b.show(e)
	assert.Equal(t, bankmux.EventLinkFinished, e.Kind)
	assert.Equal(t, s.ID, e.Session, "Event.Session is the session whose flow was finished")
	if !b.readsExchange(bankmux.ExchangeRequest{Session: s, User: s.User, Payload: payload}) {
		require.False(t, payload.IsZero(), "an event of EventLinkFinished has the payload for ExchangeToken")
	}
	post := bankmux.ExchangeRequest{Session: b.reopened(s), User: s.User, Payload: payload}
	conn, err := single.Connection(b.client.ExchangeToken(t.Context(), post))
	require.NoError(t, err)
	assert.Equal(t, b.idOf(s, conn), conn.ID)
}

func expiringWebhook(t *testing.T, b *bench) {
	if b.lacks("Webhooks.Expiring", b.Webhooks.Expiring == nil, "a permission that ends soon") {
		return
	}
	conn := b.connect(t.Context())
	res, err := b.client.ReadWebhook(t.Context(), b.Webhooks.Expiring(conn))
	require.NoError(t, err)
	require.Len(t, res.Events, 1)
	assert.Equal(t, bankmux.EventConsentExpiring, res.Events[0].Kind)
	assert.Equal(t, conn.ReferenceKey, res.Events[0].ReferenceKey)
}

func changedWebhook(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	good := b.accepts(conn)
	with := func(change func(h http.Header)) bankmux.WebhookRequest {
		h := http.Header(good.Header()).Clone()
		change(h)
		return resent(good, h, good.Body())
	}
	body := func(text []byte) bankmux.WebhookRequest {
		return resent(good, good.Header(), text)
	}
	for i := range good.Body() {
		text := slices.Clone(good.Body())
		text[i] ^= 1
		b.refusesWebhook(fmt.Sprintf("byte %d of the body", i), body(text))
	}
	var spaced bytes.Buffer
	// Some providers send an indent of two blanks.
	require.NoError(t, json.Indent(&spaced, good.Body(), "", "\t"))
	b.refusesWebhook("the body with other blanks", body(spaced.Bytes()))
	b.refusesWebhook("a byte more", body(append(slices.Clone(good.Body()), '\n')))
	b.refusesWebhook("a byte less", body(good.Body()[:len(good.Body())-1]))
	b.refusesWebhook("no body", body(nil))
	b.refusesWebhook("no header", resent(good, nil, good.Body()))
	for _, name := range b.Webhooks.Signed {
		value := http.Header(good.Header()).Get(name)
		require.NotEmpty(t, value, name)
		for i := range value {
			for _, bit := range []byte{1, 2} {
				text := []byte(value)
				text[i] ^= bit
				b.refusesWebhook(
					fmt.Sprintf("bit %d of byte %d of %s", bit, i, name),
					with(func(h http.Header) { h.Set(name, string(text)) }),
				)
			}
		}
		b.refusesWebhook(name+" missing", with(func(h http.Header) { h.Del(name) }))
		b.refusesWebhook(name+" empty", with(func(h http.Header) { h.Set(name, "") }))
		b.refusesWebhook(name+" twice", with(func(h http.Header) { h.Add(name, value) }))
	}
	if good.URL() != "" {
		for name, other := range map[string]bankmux.WebhookRequest{
			"another method": good.SentTo(http.MethodPut, good.URL()),
			"another path":   good.SentTo(good.Method(), good.URL()+"/other"),
			"another query":  good.SentTo(good.Method(), good.URL()+"?a=b"),
			"no URL":         good.SentTo("", ""),
		} {
			b.refusesAddress(name, other)
		}
	}
	time.Sleep(time.Second) // the next delivery differs
	second := b.accepts(conn)
	b.refusesWebhook("the body of another", resent(good, good.Header(), second.Body()))
}

// resent returns a delivery with another header and body to the same address.
func resent(good bankmux.WebhookRequest, header http.Header, body []byte) bankmux.WebhookRequest {
	return bankmux.NewWebhookRequest(header, body).SentTo(good.Method(), good.URL())
}

// refusesAddress reads a delivery whose signature covers another address. If the address is
// missing, the configuration is incomplete, which is not the sender's fault.
func (b *bench) refusesAddress(why string, req bankmux.WebhookRequest) {
	b.t.Helper()
	_, err := b.client.ReadWebhook(b.t.Context(), req)
	allowed := []bankmux.Kind{bankmux.ErrSignature, bankmux.ErrUnsupported}
	assert.Contains(b.t, allowed, bankmux.KindOf(err), "a delivery sent to %s must be refused: %v", why, err)
}
