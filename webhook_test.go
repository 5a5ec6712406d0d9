package bankmux_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// announcer is an adapter that accepts every delivery.
type announcer struct{ fake }

func (a *announcer) ReadWebhook(_ context.Context, req bankmux.WebhookRequest) (bankmux.WebhookResult, error) {
	if len(req.Body()) == 0 {
		return bankmux.WebhookResult{}, errors.New("no body")
	}
	if reference, ok := strings.CutPrefix(string(req.Body()), "about "); ok {
		return bankmux.WebhookResult{
			Key:    "k",
			Events: []bankmux.Event{bankmux.Event{Kind: bankmux.EventTransactionsAvailable}.WithReference(reference)},
		}, nil
	}
	return bankmux.WebhookResult{
		Key:    "k",
		Events: []bankmux.Event{{Kind: bankmux.EventUnknown}, bankmux.Event{Key: "k2"}.WithRaw([]byte("part"))},
	}, nil
}

// TestReadWebhook specifies deliveries and their events.
func TestReadWebhook(t *testing.T) {
	t.Parallel()
	t.Run("an event names its client, and no interceptor runs", anEventNamesItsClientAndNoInterceptorRuns)
	t.Run("an event survives JSON and shows no secret", anEventSurvivesJSONAndShowsNoSecret)
	t.Run("the address may name the client", theAddressMayNameTheClient)
}

func anEventNamesItsClientAndNoInterceptorRuns(t *testing.T) {
	t.Parallel()
	refuse := func(context.Context, bankmux.Op, func(context.Context) error) error { return errors.New("intercepted") }
	client := bankmux.NewClient("one", &announcer{fake{provider: "acme"}}, refuse)
	require.True(t, client.Has(bankmux.CapWebhooks))
	res, err := client.ReadWebhook(t.Context(), bankmux.NewWebhookRequest(nil, []byte("body")))
	require.NoError(t, err)
	require.Len(t, res.Events, 2)
	assert.Equal(
		t,
		bankmux.Event{Kind: bankmux.EventUnknown, Client: "one", Provider: "acme", Key: "k"}.WithRaw([]byte("body")),
		res.Events[0],
	)
	assert.Equal(t, "k2", res.Events[1].Key)
	assert.Equal(t, "part", string(res.Events[1].Raw()))

	_, err = client.ReadWebhook(t.Context(), bankmux.WebhookRequest{})
	e, ok := errors.AsType[*bankmux.Error](err)
	require.True(t, ok)
	assert.Equal(t, "ReadWebhook", e.Op)
	assert.Equal(t, "one", e.Client)

	_, err = bankmux.NewClient("two", &fake{}).ReadWebhook(t.Context(), bankmux.NewWebhookRequest(nil, []byte("body")))
	assert.ErrorIs(t, err, errors.ErrUnsupported)
}

func anEventSurvivesJSONAndShowsNoSecret(t *testing.T) {
	t.Parallel()
	plain := bankmux.Event{
		Kind:         bankmux.EventConnectionStateChanged,
		Name:         "link.state_changed",
		Client:       "one",
		Provider:     "acme",
		Key:          "k",
		At:           time.Unix(1_800_000_000, 0).UTC(),
		ReferenceKey: "digest",
		Session:      "s",
		Status:       bankmux.Status{State: bankmux.StateReauth, Code: "auth_expired"},
	}
	e := plain.WithReference(planted).WithRaw([]byte(planted)).WithPayload([]byte(planted))
	text, err := json.Marshal(e)
	require.NoError(t, err)
	var back bankmux.Event
	require.NoError(t, json.Unmarshal(text, &back))
	assert.Equal(t, plain, back, "what is left finds the connection")
	assert.NotContains(t, string(text), planted)
	assert.NotContains(t, string(text), base64.StdEncoding.EncodeToString([]byte(planted)))

	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("got", "event", e)
	for _, shown := range []string{
		fmt.Sprint(e), fmt.Sprintf("%v %+v %#v %x %q", e, e, e, e, &e), fmt.Sprintf("%+v", []bankmux.Event{e}),
		logged.String(),
	} {
		assert.NotContains(t, shown, planted)
		assert.NotContains(t, shown, fmt.Sprintf("%x", planted))
		assert.Contains(t, shown, "link.state_changed")
	}
}

func theAddressMayNameTheClient(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"https://app.example.com/hooks/{client}":            "https://app.example.com/hooks/dapi%20Gulf",
		"https://app.example.com/{client}/hooks?c={client}": "https://app.example.com/dapi%20Gulf/hooks?c=dapi%20Gulf",
		"https://app.example.com/hooks":                     "https://app.example.com/hooks",
		"":                                                  "",
	} {
		var got string
		f := &fake{
			create: func(_ context.Context, req bankmux.SessionRequest) error { got = req.WebhookURL; return nil },
		}
		_, err := bankmux.NewClient("dapi Gulf", f).
			CreateSession(t.Context(), bankmux.SessionRequest{User: "u", WebhookURL: given})
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}
