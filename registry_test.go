package bankmux_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/single"
)

func clientOf(
	name, provider string,
	create func(context.Context, bankmux.SessionRequest) error,
) (*bankmux.Client, *fake) {
	f := &fake{provider: provider, env: bankmux.Sandbox, create: create}
	return bankmux.NewClient(name, f), f
}

func failing(kind bankmux.Kind) func(context.Context, bankmux.SessionRequest) error {
	return func(context.Context, bankmux.SessionRequest) error {
		return &bankmux.Error{Kind: kind, RetryAfter: 3 * time.Second}
	}
}

func registry(t testing.TB, clients []*bankmux.Client, routes []bankmux.Route) *bankmux.Registry {
	t.Helper()
	r, err := bankmux.NewRegistry(clients, routes)
	require.NoError(t, err)
	return r
}

func names(clients []*bankmux.Client) []string {
	var all []string
	for _, c := range clients {
		all = append(all, c.Name())
	}
	return all
}

// TestRegistry specifies routing and failover between clients.
func TestRegistry(t *testing.T) {
	t.Parallel()
	t.Run("a route is chosen by country, institution and capability", aRouteIsChosenByCountryInstitutionAndCapability)
	t.Run("a table that cannot be meant is refused", aTableThatCannotBeMeantIsRefused)
	t.Run("weights split users, and each user stays", weightsSplitUsersAndEachUserStays)
	t.Run("the next candidate is tried only where it may succeed", theNextCandidateIsTriedOnlyWhereItMaySucceed)
	t.Run("the errors of all attempts are joined", theErrorsOfAllAttemptsAreJoined)
	t.Run("a candidate is repeated only when no other remains", aCandidateIsRepeatedOnlyWhenNoOtherRemains)
	t.Run("a candidate that hangs gets its share of the time", aCandidateThatHangsGetsItsShareOfTheTime)
	t.Run("the caller's cancellation ends the failover", theCallersCancellationEndsTheFailover)
	t.Run("an exchange and a reconnect use the client that made the session", anExchangeAndAReconnectUseTheClient)
	t.Run("a swap under load loses no session", aSwapUnderLoadLosesNoSession)
}

func aRouteIsChosenByCountryInstitutionAndCapability(t *testing.T) {
	t.Parallel()
	mk, _ := clientOf("mk", "moneykit", nil)
	dp, _ := clientOf("dp", "dapi", nil)
	st := bankmux.NewClient("st", &statusFake{fake{provider: "status", env: bankmux.Sandbox}})
	r := registry(t, []*bankmux.Client{mk, dp, st}, []bankmux.Route{
		{Client: "mk", Countries: []string{"US", "GB"}},
		{Client: "dp", Countries: []string{"US", "AE"}, Priority: 1},
		{Client: "dp", Countries: []string{"KW"}, Institutions: []string{"NBK"}},
		{Client: "st", Priority: 9},
	})
	for _, c := range []struct {
		name string
		req  bankmux.SessionRequest
		want []string
	}{
		{"by priority", bankmux.SessionRequest{Country: "US"}, []string{"mk", "dp", "st"}},
		{"by country", bankmux.SessionRequest{Country: "AE"}, []string{"dp", "st"}},
		{"elsewhere", bankmux.SessionRequest{Country: "JP"}, []string{"st"}},
		{"no country", bankmux.SessionRequest{}, []string{"st"}},
		{"an institution one has an id for", bankmux.SessionRequest{Country: "US", Institution: bankmux.InstitutionRef{"dapi": "X"}}, []string{"dp"}},
		{"a route for one institution", bankmux.SessionRequest{Country: "KW", Institution: bankmux.InstitutionRef{"dapi": "NBK"}}, []string{"dp"}},
		{"another institution there", bankmux.SessionRequest{Country: "KW", Institution: bankmux.InstitutionRef{"dapi": "Y"}}, nil},
		{"a capability", bankmux.SessionRequest{Country: "US", Capabilities: []bankmux.Capability{bankmux.CapDisconnect}}, []string{"st"}},
		{"a capability that no client has", bankmux.SessionRequest{Country: "US", Capabilities: []bankmux.Capability{"teleport"}}, nil},
	} {
		c.req.User = "u"
		got, err := r.Candidates(c.req)
		assert.Equal(t, c.want, names(got), c.name)
		one, firstErr := r.First(c.req)
		if c.want == nil {
			require.ErrorIs(t, err, bankmux.ErrUnsupported, c.name)
			require.ErrorIs(t, firstErr, bankmux.ErrUnsupported, c.name)
			continue
		}
		require.NoError(t, firstErr, c.name)
		assert.Equal(t, c.want[0], one.Name(), c.name)
	}
	_, err := r.CreateSession(t.Context(), bankmux.SessionRequest{User: "u", Country: "KW"})
	assert.NoError(t, err, "the route for one institution is passed over")
}

