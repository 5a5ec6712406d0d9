package bankmux_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// TestPresence specifies when a call is made for a user who is there.
func TestPresence(t *testing.T) {
	t.Parallel()
	t.Run("a call is the user's if address and user agent are known", aCallIsTheUsersIfAddressAndUserAgentAreKnown)
	t.Run("every call passes the presence to the adapter", everyCallPassesThePresenceToTheAdapter)
}

func aCallIsTheUsersIfAddressAndUserAgentAreKnown(t *testing.T) {
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
		"a user agent that no header can carry": {bankmux.Presence{IP: ip, UserAgent: "browser\r\nX-Forged: 1"}, false},
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
	mapped, _ := bankmux.PresenceOf(
		bankmux.WithPresence(t.Context(), bankmux.Presence{IP: netip.MustParseAddr("::ffff:203.0.113.7")}),
	)
	assert.Equal(t, ip, mapped.IP, "as the server of both kinds of addresses gives it")
	none, ok := bankmux.PresenceOf(t.Context())
	assert.False(t, ok)
	assert.False(t, none.PSU(), "a context that says nothing is a background call")
	absent, _ := bankmux.PresenceOf(bankmux.WithoutUser(t.Context()))
	assert.False(t, absent.PSU())
}

// seeing is an adapter that reads one account per call and records the presence.
type seeing struct {
	reader
	seen []bankmux.Presence
}

func (s *seeing) look(ctx context.Context) {
	p, _ := bankmux.PresenceOf(ctx)
	s.seen = append(s.seen, p)
}

func (s *seeing) CreateSession(ctx context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	s.look(ctx)
	return s.reader.CreateSession(ctx, req)
}

func (s *seeing) ExchangeToken(ctx context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	s.look(ctx)
	return s.reader.ExchangeToken(ctx, req)
}

func (s *seeing) Accounts(ctx context.Context, req bankmux.AccountsRequest) (bankmux.AccountsResult, error) {
	s.look(ctx)
	return s.reader.Accounts(ctx, req)
}

func (s *seeing) Balances(ctx context.Context, req bankmux.BalancesRequest) (bankmux.BalancesResult, error) {
	s.look(ctx)
	return s.reader.Balances(ctx, req)
}

func everyCallPassesThePresenceToTheAdapter(t *testing.T) {
	t.Parallel()
	s := &seeing{
		reader: reader{
			fake:     fake{provider: "p", env: bankmux.Sandbox},
			accounts: []bankmux.Account{{ID: "a"}, {ID: "b"}},
		},
	}
	client := bankmux.NewClient("p", s, guard.New(guard.Options{Hold: true, OnePerConnection: true}).Interceptors()...)
	spare := bankmux.NewClient("q", &fake{provider: "q"})
	registry, err := bankmux.NewRegistry(
		[]*bankmux.Client{client, spare},
		[]bankmux.Route{{Client: "p"}, {Client: "q", Priority: 1}},
	)
	require.NoError(t, err)
	for _, p := range []bankmux.Presence{
		{IP: netip.MustParseAddr("203.0.113.7"), UserAgent: "browser", Since: time.Unix(1, 0)},
		{Absent: true},
		{},
	} {
		s.seen = nil
		ctx := bankmux.WithPresence(t.Context(), p)
		session, err := registry.CreateSession(ctx, bankmux.SessionRequest{User: "u-1"})
		require.NoError(t, err)
		linked, err := registry.ExchangeToken(
			ctx,
			bankmux.ExchangeRequest{Session: session, User: "u-1", Payload: bankmux.NewSecret(goodPayload)},
		)
		require.NoError(t, err)
		_, err = client.Balances(ctx, bankmux.BalancesRequest{Connection: linked.Connection})
		require.NoError(t, err)
		assert.Equal(t, []bankmux.Presence{p, p, p, p, p}, s.seen, "session, exchange, list and two accounts")
	}
}
