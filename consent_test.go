package bankmux_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

func TestConsent(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 3, n, 12, 0, 0, 0, time.UTC) }

	t.Run("it is due at the earlier of its two ends", func(t *testing.T) {
		for name, c := range map[string]struct {
			consent bankmux.Consent
			due     time.Time
		}{
			"no date":                      {bankmux.Consent{RenewFrom: day(1)}, time.Time{}},
			"an expiry":                    {bankmux.Consent{ExpiresAt: day(9)}, day(9)},
			"a confirmation":               {bankmux.Consent{ReconfirmBy: day(7)}, day(7)},
			"the confirmation comes first": {bankmux.Consent{ExpiresAt: day(9), ReconfirmBy: day(7)}, day(7)},
			"the expiry comes first":       {bankmux.Consent{ExpiresAt: day(5), ReconfirmBy: day(7)}, day(5)},
		} {
			assert.Equal(t, c.due, c.consent.Due(), name)
		}
	})

	t.Run("the connections to renew come most urgent first", func(t *testing.T) {
		conn := func(id string, c bankmux.Consent, state bankmux.State) bankmux.Connection {
			return bankmux.Connection{ID: id, Consent: c, Status: bankmux.Status{State: state}}
		}
		all := []bankmux.Connection{
			conn("no date", bankmux.Consent{}, bankmux.StateActive),
			conn("later", bankmux.Consent{ExpiresAt: day(9)}, bankmux.StateActive),
			conn("on the day", bankmux.Consent{ExpiresAt: day(8)}, bankmux.StateActive),
			conn("not renewable yet", bankmux.Consent{ExpiresAt: day(6), RenewFrom: day(3)}, bankmux.StateActive),
			conn("renewable since now", bankmux.Consent{ExpiresAt: day(6), RenewFrom: day(2)}, bankmux.StateActive),
			conn("confirm", bankmux.Consent{ExpiresAt: day(30), ReconfirmBy: day(4)}, bankmux.StateActive),
			conn("expired", bankmux.Consent{ExpiresAt: day(1), RenewFrom: day(9)}, bankmux.StateReauth),
			conn("expired at the same moment", bankmux.Consent{ExpiresAt: day(1)}, bankmux.StateReauth),
			conn("gone", bankmux.Consent{ExpiresAt: day(3)}, bankmux.StateGone),
		}
		var got []string
		for _, c := range bankmux.ConsentsDue(slices.Values(all), day(2), day(8)) {
			got = append(got, c.ID)
		}
		assert.Equal(
			t,
			[]string{"expired", "expired at the same moment", "confirm", "renewable since now", "on the day"},
			got,
		)
	})

	t.Run("an absent date is not in JSON, and one that is set comes back", func(t *testing.T) {
		out, err := json.Marshal(bankmux.Connection{ID: "c"})
		require.NoError(t, err)
		assert.NotContains(t, string(out), "consent")
		want := bankmux.Connection{ID: "c", Consent: bankmux.Consent{ExpiresAt: day(9)}}
		out, err = json.Marshal(want)
		require.NoError(t, err)
		var back bankmux.Connection
		require.NoError(t, json.Unmarshal(out, &back))
		assert.Equal(t, want.Consent, back.Consent)
	})

	t.Run("a reconnect does not keep the dates of the consent that it replaces", func(t *testing.T) {
		client := bankmux.NewClient(
			"hosted",
			&hosted{fake: fake{provider: "hosted"}, effect: bankmux.Read, logins: []string{"login-a"}},
		)
		_, old := linked(t, client, "u-1")
		old.Consent = bankmux.Consent{ExpiresAt: day(1)}
		session, err := client.CreateSession(t.Context(), bankmux.SessionRequest{User: "u-1", Reconnect: &old})
		require.NoError(t, err)
		assert.Equal(t, old.Consent, session.Reconnect.Consent, "renewing has not ended it yet")
		res, err := client.ExchangeToken(t.Context(), bankmux.ExchangeRequest{Session: session, User: "u-1"})
		require.NoError(t, err)
		assert.Zero(t, res.Connection.Consent)
		assert.Empty(t, bankmux.ConsentsDue(slices.Values(res.All()), day(2), day(8)))
	})

	t.Run("a date that means none is absent", func(t *testing.T) {
		gulf := time.FixedZone("", 4*60*60)
		date := time.Date(2027, 1, 1, 0, 0, 0, 0, gulf)
		dated := &datedFake{statusFake: statusFake{fake{provider: "dated"}}}
		client := bankmux.NewClient("dated", dated)
		_, conn := linked(t, client, "u-1")
		for name, at := range map[string]time.Time{
			"the last day of calendars": time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
			"milliseconds as seconds":   time.Unix(1_800_000_000_000, 0),
			"the zero of Unix":          time.Unix(0, 0),
			"zero in another zone":      time.Date(1, 1, 1, 0, 0, 0, 0, gulf),
		} {
			dated.consent = bankmux.Consent{ExpiresAt: at, ReconfirmBy: date, RenewFrom: at}
			res, err := client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
			require.NoError(t, err)
			assert.Equal(t, bankmux.Consent{ReconfirmBy: date}, res.Connection.Consent, name)
			_, err = res.Connection.Seal(ring(t, key("a", 1)))
			assert.NoError(t, err, name)
		}
	})
}

// datedFake is an adapter that returns how long a consent lasts.
type datedFake struct {
	statusFake
	consent bankmux.Consent
}

func (f *datedFake) ConnectionStatus(_ context.Context, req bankmux.StatusRequest) (bankmux.StatusResult, error) {
	req.Connection.Consent = f.consent
	return bankmux.StatusResult{Connection: req.Connection}, nil
}
