package providertest

// This file checks an adapter's deliveries together with an inbox.

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/inbox"
)

func inboxed(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	registry, err := bankmux.NewRegistry([]*bankmux.Client{b.client.Client}, []bankmux.Route{{Client: b.client.Name()}})
	require.NoError(t, err)
	good := b.Webhooks.Sign(conn)
	options := []inbox.Option{inbox.WithLimits(inbox.Limits{Body: 64 << 10, ReadFor: time.Second})}
	if good.URL() != "" {
		options = append(options, inbox.WithURL(good.URL()))
	}
	var handled []bankmux.Event
	fail := true
	h := inbox.New(registry, func(_ context.Context, e bankmux.Event) error {
		if fail {
			return assert.AnError
		}
		handled = append(handled, e)
		return nil
	}, options...)
	post := func(change func(*http.Request)) int {
		path, body := "/hooks/"+b.client.Name(), bytes.NewReader(good.Body())
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, body)
		maps.Copy(r.Header, good.Header())
		r.Header.Set("Content-Type", "application/json")
		if change != nil {
			change(r)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		b.show(w.Body.String())
		return w.Code
	}
	assert.Equal(t, http.StatusInternalServerError, post(nil), "an unhandled delivery is retried")
	fail = false
	assert.Equal(
		t,
		http.StatusUnauthorized,
		post(func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("{}")) }),
	)
	assert.Equal(t, http.StatusUnauthorized, post(func(r *http.Request) { r.Header.Del(b.Webhooks.Signed[0]) }))
	assert.Equal(t, http.StatusNotFound, post(func(r *http.Request) { r.URL.Path = "/hooks/another" }))
	assert.Equal(t, http.StatusMethodNotAllowed, post(func(r *http.Request) { r.Method = http.MethodPut }))
	assert.Equal(
		t,
		http.StatusUnsupportedMediaType,
		post(func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }),
	)
	assert.Equal(t, http.StatusRequestEntityTooLarge, post(func(r *http.Request) {
		r.ContentLength = -1
		r.Body = io.NopCloser(io.MultiReader(r.Body, strings.NewReader(strings.Repeat(" ", 64<<10))))
	}))
	assert.Equal(t, http.StatusRequestTimeout, post(func(r *http.Request) { r.Body, _ = io.Pipe() }))
	assert.Empty(t, handled)
	for range 3 {
		assert.Equal(t, http.StatusOK, post(nil), "a duplicate is acknowledged")
	}
	require.Len(t, handled, 1)
	assert.Equal(t, conn.ReferenceKey, handled[0].ReferenceKey)
}
