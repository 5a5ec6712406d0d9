package dapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
	"github.com/bankmux/bankmux/virtualbank/internal/banktest"
)

func TestWebhooks(t *testing.T) {
	t.Parallel()
	t.Run("they go to the dashboard's address, in the form it sets", dashboardWebhooks)
}

func dashboardWebhooks(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{Start: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)})
	r := &banktest.Receiver{}
	c.LinkDapi("")
	assert.Zero(t, c.Deliver(r), "no webhooks are set up")

	c.Bank.AnnounceDapi(virtualbank.DapiWebhooks{URL: banktest.Hook})
	id, token, secrets := c.LinkDapi("")
	require.NoError(t, c.Bank.Stage(id, virtualbank.Posted))
	c.Bank.Advance(24 * time.Hour)
	c.Deliver(r)
	require.NoError(t, c.Bank.Lapse(id))
	require.Equal(t, http.StatusOK, c.Dapi("/users/DelinkUser", token, secrets).Status)
	c.Deliver(r)
	// The connection without webhooks has new transactions on the new day too. They are announced.
	assert.Equal(t, []string{
		"connection.state_changed connected",
		"transactions.available",
		"transactions.available",
		"transactions.available",
		"connection.state_changed error",
		"connection.deleted",
	}, r.Events(t))
	assert.NotEmpty(t, r.Got[0].Header.Get("Svix-Id"))

	r = &banktest.Receiver{}
	c.Bank.AnnounceDapi(virtualbank.DapiWebhooks{URL: banktest.Hook, Encrypt: true})
	c.LinkDapi("")
	c.Deliver(r)
	assert.Regexp(t, `^\{"data":"[A-Za-z0-9+/=]+"\}$`, r.Bodies[0])

	r = &banktest.Receiver{}
	c.Bank.AnnounceDapi(virtualbank.DapiWebhooks{URL: banktest.Hook, Legacy: true})
	c.LinkDapi("")
	c.Deliver(r)
	assert.NotEmpty(t, r.Got[0].Header.Get("Dapi-Signature"))
	assert.Empty(t, r.Got[0].Header.Get("Svix-Id"))
}