func aTableThatCannotBeMeantIsRefused(t *testing.T) {
	t.Parallel()
	mk, _ := clientOf("mk", "moneykit", nil)
	for name, c := range map[string]struct {
		clients []*bankmux.Client
		route   bankmux.Route
	}{
		"a nil client":         {[]*bankmux.Client{nil}, bankmux.Route{}},
		"two of a name":        {[]*bankmux.Client{mk, mk}, bankmux.Route{Client: "mk"}},
		"an unknown client":    {[]*bankmux.Client{mk}, bankmux.Route{Client: "x"}},
		"UK":                   {[]*bankmux.Client{mk}, bankmux.Route{Client: "mk", Countries: []string{"UK"}}},
		"an empty country":     {[]*bankmux.Client{mk}, bankmux.Route{Client: "mk", Countries: []string{""}}},
		"a country twice":      {[]*bankmux.Client{mk}, bankmux.Route{Client: "mk", Countries: []string{"US", "US"}}},
		"a negative weight":    {[]*bankmux.Client{mk}, bankmux.Route{Client: "mk", Weight: -1}},
		"a missing capability": {[]*bankmux.Client{mk}, bankmux.Route{Client: "mk", Capabilities: []bankmux.Capability{bankmux.CapCheck}}},
	} {
		_, err := bankmux.NewRegistry(c.clients, []bankmux.Route{c.route})
		assert.ErrorIs(t, err, bankmux.ErrInvalid, name)
	}
	t.Run("no clients", func(t *testing.T) {
		t.Parallel()
		_, err := bankmux.NewRegistry(nil, nil)
		require.ErrorIs(t, err, bankmux.ErrInvalid)
		assert.ErrorContains(t, err, "clients are empty")
	})
	t.Run("no routes", func(t *testing.T) {
		t.Parallel()
		_, err := bankmux.NewRegistry([]*bankmux.Client{mk}, nil)
		require.ErrorIs(t, err, bankmux.ErrInvalid)
		require.ErrorContains(t, err, "routes are empty")
		r := registry(t, []*bankmux.Client{mk}, []bankmux.Route{{Client: "mk"}})
		require.ErrorContains(t, r.Swap([]*bankmux.Client{mk}, []bankmux.Route{}), "routes are empty")
		_, err = r.First(bankmux.SessionRequest{User: "u"})
		assert.NoError(t, err, "the old routes still hold")
	})
	var empty bankmux.Registry
	_, err := empty.CreateSession(t.Context(), bankmux.SessionRequest{User: "u"})
	assert.ErrorIs(t, err, bankmux.ErrUnsupported)
}

func weightsSplitUsersAndEachUserStays(t *testing.T) {
	t.Parallel()
	a, _ := clientOf("a", "p", nil)
	b, _ := clientOf("b", "p", nil)
	c, _ := clientOf("c", "p", nil)
	two := registry(t, []*bankmux.Client{a, b, c}, []bankmux.Route{{Client: "a", Weight: 3}, {Client: "b", Weight: 1}})
	three := registry(
		t,
		[]*bankmux.Client{a, b, c},
		[]bankmux.Route{{Client: "a", Weight: 3}, {Client: "b", Weight: 1}, {Client: "c", Weight: 1}},
	)
	const users = 10_000
	got, moved := map[string]int{}, 0
	for i := range users {
		req := bankmux.SessionRequest{User: fmt.Sprintf("user-%d", i)}
		before, err := two.First(req)
		require.NoError(t, err)
		again, _ := two.First(req)
		assert.Same(t, before, again)
		got[before.Name()]++
		after, err := three.First(req)
		require.NoError(t, err)
		if after != before {
			moved++
			assert.Equal(t, "c", after.Name(), "a user moves to the new client or not at all")
		}
	}
	assert.InDelta(t, users*3/4, got["a"], users*3/100)
	assert.InDelta(t, users/5, moved, users*3/100)
}

