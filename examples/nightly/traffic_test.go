package main

// This file tests what the banks see of the calls.

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

func TestTraffic(t *testing.T) {
	watched := func(t *testing.T, tokens ...string) *traffic {
		t.Helper()
		tr := &traffic{clock: clock{Minute: time.Second}, running: map[string]int{}}
		inside, release := make(chan bool), make(chan bool)
		api := tr.watch("dapi", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			inside <- true
			<-release
		}), false)
		done := make(chan bool)
		for _, token := range tokens {
			go func() {
				r := httptest.NewRequest(http.MethodPost, "/v2/data/accounts/get", strings.NewReader("{}"))
				r.Header.Set("Authorization", "Bearer "+token)
				api.ServeHTTP(httptest.NewRecorder(), r)
				done <- true
			}()
			<-inside
		}
		close(release)
		for range tokens {
			<-done
		}
		return tr
	}
	t.Run("two calls on one token overlap", func(t *testing.T) {
		assert.Equal(t, 1, watched(t, "a", "a").overlaps)
	})
	t.Run("two calls on two tokens do not", func(t *testing.T) {
		assert.Zero(t, watched(t, "a", "b").overlaps)
	})
	t.Run("no token is kept", func(t *testing.T) {
		requests := watched(t, "the-secret").requests
		require.Len(t, requests, 1)
		assert.NotEmpty(t, requests[0].item)
		assert.NotContains(t, requests[0].item, "the-secret")
		assert.Equal(t, bankmux.OpAccounts, requests[0].op)
	})
}
