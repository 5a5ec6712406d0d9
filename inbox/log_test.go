package inbox_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux/inbox"
)

// TestLog specifies what the inbox logs.
func TestLog(t *testing.T) {
	t.Parallel()
	t.Run("the log says why a delivery was refused", theLogSaysWhyADeliveryWasRefused)
	t.Run("a flood of forgeries is not a flood of records", aFloodOfForgeriesIsNotAFloodOfRecords)
	t.Run("a handled delivery leaves no record", aHandledDeliveryLeavesNoRecord)
}

func theLogSaysWhyADeliveryWasRefused(t *testing.T) {
	t.Parallel()
	for why, c := range map[string]struct {
		change func(*http.Request)
		app    leaving
	}{
		"no client of this name":            {change: func(r *http.Request) { r.URL.Path = "/unknown" }},
		"the request is not a POST":         {change: func(r *http.Request) { r.Method = http.MethodPut }},
		"the body is not plain JSON":        {change: func(r *http.Request) { r.Header.Del("Content-Type") }},
		"the body is larger than the limit": {change: func(r *http.Request) { r.ContentLength = 2000 }},
		"the body broke off": {
			change: func(r *http.Request) { r.Body = io.NopCloser(leaver(runtime.Goexit)) },
		},
		"the body arrived too slowly": {
			change: func(r *http.Request) { r.Body = odd{block: make(chan struct{})} },
		},
		"the memory for bodies is used up": {
			change: func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(strings.Repeat(" ", 900))) },
		},
		"no signature":                               {change: func(r *http.Request) { r.Header.Del("Genuine") }},
		"seen deliveries cannot be read: panic":      {app: leaving{at: "Seen", end: func() { panic("secret") }}},
		"the handler failed":                         {app: leaving{at: "handler", end: func() { panic("secret") }}},
		"the application's code ended the goroutine": {app: leaving{at: "handler", end: runtime.Goexit}},
		"a handled delivery cannot be marked":        {app: leaving{at: "Mark", end: func() { panic("secret") }}},
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var out strings.Builder
				h := inbox.New(
					newRegistry(t, sender{}),
					c.app.handle,
					inbox.WithSeen(&c.app),
					inbox.WithLogger(slog.New(slog.NewTextHandler(&out, nil))),
					inbox.WithLimits(inbox.Limits{Memory: 500, Body: 1000}),
				)
				r := delivery("k")
				if c.change != nil {
					c.change(r)
				}
				answer(h, r)
				synctest.Wait()
				assert.Contains(t, out.String(), why)
				assert.Equal(t, 1, strings.Count(out.String(), "\n"), "and nothing else: %s", out.String())
				assert.NotContains(t, out.String(), "secret")
			})
		})
	}
}

func aFloodOfForgeriesIsNotAFloodOfRecords(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		h := inbox.New(newRegistry(t, sender{}), ignore, inbox.WithLogger(slog.New(slog.NewTextHandler(&logged, nil))))
		forge := func() {
			r := delivery("k")
			r.Header.Del("Genuine")
			answer(h, r)
		}
		for range 1000 {
			forge()
		}
		assert.Equal(t, 10, strings.Count(logged.String(), "\n"))
		time.Sleep(time.Second)
		forge()
		assert.Contains(t, logged.String(), "not_logged=990")
		assert.Contains(t, logged.String(), "no signature", "the reason is for the log")
	})
}

func aHandledDeliveryLeavesNoRecord(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	h := inbox.New(newRegistry(t, sender{}), ignore, inbox.WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
	for range 2 {
		assert.Equal(t, http.StatusOK, answer(h, delivery("k")).Code)
	}
	assert.Empty(t, out.String())
}