func theNextCandidateIsTriedOnlyWhereItMaySucceed(t *testing.T) {
	t.Parallel()
	for kind, goesOn := range map[bankmux.Kind]bool{
		bankmux.ErrUnavailable: true, bankmux.ErrMalformed: true, bankmux.ErrCircuitOpen: true,
		bankmux.ErrRateLimited: true, bankmux.ErrUnsupported: true,
		bankmux.ErrInvalid: false, bankmux.ErrCredentials: false, bankmux.ErrNotPermitted: false,
		bankmux.ErrQuota: false, bankmux.ErrUnknown: false,
	} {
		a, _ := clientOf("a", "p", failing(kind))
		b, asked := clientOf("b", "q", nil)
		r := registry(t, []*bankmux.Client{a, b}, []bankmux.Route{{Client: "a"}, {Client: "b", Priority: 1}})
		s, err := r.CreateSession(t.Context(), bankmux.SessionRequest{User: "u"})
		if goesOn {
			require.NoError(t, err, kind)
			assert.Equal(t, "b", s.Client)
			continue
		}
		require.ErrorIs(t, err, kind)
		assert.Zero(t, asked.calls.Load(), kind)
	}
}

func theErrorsOfAllAttemptsAreJoined(t *testing.T) {
	t.Parallel()
	a, _ := clientOf("a", "p", failing(bankmux.ErrCircuitOpen))
	b, _ := clientOf("b", "q", failing(bankmux.ErrRateLimited))
	r := registry(t, []*bankmux.Client{a, b}, []bankmux.Route{{Client: "a"}, {Client: "b", Priority: 1}})
	_, err := r.CreateSession(t.Context(), bankmux.SessionRequest{User: "u"})
	require.ErrorIs(t, err, bankmux.ErrCircuitOpen)
	require.ErrorIs(t, err, bankmux.ErrRateLimited)
	e, _ := errors.AsType[*bankmux.Error](err)
	assert.Equal(t, "2 clients tried: a, b", e.Detail)
	assert.Equal(t, 3*time.Second, e.RetryAfter)
	assert.NotContains(t, err.Error(), "\n")
}

func aCandidateIsRepeatedOnlyWhenNoOtherRemains(t *testing.T) {
	t.Parallel()
	once := map[string]bool{}
	watch := func(ctx context.Context, op bankmux.Op, next func(context.Context) error) error {
		once[op.Client] = op.Once
		return next(ctx)
	}
	a, _ := clientOf("a", "p", failing(bankmux.ErrUnavailable))
	b, _ := clientOf("b", "q", nil)
	r := registry(
		t,
		[]*bankmux.Client{a.With(watch), b.With(watch)},
		[]bankmux.Route{{Client: "a"}, {Client: "b", Priority: 1}},
	)
	_, err := r.CreateSession(t.Context(), bankmux.SessionRequest{User: "u"})
	require.NoError(t, err)
	assert.Equal(t, map[string]bool{"a": true, "b": false}, once)
}

func aCandidateThatHangsGetsItsShareOfTheTime(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context, _ bankmux.SessionRequest) error { <-ctx.Done(); return ctx.Err() }
	for _, c := range []struct {
		name  string
		limit time.Duration // of the caller; 0 means none
		want  time.Duration // until the second candidate is tried
	}{
		{"no deadline", 0, 10 * time.Second},
		{"a long deadline", time.Minute, 10 * time.Second},
		{"a short deadline", 8 * time.Second, 4 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			a, _ := clientOf("a", "p", hang)
			b, _ := clientOf("b", "q", nil)
			r := registry(t, []*bankmux.Client{a, b}, []bankmux.Route{{Client: "a"}, {Client: "b", Priority: 1}})
			ctx := t.Context()
			if c.limit > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, c.limit)
				defer cancel()
			}
			began := time.Now()
			s, err := r.CreateSession(ctx, bankmux.SessionRequest{User: "u"})
			require.NoError(t, err, c.name)
			assert.Equal(t, "b", s.Client, c.name)
			assert.Equal(t, c.want, time.Since(began), c.name)
		})
	}
}

func theCallersCancellationEndsTheFailover(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	a, _ := clientOf("a", "p", func(context.Context, bankmux.SessionRequest) error { cancel(); return ctx.Err() })
	b, asked := clientOf("b", "q", nil)
	r := registry(t, []*bankmux.Client{a, b}, []bankmux.Route{{Client: "a"}, {Client: "b", Priority: 1}})
	_, err := r.CreateSession(ctx, bankmux.SessionRequest{User: "u"})
	require.ErrorIs(t, err, bankmux.ErrContextDone)
	require.ErrorIs(t, err, context.Canceled)
	assert.Zero(t, asked.calls.Load())
}

