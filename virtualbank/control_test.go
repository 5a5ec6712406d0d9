package virtualbank_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
)

// serve starts a bank on two sockets and returns what calls either, by its address.
func serve(
	t *testing.T,
	o virtualbank.Options,
) (*virtualbank.Server, func(method, url string, body any) (int, map[string]any)) {
	t.Helper()
	server, err := virtualbank.Start(virtualbank.New(o), "127.0.0.1:0", "127.0.0.1:0")
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	return server, func(method, url string, body any) (int, map[string]any) {
		t.Helper()
		raw, err := json.Marshal(body)
		require.NoError(t, err)
		if body == nil {
			raw = nil
		}
		req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(raw))
		require.NoError(t, err)
		res, err := client.Do(req)
		require.NoError(t, err)
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		var answer map[string]any
		require.NoError(t, json.Unmarshal(text, &answer), string(text))
		return res.StatusCode, answer
	}
}

func TestTheControlPlaneListsItsCallsAndEveryExampleSucceeds(t *testing.T) {
	t.Parallel()
	server, call := serve(t, virtualbank.Options{})
	for name, base := range map[string]string{"moneykit": server.MoneyKitURL, "dapi": strings.TrimSuffix(server.DapiURL, "/v2")} {
		status, index := call("GET", base+"/virtualbank/", nil)
		require.Equal(t, http.StatusOK, status)
		assert.Equal(t, name, index["provider"])
		bare, again := call("GET", base+"/virtualbank", nil)
		assert.Equal(t, http.StatusOK, bare, "with or without the slash")
		assert.Equal(t, index["calls"], again["calls"])

		seen := map[string]bool{}
		for _, c := range list(index, "calls") {
			method, path := c["method"].(string), c["path"].(string)
			what := name + " " + method + " " + path
			assert.False(t, seen[what], what)
			seen[what] = true
			assert.NotEmpty(t, c["about"], what)
			assert.Equal(
				t,
				method == http.MethodPost,
				c["example"] != nil,
				"%s: calls with a body have an example",
				what,
			)
			status, answer := call(method, base+path, c["example"])
			assert.Equal(t, http.StatusOK, status, "%s: %v", what, answer)
			if c["example"] == nil || strings.HasSuffix(path, "/sink") {
				continue
			}
			status, answer = call(method, base+path, object{"no such member": 1})
			assert.Equal(t, http.StatusBadRequest, status, "%s reads its body strictly", what)
			assert.Contains(t, answer["error"], "no such member", what)
		}
		for _, path := range []string{"link", "fault", "clock", "lapse", "outage", "situation", "webhook", "webhook/forge", "webhook/keys", "webhook/disorder"} {
			assert.True(t, seen[name+" POST /virtualbank/"+path], path)
		}
		for _, path := range []string{"fault", "clock", "situation", "webhook", "webhook/forge", "requests", "institutions", "links"} {
			assert.True(t, seen[name+" GET /virtualbank/"+path], path)
		}
		status, answer := call("POST", base+"/virtualbank/unheard-of", object{})
		assert.Equal(t, http.StatusNotFound, status)
		assert.Contains(t, answer["error"], "GET /virtualbank/")
		status, _ = call("DELETE", base+"/virtualbank/clock", nil)
		assert.Equal(t, http.StatusMethodNotAllowed, status)
	}
}

func TestTheBanksTimeCanBeRead(t *testing.T) {
	t.Parallel()
	start := time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)
	server, call := serve(t, virtualbank.Options{Start: start})
	read := func(base string) time.Time {
		t.Helper()
		status, answer := call("GET", base+"/virtualbank/clock", nil)
		require.Equal(t, http.StatusOK, status)
		at, err := time.Parse(time.RFC3339Nano, answer["now"].(string))
		require.NoError(t, err)
		return at
	}
	near := func(want, got time.Time) {
		t.Helper()
		assert.WithinRange(t, got, want, want.Add(time.Minute))
	}
	dapi := strings.TrimSuffix(server.DapiURL, "/v2")
	near(start, read(server.MoneyKitURL))
	near(start, read(dapi))

	for _, address := range []string{server.MoneyKitURL, server.DapiURL, dapi + "/"} {
		now, err := virtualbank.RemoteClock(address)
		require.NoError(t, err)
		near(read(dapi), now())
		before := read(dapi)
		_, _ = call("POST", dapi+"/virtualbank/clock", object{"advance": "240h"})
		near(before.Add(240*time.Hour), now())
	}
	now, err := virtualbank.RemoteClock(server.DapiURL)
	require.NoError(t, err)
	last := now()
	require.NoError(t, server.Close())
	near(last, now())
	_, err = virtualbank.RemoteClock(server.DapiURL)
	require.Error(t, err, "no bank is there any more")
	_, err = virtualbank.RemoteClock("the bank")
	require.Error(t, err)
}

func TestWebhooksAreSignedWithTheTimeThatIsAskedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, machine := range []bool{false, true} {
			bank := virtualbank.New(virtualbank.Options{MachineTimeWebhooks: machine})
			bank.Advance(48 * time.Hour)
			want := bank.Now()
			if machine {
				want = time.Now()
			}
			header, body := bank.Sign(virtualbank.Webhook{Provider: "dapi", Event: "connection.deleted"})
			assert.Equal(t, want.Unix(), unix(t, header.Get("Svix-Timestamp")), "machine's time: %v", machine)
			assert.Contains(
				t,
				string(body),
				bank.Now().UTC().Format("2006-01-02"),
				"what happened, happened on the bank's day",
			)
		}
	})
}

func unix(t *testing.T, text string) int64 {
	t.Helper()
	var n int64
	require.NoError(t, json.Unmarshal([]byte(text), &n))
	return n
}

func TestConnectCanBePlayedWithoutAnApplication(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{})
	link := func(body object) answer { return c.do(c.bank.MoneyKit(), "POST", "/virtualbank/link", "", body) }
	a := link(object{"user": "user-9", "institution_id": "thames_mutual"})
	require.Equal(t, http.StatusOK, a.Status, a.Body)
	exchanged := c.exchange(c.token(), a.Body["exchangeable_token"].(string))
	require.Equal(t, http.StatusCreated, exchanged.Status, exchanged.Body)
	assert.Equal(t, "user-9", c.bank.Links()[0].User)
	assert.Equal(t, http.StatusBadRequest, link(object{}).Status)
	assert.Equal(t, http.StatusBadRequest, link(object{"user": "abc"}).Status, "an id that a session would refuse")
}

func ExampleRemoteClock() {
	bank := virtualbank.New(virtualbank.Options{Start: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)})
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer server.Close()
	now, err := virtualbank.RemoteClock(server.MoneyKitURL) // Now in the configuration of an adapter
	if err != nil {
		panic(err)
	}
	bank.Advance(24 * time.Hour)
	fmt.Println(now().Format(time.DateOnly))
	// Output: 2026-11-23
}
