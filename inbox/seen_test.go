package inbox_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/inbox"
)

// TestSeen specifies how handled deliveries are remembered.
func TestSeen(t *testing.T) {
	t.Parallel()
	t.Run("a Memory is bounded in number and time", aMemoryIsBoundedInNumberAndTime)
	t.Run("a zero Memory has the default bounds", aZeroMemoryHasTheDefaultBounds)
	t.Run("a delivery is marked only after its handler returned", aDeliveryIsMarkedOnlyAfterItsHandlerReturned)
	t.Run("without its memory the inbox acknowledges only what it handled", withoutItsMemoryTheInboxRefuses)
	t.Run("different deliveries have different keys", differentDeliveriesHaveDifferentKeys)
}

type store struct {
	unread, unmarked error
	marked           []string
}

func (s *store) Seen(context.Context, string) (bool, error) { return false, s.unread }

func (s *store) Mark(_ context.Context, key string) error {
	s.marked = append(s.marked, key)
	return s.unmarked
}

func aMemoryIsBoundedInNumberAndTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := inbox.NewMemory(100, time.Hour)
		knows := func(key string) bool {
			seen, err := m.Seen(t.Context(), key)
			require.NoError(t, err)
			return seen
		}
		for i := range 1000 {
			require.NoError(t, m.Mark(t.Context(), fmt.Sprint(i)))
			require.NoError(t, m.Mark(t.Context(), fmt.Sprint(i)))
			require.True(t, knows(fmt.Sprint(i)))
			require.Equal(t, i < 100, knows("0"))
		}
		for i := range 1000 {
			require.Equal(t, i >= 900, knows(fmt.Sprint(i)), i)
		}
		time.Sleep(30 * time.Minute)
		require.NoError(t, m.Mark(t.Context(), "late"))
		time.Sleep(30 * time.Minute)
		assert.False(t, knows("999"))
		assert.True(t, knows("late"))
		time.Sleep(30 * time.Minute)
		assert.False(t, knows("late"))
	})
}

func aZeroMemoryHasTheDefaultBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m inbox.Memory
		knows := func(key string) bool {
			seen, err := m.Seen(t.Context(), key)
			require.NoError(t, err)
			return seen
		}
		for i := range 100_001 {
			require.NoError(t, m.Mark(t.Context(), fmt.Sprint(i)))
		}
		assert.False(t, knows("0"))
		assert.True(t, knows("1"))
		time.Sleep(24*time.Hour - 1)
		assert.True(t, knows("1"))
		time.Sleep(time.Nanosecond)
		assert.False(t, knows("100000"))
	})
}

func aDeliveryIsMarkedOnlyAfterItsHandlerReturned(t *testing.T) {
	t.Parallel()
	s := &store{}
	h := inbox.New(newRegistry(t, sender{}), func(_ context.Context, e bankmux.Event) error {
		assert.NotContains(t, s.marked, "4:acme/"+e.Key)
		return nil
	}, inbox.WithSeen(s))
	assert.Equal(t, http.StatusOK, answer(h, delivery("k", "a", "b")).Code)
	assert.Equal(t, []string{"4:acme/k"}, s.marked)
	long := strings.Repeat("k", 300)
	assert.Equal(t, http.StatusOK, answer(h, delivery(long)).Code)
	require.Len(t, s.marked, 2)
	assert.Regexp(t, `^sha256:[0-9a-f]{64}$`, s.marked[1])
}

func withoutItsMemoryTheInboxRefuses(t *testing.T) {
	t.Parallel()
	calls := 0
	count := func(context.Context, bankmux.Event) error { calls++; return nil }
	away := errors.New("the store is away")

	h := inbox.New(newRegistry(t, sender{}), count, inbox.WithSeen(&store{unread: away}))
	assert.Equal(t, http.StatusServiceUnavailable, answer(h, delivery("k")).Code)
	assert.Zero(t, calls, "it may have been handled before")

	h = inbox.New(newRegistry(t, sender{}), count, inbox.WithSeen(&store{unmarked: away}))
	assert.Equal(t, http.StatusOK, answer(h, delivery("k")).Code, "it was handled")
	assert.Equal(t, 1, calls)
}

func differentDeliveriesHaveDifferentKeys(t *testing.T) {
	t.Parallel()
	post := func(h http.Handler, client, key string, names ...string) int {
		r := delivery(key, names...)
		r.URL.Path, r.URL.RawPath = "/hooks/"+client, "/hooks/"+url.PathEscape(client)
		return answer(h, r).Code
	}
	t.Run("however client and key are joined", func(t *testing.T) {
		t.Parallel()
		s := sender{}
		long := strings.Repeat("k", 300)
		pairs := [][2]string{
			{"acme", "x/k"},
			{"acme/x", "k"},
			{"acme", "k"},
			{"acme/x/k", "/"},
			{"4:acme", "k"},
			{"1", "4:acme/k"},
			{"acme", "x\x00k"},
			{"acme\x00x", "k"},
			{"acme", long},
			{"acme/" + long, "k"},
			{"acme", long + "/k"},
		}
		var clients []*bankmux.Client
		made := map[string]bool{}
		for _, p := range pairs {
			if !made[p[0]] {
				made[p[0]] = true
				clients = append(clients, bankmux.NewClient(p[0], s))
			}
		}
		registry, err := bankmux.NewRegistry(clients, []bankmux.Route{{Client: clients[0].Name()}})
		require.NoError(t, err)
		handled := map[[2]string]int{}
		h := inbox.New(registry, func(_ context.Context, e bankmux.Event) error {
			handled[[2]string{e.Client, e.Key}]++
			return nil
		})
		for range 2 {
			for _, p := range pairs {
				assert.Equal(t, http.StatusOK, post(h, p[0], p[1]))
			}
		}
		for _, p := range pairs {
			assert.Equal(t, 1, handled[p], "%q", p)
		}
	})
	t.Run("also where the adapter gives none: that of its body", func(t *testing.T) {
		t.Parallel()
		handled := map[string]int{}
		keys := map[string]bool{}
		h := inbox.New(newRegistry(t, sender{}), func(_ context.Context, e bankmux.Event) error {
			handled[e.Client+" "+e.Name]++
			keys[e.Key] = true
			return nil
		})
		for range 2 {
			for _, name := range []string{"a", "b", "c"} {
				assert.Equal(t, http.StatusOK, post(h, "acme", "", name))
			}
			assert.Equal(t, http.StatusOK, post(h, "other app/2", "", "a"))
		}
		assert.Equal(t, map[string]int{"acme a": 1, "acme b": 1, "acme c": 1, "other app/2 a": 1}, handled)
		assert.Len(t, keys, 3, "the application is given the same key")
		assert.NotContains(t, keys, "")
	})
}
