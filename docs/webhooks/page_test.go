// These tests hold the page to what it says about links that a webhook finishes.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// hosted is a provider that announces the end of a flow: the body is the session's id, a blank and
// the payload.
type hosted struct {
	effect bankmux.Effect
	logins []string // references, first the session's
	failed []bankmux.Failure
	fails  error
	calls  int
	got    bankmux.Secret
}

func (h *hosted) Describe() bankmux.Description { return bankmux.Description{Provider: "hosted"} }

func (h *hosted) Effect(op bankmux.Op) bankmux.Effect {
	if op.Name == bankmux.OpExchangeToken {
		return h.effect
	}
	return op.Effect
}

func (h *hosted) CreateSession(_ context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	return bankmux.NewSession(req), nil
}

func (h *hosted) ExchangeToken(_ context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	h.calls++
	h.got = req.Payload
	if h.fails != nil {
		return bankmux.ExchangeResult{}, h.fails
	}
	res := bankmux.ExchangeResult{
		Connection: bankmux.NewConnection(req.Session, h.logins[0], bankmux.NewSecret("credential-0")),
		Failed:     h.failed,
	}
	for i, login := range h.logins[1:] {
		credential := bankmux.NewSecret(fmt.Sprint("credential-", i+1))
		res.More = append(res.More, bankmux.NewFurtherConnection(req.Session, login, credential))
	}
	return res, nil
}

func (h *hosted) ReadWebhook(_ context.Context, req bankmux.WebhookRequest) (bankmux.WebhookResult, error) {
	session, payload, _ := strings.Cut(string(req.Body()), " ")
	e := bankmux.Event{Kind: bankmux.EventLinkFinished, Session: session}
	return bankmux.WebhookResult{Events: []bankmux.Event{e.WithExchangePayload(bankmux.NewSecret(payload))}}, nil
}

// open returns the application of the page with a session of the provider, and a function that
// delivers a body and returns the status.
func open(t *testing.T) (h *hosted, a *app, session string, post func(body string) int) {
	t.Helper()
	h = &hosted{effect: bankmux.OneShot, logins: []string{"login-a", "login-b"}}
	registry, err := bankmux.NewRegistry(
		[]*bankmux.Client{bankmux.NewClient("hosted", h)}, []bankmux.Route{{Client: "hosted"}},
	)
	require.NoError(t, err)
	keyring, err := bankmux.NewKeyring(
		bankmux.Key{ID: "a", Material: bankmux.NewSecret(strings.Repeat("k", 32))},
	)
	require.NoError(t, err)
	a = &app{
		registry: registry, keyring: keyring,
		sessions: map[string]sessionRow{}, rows: map[string]connectionRow{},
	}
	s, err := registry.CreateSession(t.Context(), bankmux.SessionRequest{User: "user-rosa", Country: "US"})
	require.NoError(t, err)
	sealed, err := s.Seal(keyring)
	require.NoError(t, err)
	a.sessions[s.ID] = sessionRow{s.Ref(), sealed}
	hooks := a.hooks()
	return h, a, s.ID, func(body string) int {
		r := httptest.NewRequest(http.MethodPost, "/hooks/hosted", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		hooks.ServeHTTP(w, r)
		return w.Code
	}
}

func TestLinkFinished(t *testing.T) {
	t.Run("every connection of it is stored, once", func(t *testing.T) {
		t.Parallel()
		h, a, session, post := open(t)
		for range 3 {
			require.Equal(t, http.StatusOK, post(session+` {"code":"c-1"}`))
		}
		assert.Len(t, a.rows, 2)
		assert.Equal(t, 1, h.calls)
		assert.JSONEq(t, `{"code":"c-1"}`, h.got.Reveal())
		assert.Empty(t, a.queue)
	})
	t.Run("the page was faster", func(t *testing.T) {
		t.Parallel()
		h, a, session, post := open(t)
		require.NoError(t, a.finish(t.Context(), session, bankmux.NewSecret(`{"code":"c-1","state":"s"}`)))
		h.fails = &bankmux.Error{Kind: bankmux.ErrTokenSpent}
		require.Equal(t, http.StatusOK, post(session+` {"code":"c-1"}`), "the provider need not repeat it")
		assert.Len(t, a.rows, 2)
	})
	t.Run("a provider that is down is asked again with the next delivery", func(t *testing.T) {
		t.Parallel()
		h, a, session, post := open(t)
		h.fails = &bankmux.Error{Kind: bankmux.ErrUnavailable}
		require.Equal(t, http.StatusInternalServerError, post(session+` {"code":"c-1"}`))
		h.fails = nil
		require.Equal(t, http.StatusOK, post(session+` {"code":"c-1"}`))
		assert.Len(t, a.rows, 2)
	})
	t.Run("a bank of the run that failed is asked again, and the others are stored", func(t *testing.T) {
		t.Parallel()
		h, a, session, post := open(t)
		h.logins, h.failed = []string{"login-a"}, []bankmux.Failure{{Err: &bankmux.Error{Kind: bankmux.ErrUnavailable}}}
		require.Equal(t, http.StatusInternalServerError, post(session+` {"code":"c-1"}`))
		assert.Len(t, a.rows, 1)
		h.logins, h.failed = []string{"login-a", "login-b"}, nil
		require.Equal(t, http.StatusOK, post(session+` {"code":"c-1"}`))
		assert.Len(t, a.rows, 2)
		assert.Equal(t, 2, h.calls)
	})
	t.Run("a provider without a payload", func(t *testing.T) {
		t.Parallel()
		h, a, session, post := open(t)
		h.effect = bankmux.Read
		require.Equal(t, http.StatusOK, post(session))
		assert.Len(t, a.rows, 2)
	})
	t.Run("a session that is not stored", func(t *testing.T) {
		t.Parallel()
		h, a, _, post := open(t)
		require.Equal(t, http.StatusOK, post(`another {"code":"c-1"}`))
		assert.Empty(t, a.rows)
		assert.Zero(t, h.calls)
	})
	t.Run("a queue of JSON loses the payload and keeps the session", func(t *testing.T) {
		t.Parallel()
		e := bankmux.Event{
			Kind:    bankmux.EventLinkFinished,
			Session: "s-1",
		}.WithExchangePayload(
			bankmux.NewSecret(`{"token":"t"}`),
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

// TestAtOnce specifies that the functions of the page may be called at the same time.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	_, a, session, post := open(t)
	require.Equal(t, http.StatusOK, post(session+" {}"))
	var conn bankmux.Connection
	for _, row := range a.rows {
		var err error
		conn, err = bankmux.Open(a.keyring, row.ref, row.sealed)
		require.NoError(t, err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				assert.NoError(t, a.take(t.Context(), bankmux.Event{Kind: bankmux.EventUnknown, Client: "another"}))
				assert.NoError(t, a.save(conn))
				assert.NoError(t, a.finish(t.Context(), "another", bankmux.Secret{}))
				assert.NoError(t, a.work(t.Context()), "no connection of the event is stored")
			}
		})
	}
	all.Wait()
	assert.Empty(t, a.queue)
}
