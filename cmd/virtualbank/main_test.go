package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	dpadapter "github.com/bankmux/bankmux/providers/dapi"
	mkadapter "github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

func TestCommand(t *testing.T) {
	t.Run("it prints where it listens and ends with its context", startAndEnd)
	t.Run("invalid flags are refused", badFlags)
	t.Run("help is printed and ends with status 0", help)
	t.Run("a client of another process uses the bank's time", clientOfAnotherProcess)
	t.Run("a signal ends it with status 0", signals)
}

func startAndEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{
			"-moneykit", "127.0.0.1:0", "-dapi", "127.0.0.1:0", "-plaid", "127.0.0.1:0", "-seed", "3", "-now",
			"2026-11-22T09:00:00Z",
		}, w)
	}()
	line, err := bufio.NewReader(r).ReadBytes('\n')
	require.NoError(t, err)
	var got map[string]map[string]string
	require.NoError(t, json.Unmarshal(line, &got))
	for side, keys := range map[string][]string{
		"moneykit": {"base_url", "client_id", "client_secret", "script_url"},
		"dapi":     {"base_url", "app_key", "app_secret", "webhook_secret", "webhook_key", "script_url"},
		"plaid":    {"base_url", "client_id", "secret", "script_url"},
	} {
		for _, key := range keys {
			assert.NotEmpty(t, got[side][key], "%s.%s", side, key)
		}
		assert.Len(t, got[side], len(keys))
	}
	now := send(t, http.MethodPost, got["moneykit"]["base_url"]+"/virtualbank/clock", `{"advance":"0s"}`)
	assert.Contains(t, now, "2026-11-22T09:00:")
	for side, text := range map[string]string{
		"moneykit": "class MoneyKit", "dapi": "window.Dapi", "plaid": "window.Plaid",
	} {
		assert.Contains(t, send(t, http.MethodGet, got[side]["script_url"], ""), text, "the script of %s", side)
	}
	cancel()
	assert.NoError(t, <-ended)
}

// send makes a request and returns the body of the response.
func send(t *testing.T, method, url, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(raw)
}

func badFlags(t *testing.T) {
	for name, args := range map[string][]string{
		"an unknown flag":  {"-colour"},
		"an argument":      {"serve"},
		"an invalid time":  {"-now", "noon"},
		"a public address": {"-moneykit", "0.0.0.0:0"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			assert.Error(t, run(t.Context(), args, &out))
			assert.Empty(t, out.String())
		})
	}
}

func help(t *testing.T) {
	for _, flag := range []string{"-h", "-help", "--help"} {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "VIRTUALBANK_CHILD="+flag)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		require.NoError(t, cmd.Run(), "%s: exit status 0", flag)
		assert.Empty(t, errs.String(), flag)
		for _, word := range []string{
			"GET /virtualbank/", "-seed", "-dapi-webhook", "-machine-time-webhooks", "SIGTERM",
		} {
			assert.Contains(t, out.String(), word, flag)
		}
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "VIRTUALBANK_CHILD=-colour")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	require.Error(t, cmd.Run(), "an unknown flag")
	assert.Contains(t, errs.String(), "-colour")
}

// inbox receives the webhooks that the bank sends.
type inbox struct {
	*httptest.Server
	got chan bankmux.WebhookRequest
}

func newInbox(t *testing.T) inbox {
	in := inbox{got: make(chan bankmux.WebhookRequest, 16)}
	in.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		in.got <- bankmux.NewWebhookRequest(r.Header, body)
	}))
	t.Cleanup(in.Close)
	return in
}

// control posts a body to the control plane and returns the response.
func control(t *testing.T, base, call, body string) map[string]any {
	t.Helper()
	req, err := http.NewRequestWithContext(
		t.Context(),
		http.MethodPost,
		base+"/virtualbank/"+call,
		strings.NewReader(body),
	)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	var answer map[string]any
	require.NoError(t, json.NewDecoder(res.Body).Decode(&answer))
	require.Equal(t, http.StatusOK, res.StatusCode, answer)
	return answer
}

// clientOfAnotherProcess runs the bank as a process and moves its clock. Clients of both providers
// then verify its webhooks.
func clientOfAnotherProcess(t *testing.T) {
	for name, tc := range map[string]struct {
		flag    string
		remote  bool // the client uses the bank's time
		trusted bool
	}{
		"on the bank's time":                               {"", true, true},
		"on the machine's time":                            {"", false, false},
		"on the machine's time, which the bank signs with": {"-machine-time-webhooks", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			hooks := newInbox(t)
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(
				os.Environ(),
				"VIRTUALBANK_CHILD="+strings.TrimSpace("-dapi-webhook "+hooks.URL+" "+tc.flag),
			)
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			defer func() {
				require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
				assert.NoError(t, cmd.Wait())
			}()
			line, err := bufio.NewReader(out).ReadBytes('\n')
			require.NoError(t, err)
			var at ready
			require.NoError(t, json.Unmarshal(line, &at))
			now := time.Now
			if tc.remote {
				now, err = virtualbank.RemoteClock(at.Dapi.BaseURL)
				require.NoError(t, err)
			}
			mk, err := mkadapter.New(mkadapter.Config{
				BaseURL:      at.MoneyKit.BaseURL,
				ClientID:     at.MoneyKit.ClientID,
				ClientSecret: bankmux.NewSecret(at.MoneyKit.ClientSecret),
				Environment:  bankmux.Sandbox,
				Now:          now,
			})
			require.NoError(t, err)
			dp, err := dpadapter.New(dpadapter.Config{
				BaseURL:     at.Dapi.BaseURL,
				AppKey:      at.Dapi.AppKey,
				AppSecret:   bankmux.NewSecret(at.Dapi.AppSecret),
				Environment: bankmux.Sandbox,
				Now:         now,
				Webhook: dpadapter.WebhookConfig{
					Secrets: []bankmux.Secret{bankmux.NewSecret(at.Dapi.WebhookSecret)},
				},
			})
			require.NoError(t, err)

			base := map[*bankmux.Client]string{mk: at.MoneyKit.BaseURL, dp: strings.TrimSuffix(at.Dapi.BaseURL, "/v2")}
			for client, event := range map[*bankmux.Client]string{
				mk: "link.state_changed", dp: "connection.state_changed",
			} {
				control(t, base[client], "clock", `{"advance":"48h"}`)
				control(
					t,
					base[client],
					"webhook",
					`{"url":"`+hooks.URL+`","event":"`+event+`","reference":"it","key":"key-1"}`,
				)
				_, err := client.ReadWebhook(t.Context(), <-hooks.got)
				if tc.trusted {
					require.NoError(t, err, client.Provider())
					continue
				}
				require.ErrorIs(t, err, bankmux.ErrSignature, client.Provider())
			}
		})
	}
}

// TestMain runs the command in place of the tests in a child process.
func TestMain(m *testing.M) {
	if flags := os.Getenv("VIRTUALBANK_CHILD"); flags != "" {
		os.Args = append(os.Args[:1], "-moneykit", "127.0.0.1:0", "-dapi", "127.0.0.1:0")
		os.Args = append(os.Args, strings.Fields(flags)...)
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func signals(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "VIRTUALBANK_CHILD=-seed 1")
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		_, err = bufio.NewReader(out).ReadBytes('\n')
		require.NoError(t, err)
		require.NoError(t, cmd.Process.Signal(sig))
		assert.NoError(t, cmd.Wait(), sig)
	}
}