func anExchangeAndAReconnectUseTheClient(t *testing.T) {
	t.Parallel()
	a, fa := clientOf("a", "p", nil)
	b, fb := clientOf("b", "p", nil)
	r := registry(t, []*bankmux.Client{a, b}, []bankmux.Route{{Client: "b"}})
	s, conn := linked(t, a, "u")
	fa.exchange = func(context.Context, bankmux.ExchangeRequest) error { return bankmux.ErrUnavailable }
	_, err := r.ExchangeToken(
		t.Context(),
		bankmux.ExchangeRequest{Session: s, User: "u", Payload: bankmux.NewSecret(goodPayload)},
	)
	require.ErrorIs(t, err, bankmux.ErrUnavailable)
	got, err := r.For(conn)
	require.NoError(t, err)
	assert.Same(t, a, got)
	again, err := r.CreateSession(t.Context(), bankmux.SessionRequest{User: "u", Reconnect: &conn})
	require.NoError(t, err)
	assert.Equal(t, "a", again.Client)
	assert.Zero(t, fb.calls.Load())

	conn.Environment = bankmux.Production
	_, err = r.For(conn)
	assert.ErrorIs(t, err, bankmux.ErrInvalid)
	s.Client = "gone"
	_, err = r.ExchangeToken(
		t.Context(),
		bankmux.ExchangeRequest{Session: s, User: "u", Payload: bankmux.NewSecret(goodPayload)},
	)
	require.ErrorIs(t, err, bankmux.ErrNotFound)
	assert.ErrorContains(t, err, `client "gone"`)
	assert.Equal(t, []string{"a", "b"}, names(r.Clients()))
}

func aSwapUnderLoadLosesNoSession(t *testing.T) {
	t.Parallel()
	a, _ := clientOf("a", "p", nil)
	b, _ := clientOf("b", "q", nil)
	both := []*bankmux.Client{a, b}
	r := registry(t, both, []bankmux.Route{{Client: "a"}})
	ctx, stop := context.WithCancel(t.Context())
	var swaps, users sync.WaitGroup
	swaps.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			assert.NoError(t, r.Swap(both, []bankmux.Route{{Client: []string{"a", "b"}[i%2]}}))
		}
	})
	for i := range 32 {
		users.Go(func() {
			user := fmt.Sprintf("user-%d", i)
			for range 50 {
				s, err := r.CreateSession(t.Context(), bankmux.SessionRequest{User: user})
				if !assert.NoError(t, err) {
					return
				}
				conn, err := single.Connection(
					r.ExchangeToken(
						t.Context(),
						bankmux.ExchangeRequest{Session: s, User: user, Payload: bankmux.NewSecret(goodPayload)},
					),
				)
				assert.NoError(t, err)
				assert.Equal(t, s.Client, conn.Client)
			}
		})
	}
	users.Wait()
	stop()
	swaps.Wait()

	require.NoError(t, r.Swap(both, []bankmux.Route{{Client: "a"}}))
	s, err := r.CreateSession(t.Context(), bankmux.SessionRequest{User: "u"})
	require.NoError(t, err)
	require.NoError(t, r.Swap([]*bankmux.Client{b}, []bankmux.Route{{Client: "b"}}))
	_, err = r.ExchangeToken(
		t.Context(),
		bankmux.ExchangeRequest{Session: s, User: "u", Payload: bankmux.NewSecret(goodPayload)},
	)
	require.ErrorIs(t, err, bankmux.ErrNotFound)
	require.Error(t, r.Swap(nil, []bankmux.Route{{Client: "b"}}))
	_, err = r.Client("b")
	assert.NoError(t, err, "a refused swap changes nothing")
}

func BenchmarkRoute(b *testing.B) {
	var clients []*bankmux.Client
	var spread, alike []bankmux.Route
	for i := range 1000 {
		name := fmt.Sprintf("client-%d", i)
		c, _ := clientOf(name, "p", nil)
		clients = append(clients, c)
		country := string([]byte{byte('A' + i/26%26), byte('A' + i%26)})
		if country == "UK" {
			country = "GB"
		}
		spread = append(spread, bankmux.Route{Client: name, Countries: []string{country}})
		alike = append(alike, bankmux.Route{Client: name, Countries: []string{"US"}})
	}
	for name, routes := range map[string][]bankmux.Route{"in 676 countries": spread, "in one country": alike} {
		r := registry(b, clients, routes)
		b.Run(name, func(b *testing.B) {
			req := bankmux.SessionRequest{User: "user-1", Country: "US"}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.First(req); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
