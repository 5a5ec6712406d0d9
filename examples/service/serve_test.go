package main

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestServe specifies where the service listens.
func TestServe(t *testing.T) {
	for name, set := range map[string]bool{
		"without its variable, the service is for this machine alone": false,
		"its variable has the address":                                true,
	} {
		t.Run(name, func(t *testing.T) {
			address, fallback := freeAddress(), "127.0.0.1:no-port"
			t.Setenv("BANKMUX_TEST_ADDRESS", address)
			if !set {
				t.Setenv("BANKMUX_TEST_ADDRESS", "")
				fallback = address
			}
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				ended <- serve(ctx, "BANKMUX_TEST_ADDRESS", fallback, http.HandlerFunc(
					func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") }))
			}()
			client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			var got []byte
			require.Eventually(t, func() bool {
				res, err := client.Get("http://" + address)
				if err != nil {
					return false
				}
				defer res.Body.Close()
				got, err = io.ReadAll(res.Body)
				return err == nil
			}, time.Minute, 10*time.Millisecond)
			assert.Equal(t, "here", string(got))
			stop()
			require.NoError(t, <-ended)
		})
	}
}
