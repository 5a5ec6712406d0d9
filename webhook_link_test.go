package bankmux_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// hookFinished is a provider that announces the end of a flow: the body is the session's id, a
// blank and the payload.
type hookFinished struct {
	hosted
	fails error
}

func (h *hookFinished) ReadWebhook(_ context.Context, req bankmux.WebhookRequest) (bankmux.WebhookResult, error) {
	session, payload, _ := strings.Cut(string(req.Body()), " ")
	e := bankmux.Event{Kind: bankmux.EventLinkFinished, Session: session}
	return bankmux.WebhookResult{Events: []bankmux.Event{e.WithExchangePayload(bankmux.NewSecret(payload))}}, nil
}

func (h *hookFinished) ExchangeToken(ctx context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	h.calls.Add(1)
	if h.fails != nil {
		return bankmux.ExchangeResult{}, h.fails
	}
	return h.hosted.ExchangeToken(ctx, req)
}

func TestTheREADMEFinishesALinkByWebhook(t *testing.T) {
	t.Parallel()
	begin := func(t *testing.T) (*hookFinished, *notified, begun, func(body string) int) {
		h := &hookFinished{
			hosted: hosted{
				fake:   fake{provider: "hosted"},
				effect: bankmux.OneShot,
				logins: []string{"login-a", "login-b"},
			},
		}
		registry, err := bankmux.NewRegistry(
			[]*bankmux.Client{bankmux.NewClient("hosted", h)},
			[]bankmux.Route{{Client: "hosted"}},
		)
		require.NoError(t, err)
		n := &notified{
			shop: &shop{
				registry: registry,
				keyring:  ring(t, key("a", 1)),
				sessions: map[bankmux.SessionRef]kept{},
				rows:     map[string][]byte{},
			},
		}
		run, err := n.begin(t.Context(), "user-rosa", "US")
		require.NoError(t, err)
		hooks := n.hooks()
		return h, n, run, func(body string) int {
			r := httptest.NewRequest(http.MethodPost, "/hooks/hosted", strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			hooks.ServeHTTP(w, r)
			return w.Code
		}
	}
	t.Run("every connection of it is stored, once", func(t *testing.T) {
		t.Parallel()
		h, n, run, post := begin(t)
		for range 3 {
			require.Equal(t, http.StatusOK, post(run.Session+` {"code":"c-1"}`))
		}
		assert.Len(t, n.rows, 2)
		assert.EqualValues(t, 1, h.calls.Load())
		assert.JSONEq(t, `{"code":"c-1"}`, h.got.Payload.Reveal())
		assert.Empty(t, n.queue)
	})
	t.Run("the page was faster", func(t *testing.T) {
		t.Parallel()
		h, n, run, post := begin(t)
		_, err := n.finish(t.Context(), "user-rosa", run.Session, json.RawMessage(`{"code":"c-1","state":"s"}`))
		require.NoError(t, err)
		h.fails = &bankmux.Error{Kind: bankmux.ErrTokenSpent}
		require.Equal(t, http.StatusOK, post(run.Session+` {"code":"c-1"}`), "the provider need not repeat it")
		assert.Len(t, n.rows, 2)
	})
	t.Run("a provider that is down makes it come again", func(t *testing.T) {
		t.Parallel()
		h, n, run, post := begin(t)
		h.fails = &bankmux.Error{Kind: bankmux.ErrUnavailable}
		require.Equal(t, http.StatusInternalServerError, post(run.Session+` {"code":"c-1"}`))
		h.fails = nil
		require.Equal(t, http.StatusOK, post(run.Session+` {"code":"c-1"}`))
		assert.Len(t, n.rows, 2)
	})
	t.Run("a bank of the run that failed makes it come again, and the others are stored", func(t *testing.T) {
		t.Parallel()
		h, n, run, post := begin(t)
		h.logins, h.failed = []string{"login-a"}, []bankmux.Failure{{Err: &bankmux.Error{Kind: bankmux.ErrUnavailable}}}
		require.Equal(t, http.StatusInternalServerError, post(run.Session+` {"code":"c-1"}`))
		assert.Len(t, n.rows, 1)
		h.logins, h.failed = []string{"login-a", "login-b"}, nil
		require.Equal(t, http.StatusOK, post(run.Session+` {"code":"c-1"}`))
		assert.Len(t, n.rows, 2)
		assert.EqualValues(t, 2, h.calls.Load())
	})
	t.Run("a provider without a payload", func(t *testing.T) {
		t.Parallel()
		h, n, run, post := begin(t)
		h.effect = bankmux.Read
		require.Equal(t, http.StatusOK, post(run.Session))
		assert.Len(t, n.rows, 2)
	})
	t.Run("a session that is not stored", func(t *testing.T) {
		t.Parallel()
		h, n, _, post := begin(t)
		require.Equal(t, http.StatusOK, post(`another {"code":"c-1"}`))
		assert.Empty(t, n.rows)
		assert.Zero(t, h.calls.Load())
	})
	t.Run("a queue of JSON loses the payload and keeps the session", func(t *testing.T) {
		t.Parallel()
		e := bankmux.Event{
			Kind:    bankmux.EventLinkFinished,
			Session: "s-1",
		}.WithExchangePayload(
			bankmux.NewSecret(goodPayload),
		)
		raw, err := json.Marshal(e)
		require.NoError(t, err)
		var queued bankmux.Event
		require.NoError(t, json.Unmarshal(raw, &queued))
		assert.True(t, queued.ExchangePayload().IsZero())
		assert.Equal(t, "s-1", queued.Session)
		assert.Equal(t, bankmux.EventLinkFinished, queued.Kind)
	})
}
