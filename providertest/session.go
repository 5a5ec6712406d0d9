package providertest

// This file checks what reaches the provider with a session, and what a connection reads of its
// consent.

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sessionsArrive checks that the fields of a session request reach the provider.
func sessionsArrive(t *testing.T, b *bench) {
	if b.lacks("Harness.Received", b.Received == nil, "what of a session request reaches the provider") {
		return
	}
	req := b.Request
	req.WebhookURL = "https://app.example.com/hooks/{client}"
	req.Language, req.AccessDays, req.HistoryDays = "pt", 60, 400
	s, err := b.client.CreateSession(t.Context(), req)
	require.NoError(t, err)
	received, err := b.Received(s)
	require.NoError(t, err)
	for _, c := range []struct {
		field string
		got   *string
		want  string
	}{
		{"Institution", received.Institution, req.Institution[b.client.Provider()]},
		{"Country", received.Country, req.Country},
		{"WebhookURL", received.WebhookURL, "https://app.example.com/hooks/" + b.client.Name()},
		{"RedirectURI", received.RedirectURI, req.RedirectURI},
		{"Language", received.Language, req.Language},
		{"AccessDays", decimalOf(received.AccessDays), "60"},
		{"HistoryDays", decimalOf(received.HistoryDays), "400"},
	} {
		if !b.lacks("Received."+c.field, c.got == nil, "whether the provider gets SessionRequest."+c.field) {
			assert.Equal(t, c.want, *c.got, "the provider got another SessionRequest.%s", c.field)
		}
	}
}

func decimalOf(n *int) *string {
	if n == nil {
		return nil
	}
	text := strconv.Itoa(*n)
	return &text
}

// productsAreGranted checks that a connection has the products that the user granted.
func productsAreGranted(t *testing.T, b *bench) {
	if b.lacks("Harness.Granted", b.Granted == nil, "the products of a connection") {
		return
	}
	conn := b.connect(t.Context())
	granted, err := b.Granted(conn)
	require.NoError(t, err)
	require.NotEmpty(t, granted, "Harness.Granted returns no product")
	assert.ElementsMatch(t, granted, conn.Products, "Connection.Products are those that the user granted")
}

// consentsAreRead checks that a connection has the dates of its consent.
func consentsAreRead(t *testing.T, b *bench) {
	if b.lacks("Harness.Consent", b.Consent == nil, "how long a permission lasts") {
		return
	}
	conn := b.connect(t.Context())
	given, err := b.Consent(conn)
	require.NoError(t, err)
	require.NotZero(t, given, "Harness.Consent has no date")
	for _, c := range []struct {
		name      string
		want, got time.Time
	}{
		{"ExpiresAt", given.ExpiresAt, conn.Consent.ExpiresAt},
		{"ReconfirmBy", given.ReconfirmBy, conn.Consent.ReconfirmBy},
		{"RenewFrom", given.RenewFrom, conn.Consent.RenewFrom},
	} {
		assert.True(
			t,
			c.want.Equal(c.got),
			"Connection.Consent.%s is %s, and the provider said %s",
			c.name,
			c.got,
			c.want,
		)
	}
}
