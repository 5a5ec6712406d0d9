package bankmux_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bankmux/bankmux"
)

func TestCandidates(t *testing.T) {
	t.Parallel()
	clients := make([]*bankmux.Client, 12)
	for i := range clients {
		clients[i], _ = clientOf(fmt.Sprint("c", i), "p", nil)
	}
	order := func(t require.TestingT, r *bankmux.Registry, req bankmux.SessionRequest) (names []string) {
		all, err := r.Candidates(req)
		require.NoError(t, err)
		for _, c := range all {
			names = append(names, c.Name())
		}
		return names
	}
	t.Run("the order stays the same from release to release", func(t *testing.T) {
		t.Parallel()
		var routes []bankmux.Route
		for i, c := range clients {
			routes = append(
				routes,
				bankmux.Route{Client: c.Name(), Priority: i % 2, Weight: 1 + i%3},
				bankmux.Route{Client: c.Name(), Priority: 2, Weight: 4},
			)
		}
		r := registry(t, clients, routes)
		for user, want := range map[string][]string{
			"user-1": {"c8", "c10", "c4", "c6", "c2", "c0", "c3", "c7", "c5", "c1", "c11", "c9"},
			"user-2": {"c10", "c8", "c2", "c4", "c0", "c6", "c1", "c5", "c11", "c7", "c9", "c3"},
			"7":      {"c8", "c4", "c10", "c0", "c2", "c6", "c1", "c5", "c9", "c11", "c3", "c7"},
		} {
			assert.Equal(t, want, order(t, r, bankmux.SessionRequest{User: user}), user)
		}
	})
	t.Run("the next candidate is the one that First returns without the earlier ones", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			routes := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) bankmux.Route {
				return bankmux.Route{
					Client:    clients[rapid.IntRange(0, len(clients)-1).Draw(t, "client")].Name(),
					Countries: rapid.SampledFrom([][]string{nil, {"US"}, {"AE", "US"}, {"AE"}}).Draw(t, "countries"),
					Priority:  rapid.IntRange(0, 2).Draw(t, "priority"), Weight: rapid.IntRange(0, 3).Draw(t, "weight"),
				}
			}), 1, 20).Draw(t, "routes")
			req := bankmux.SessionRequest{
				User:    rapid.StringN(1, 9, -1).Draw(t, "user"),
				Country: rapid.SampledFrom([]string{"", "US", "AE", "BH"}).Draw(t, "country"),
			}
			var want []string
			for left := routes; len(left) > 0; {
				r, err := bankmux.NewRegistry(clients, left)
				require.NoError(t, err)
				c, err := r.First(req)
				if err != nil {
					break
				}
				want = append(want, c.Name())
				left = slices.DeleteFunc(slices.Clone(left), func(r bankmux.Route) bool { return r.Client == c.Name() })
			}
			r, err := bankmux.NewRegistry(clients, routes)
			require.NoError(t, err)
			if len(want) == 0 {
				_, err := r.Candidates(req)
				require.ErrorIs(t, err, bankmux.ErrUnsupported)
				return
			}
			require.Equal(t, want, order(t, r, req))
		})
	})
}
