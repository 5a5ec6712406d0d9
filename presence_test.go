package bankmux_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
)

func TestACallIsTheUsersWhereAllOfTheUserIsKnown(t *testing.T) {
	t.Parallel()
	ip := netip.MustParseAddr("203.0.113.7")
	for name, c := range map[string]struct {
		presence bankmux.Presence
		want     bool
	}{
		"address and user agent":                {bankmux.Presence{IP: ip, UserAgent: "browser"}, true},
		"with the time of the login":            {bankmux.Presence{IP: ip, UserAgent: "browser", Since: time.Unix(1, 0)}, true},
		"nothing said":                          {bankmux.Presence{}, false},
		"an address alone":                      {bankmux.Presence{IP: ip}, false},
		"a user agent alone":                    {bankmux.Presence{UserAgent: "browser"}, false},
		"a user who is absent, whatever is set": {bankmux.Presence{Absent: true, IP: ip, UserAgent: "browser"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := bankmux.PresenceOf(bankmux.WithPresence(t.Context(), c.presence))
			assert.True(t, ok)
			assert.Equal(t, c.presence, got)
			assert.Equal(t, c.want, got.PSU())
		})
	}
	none, ok := bankmux.PresenceOf(t.Context())
	assert.False(t, ok)
	assert.False(t, none.PSU(), "a context that says nothing is a background call")
	absent, _ := bankmux.PresenceOf(bankmux.WithoutUser(t.Context()))
	assert.False(t, absent.PSU())
}
