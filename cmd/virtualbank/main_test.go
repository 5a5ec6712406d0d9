package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestItSaysWhereItListensAndEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"-moneykit", "127.0.0.1:0", "-dapi", "127.0.0.1:0", "-seed", "3", "-now", "2026-11-22T09:00:00Z"}, w, io.Discard)
	}()
	line, err := bufio.NewReader(r).ReadBytes('\n')
	require.NoError(t, err)
	var got map[string]map[string]string
	require.NoError(t, json.Unmarshal(line, &got))
	for side, keys := range map[string][]string{"moneykit": {"base_url", "client_id", "client_secret"}, "dapi": {"base_url", "app_key", "app_secret", "webhook_secret", "webhook_key"}} {
		for _, key := range keys {
			assert.NotEmpty(t, got[side][key], "%s.%s", side, key)
		}
		assert.Len(t, got[side], len(keys))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, got["moneykit"]["base_url"]+"/virtualbank/clock", strings.NewReader(`{"advance":"0s"}`))
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	now, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	assert.Contains(t, string(now), "2026-11-22T09:00:")
	cancel()
	assert.NoError(t, <-ended)
}

func TestBadFlagsAreRefused(t *testing.T) {
	for name, args := range map[string][]string{
		"an unknown flag":     {"-colour"},
		"an argument":         {"serve"},
		"a time that is none": {"-now", "noon"},
		"a public address":    {"-moneykit", "0.0.0.0:0"},
	} {
		var out bytes.Buffer
		assert.Error(t, run(t.Context(), args, &out, io.Discard), name)
		assert.Empty(t, out.String(), name)
	}
}

// TestMain lets the test binary stand in for the command.
func TestMain(m *testing.M) {
	if os.Getenv("VIRTUALBANK_CHILD") != "" {
		os.Args = append(os.Args[:1], "-moneykit", "127.0.0.1:0", "-dapi", "127.0.0.1:0")
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestSignalsEndItCleanly(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "VIRTUALBANK_CHILD=1")
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		_, err = bufio.NewReader(out).ReadBytes('\n')
		require.NoError(t, err)
		require.NoError(t, cmd.Process.Signal(sig))
		assert.NoError(t, cmd.Wait(), sig)
	}
}
