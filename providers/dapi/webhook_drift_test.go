package dapi_test

// This file specifies that unknown members of deliveries are reported.

import (
	"bytes"
	"encoding/base64"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
)

// TestWebhookDrift specifies what is reported of a delivery that has an unknown member.
func TestWebhookDrift(t *testing.T) {
	t.Parallel()
	key := bytes.Repeat([]byte("k"), 16)
	const body = `{"event":"connection.state_changed","connectionID":"conn-1","alien":"x"}`
	for name, c := range map[string]struct {
		key       []byte
		delivered string
	}{
		"a delivery that is not encrypted":                   {nil, body},
		"one that is not encrypted, though there is a key":   {key, body},
		"one whose data looks encrypted and is not":          {key, body[:len(body)-1] + `,"data":"x"}`},
		"an encrypted one, whose members are in the payload": {key, `{"id":"x","data":"` + seal(t, key, body) + `"}`},
		"an encrypted one without other members":             {key, seal(t, key, body)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := guard.New(guard.Options{})
			client, err := dapi.New(dapi.Config{
				AppKey: "key", AppSecret: bankmux.NewSecret("secret"), Environment: bankmux.Sandbox, Guard: g,
				Webhook: dapi.WebhookConfig{
					Secrets: []bankmux.Secret{whsec(hookSecret)},
					Key:     bankmux.NewSecret(base64.StdEncoding.EncodeToString(c.key)),
				},
				Now: func() time.Time { return hookNow },
			})
			require.NoError(t, err)
			for range 201 {
				_, err = client.ReadWebhook(t.Context(), genuine(c.delivered))
				require.NoError(t, err)
			}
			assert.GreaterOrEqual(t, g.Drift()[guard.Drift{
				Client: dapi.Name, Provider: dapi.Name, Endpoint: "webhook", Kind: guard.DriftMember, Member: "alien",
			}], uint64(2), "the first delivery, and one in a hundred: %v", g.Drift())
		})
	}
}

// TestWebhookRepeatedKeys specifies that keys that nothing reads may repeat in a delivery.
func TestWebhookRepeatedKeys(t *testing.T) {
	t.Parallel()
	key := bytes.Repeat([]byte("k"), 16)
	const head, twice = `{"event":"connection.deleted","connectionID":"conn-1"`, `"zz":1,"zz":2`
	for name, c := range map[string]struct {
		delivered string
		want      bankmux.EventKind
	}{
		"an unknown key":                        {head + `,` + twice + `}`, bankmux.EventConnectionDeleted},
		"one within data that is not encrypted": {head + `,"data":{` + twice + `}}`, bankmux.EventConnectionDeleted},
		"one beside the encrypted payload": {
			`{` + twice + `,"data":"` + seal(t, key, head+`}`) + `"}`, bankmux.EventConnectionDeleted,
		},
		"one in the encrypted payload": {seal(t, key, head+`,`+twice+`}`), bankmux.EventConnectionDeleted},
		"a key that is read":           {head + `,"connectionID":"conn-2"}`, bankmux.EventUnknown},
		"a key that is read, in the encrypted payload": {
			seal(t, key, head+`,"event":"connection.deleted"}`), bankmux.EventUnknown,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := hookClient(t, dapi.WebhookConfig{
				Secrets: []bankmux.Secret{whsec(hookSecret)},
				Key:     bankmux.NewSecret(base64.StdEncoding.EncodeToString(key)),
			})
			got, err := client.ReadWebhook(t.Context(), genuine(c.delivered))
			require.NoError(t, err)
			assert.Equal(t, c.want, got.Events[0].Kind)
			assert.Equal(t, c.want == bankmux.EventUnknown, got.Events[0].Reference() == "")
		})
	}
}
