package moneykit_test

import (
	"context"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/moneykit"
)

// leaving is a transport of an application that does not return until it is mended.
type leaving struct {
	end    func()
	mended http.RoundTripper
}

func (l *leaving) RoundTrip(r *http.Request) (*http.Response, error) {
	if l.mended == nil {
		l.end()
	}
	return l.mended.RoundTrip(r)
}

func TestATransportThatDoesNotReturnEndsNeitherTheProcessNorTheClient(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(){"panics": func() { panic("secret") }, "ends its goroutine": runtime.Goexit} {
		t.Run("one that "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newIssuer(t, "a")
				l := &leaving{end: end}
				g := guard.New(guard.Options{})
				client := s.client(func(c *moneykit.Config) { c.HTTPClient, c.Guard = &http.Client{Transport: l}, g })
				for range 10 { // the token for this call is fetched for all who wait
					err := client.Check(t.Context())
					require.ErrorIs(t, err, bankmux.ErrApplication)
					assert.NotContains(t, err.Error(), "secret")
				}
				assert.Equal(t, "closed", g.Breakers()[0].State, "it says nothing about the provider")
				_, err := client.ReadWebhook(t.Context(), s.delivery(stateChanged, nil)) // and so are the keys
				require.ErrorIs(t, err, bankmux.ErrApplication)
				assert.NotContains(t, err.Error(), "secret")
				l.mended = s
				client = s.client(func(c *moneykit.Config) { c.HTTPClient = &http.Client{Transport: l} })
				_, err = client.ReadWebhook(context.Background(), s.delivery(stateChanged, nil))
				require.NoError(t, err)
			})
		})
	}
}
