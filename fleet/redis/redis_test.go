package redis_test

// This file specifies the backend on a server without faults.

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/fleet/redis"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/guard/fleettest"
)

// admin returns a client that looks into the server.
func (s *server) admin(t testing.TB) *goredis.Client {
	t.Helper()
	options, err := goredis.ParseURL(s.url)
	require.NoError(t, err)
	c := goredis.NewClient(options)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func TestConformance(t *testing.T) {
	t.Parallel()
	s := newClockedServer(t)
	admin := s.admin(t)
	fleettest.Run(t, func(t *testing.T) fleettest.Fixture {
		t.Helper()
		shift := time.Duration(0)
		s.shift(t, 0)
		require.NoError(t, admin.FlushAll(t.Context()).Err())
		b := s.open(t, "a")
		return fleettest.Fixture{
			Backend: b,
			Second:  func(t *testing.T) guard.Backend { t.Helper(); return s.open(t, "a") },
			Other:   func(t *testing.T) guard.Backend { t.Helper(); return s.open(t, "a.b") },
			Advance: func(d time.Duration) {
				keys, err := admin.Keys(t.Context(), "*").Result()
				require.NoError(t, err)
				shift += d
				s.shift(t, shift)
				if len(keys) > 0 { // a key that is looked at is deleted if it has expired, or else some time later
					require.NoError(t, admin.Exists(t.Context(), keys...).Err())
				}
			},
			PutBack: func(d time.Duration) { shift -= d; s.shift(t, shift) },
			Seen:    b,
		}
	})
}

func TestOpen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		url  string
		opts redis.Options
		text string
	}{
		"a URL with a bad port":      {"redis://user:hunter2@host:port", redis.Options{}, "url is invalid"},
		"a URL of another scheme":    {"http://user:hunter2@host", redis.Options{}, "url is invalid"},
		"a URL with a bad database":  {"redis://user:hunter2@host/hunter2", redis.Options{}, "url is invalid"},
		"a bad URL of a cluster":     {"redis://u:hunter2@host:x", redis.Options{Cluster: true}, "url is invalid"},
		"a namespace with a colon":   {"redis://host", redis.Options{Namespace: "a:b"}, "Namespace is not 1 to 64 letters"},
		"a namespace with a brace":   {"redis://host", redis.Options{Namespace: "{a"}, "Namespace is not 1 to 64 letters"},
		"a long namespace":           {"redis://host", redis.Options{Namespace: strings.Repeat("x", 65)}, "Namespace is not"},
		"a negative number of conns": {"redis://host", redis.Options{Conns: -1}, "Options.Conns is negative"},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			t.Parallel()
			_, err := redis.Open(c.url, c.opts)
			require.ErrorIs(t, err, bankmux.ErrInvalid)
			assert.ErrorContains(t, err, "redis.Open: ")
			assert.ErrorContains(t, err, c.text)
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
	t.Run("nothing is sent", func(t *testing.T) {
		t.Parallel()
		b, err := redis.Open("redis://127.0.0.1:1", redis.Options{})
		require.NoError(t, err)
		require.EqualError(t, b.Check(t.Context()), "redis: Check: dial tcp 127.0.0.1:1: connect: connection refused")
		b.Close()
		require.EqualError(t, b.Check(t.Context()), "redis: Check: the backend is closed")
		b.Close()
	})
}

// useAll calls all methods, so that each kind of key exists.
func useAll(ctx context.Context, b *redis.Backend) error {
	const hour = time.Hour
	value := &guard.Fact{Value: []byte("x"), TTL: 2 * hour}
	first, err1 := b.Acquire(ctx, guard.Claim{Key: "k", Holder: "a", TTL: hour, Place: hour})
	_, err2 := b.Release(ctx, guard.Release{Key: "k", Holder: "a", Fence: first.Fence, Fact: value})
	_, err3 := b.Acquire(ctx, guard.Claim{Key: "k", Holder: "b", TTL: hour, Place: hour})
	_, err4 := b.Acquire(ctx, guard.Claim{Key: "k", Holder: "c", TTL: hour, Place: hour})
	_, err9 := b.Acquire(ctx, guard.Claim{Key: "new", Holder: "a", TTL: hour})
	err5 := b.PutFact(ctx, "name", *value)
	_, err6 := b.Facts(ctx)
	_, err7 := b.Take(ctx, guard.Take{Key: "k", N: 1, Limit: 2, Window: hour})
	_, err8 := b.Seen(ctx, "delivery")
	return errors.Join(err1, err2, err3, err4, err5, err6, err7, err8, err9, b.Mark(ctx, "delivery"))
}

func TestKeys(t *testing.T) {
	t.Parallel()
	t.Run("every key has the namespace and an expiry", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		require.NoError(t, useAll(t.Context(), s.open(t, "payments")))
		admin := s.admin(t)
		keys, err := admin.Keys(t.Context(), "*").Result()
		require.NoError(t, err)
		assert.ElementsMatch(t, []string{
			"payments:{lease:new}", "payments:{lease:k}", "payments:{lease:k}:queue", "payments:{lease:k}:places",
			"payments:{facts:}", "payments:{facts:}:order",
			"payments:{count:k}", "payments:{seen:delivery}",
		}, keys)
		for _, key := range keys {
			ttl, err := admin.PTTL(t.Context(), key).Result()
			require.NoError(t, err)
			assert.Positive(t, ttl, key)
			assert.LessOrEqual(t, ttl, 25*time.Hour, key)
		}
	})
	t.Run("the space of what has expired is free some minutes later", func(t *testing.T) {
		t.Parallel()
		s := newClockedServer(t)
		require.NoError(t, useAll(t.Context(), s.open(t, "a")))
		s.shift(t, 25*time.Hour+time.Minute)
		admin := s.admin(t)
		require.Eventually(t, func() bool { // Redis deletes in the background
			return admin.DBSize(t.Context()).Val() == 0
		}, patience, time.Millisecond)
	})
	t.Run("a busy lease does not keep a fact that has expired", func(t *testing.T) {
		t.Parallel()
		s := newClockedServer(t)
		b := s.open(t, "a")
		require.NoError(t, useAll(t.Context(), b))
		_, err := b.Acquire(t.Context(), guard.Claim{Key: "k", Holder: "b", TTL: 10 * time.Hour})
		require.NoError(t, err)
		s.shift(t, 3*time.Hour)
		_, err = b.Acquire(t.Context(), guard.Claim{Key: "k", Holder: "d", TTL: time.Hour})
		require.NoError(t, err)
		fields, err := s.admin(t).HKeys(t.Context(), "a:{lease:k}").Result()
		require.NoError(t, err)
		assert.ElementsMatch(t, []string{"holder", "fence", "until"}, fields)
	})
}

// TestOrder specifies what depends on the order of times.
func TestOrder(t *testing.T) {
	t.Parallel()
	acquire := func(t *testing.T, b *redis.Backend, holder string, ttl time.Duration) guard.Lease {
		t.Helper()
		got, err := b.Acquire(t.Context(), guard.Claim{Key: "k", Holder: holder, TTL: ttl, Place: time.Hour})
		require.NoError(t, err)
		return got
	}
	t.Run("a queue keeps its order although the clock is set back", func(t *testing.T) {
		t.Parallel()
		s := newClockedServer(t)
		b := s.open(t, "a")
		held := acquire(t, b, "a", time.Hour)
		acquire(t, b, "b", time.Hour)
		s.shift(t, -time.Minute)
		acquire(t, b, "c", time.Hour)
		_, err := b.Release(t.Context(), guard.Release{Key: "k", Holder: "a", Fence: held.Fence})
		require.NoError(t, err)
		assert.Zero(t, acquire(t, b, "c", time.Hour).Fence)
		assert.Positive(t, acquire(t, b, "b", time.Hour).Fence)
	})
	t.Run("a fact outlives later leases that are shorter", func(t *testing.T) {
		t.Parallel()
		s := newClockedServer(t)
		b := s.open(t, "a")
		fact := guard.Fact{Value: []byte("x"), TTL: 10 * time.Hour}
		held := acquire(t, b, "a", time.Minute)
		_, err := b.Release(t.Context(), guard.Release{Key: "k", Holder: "a", Fence: held.Fence, Fact: &fact})
		require.NoError(t, err)
		acquire(t, b, "b", time.Minute)
		s.shift(t, 9*time.Hour)
		assert.Equal(t, "x", string(acquire(t, b, "c", time.Minute).Fact.Value))
	})
	t.Run("facts that are only written drop what has expired", func(t *testing.T) {
		t.Parallel()
		s := newClockedServer(t)
		b := s.open(t, "a")
		require.NoError(t, b.PutFact(t.Context(), "old", guard.Fact{Value: []byte("x"), TTL: time.Minute}))
		s.shift(t, 2*time.Minute)
		require.NoError(t, b.PutFact(t.Context(), "new", guard.Fact{Value: []byte("x"), TTL: time.Hour}))
		names, err := s.admin(t).HKeys(t.Context(), "a:{facts:}").Result()
		require.NoError(t, err)
		assert.Equal(t, []string{"new"}, names)
	})
}

// TestRoundTrips counts how often the server read from its clients.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	b, admin := s.open(t, "a"), s.admin(t)
	require.NoError(t, useAll(t.Context(), b)) // the server now knows the scripts
	reads := func() int {
		info, err := admin.Info(t.Context(), "stats").Result()
		require.NoError(t, err)
		_, after, _ := strings.Cut(info, "total_reads_processed:")
		text, _, _ := strings.Cut(after, "\r\n")
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		return n
	}
	for name, call := range map[string]func(context.Context) error{
		"Acquire": func(ctx context.Context) error {
			_, err := b.Acquire(ctx, guard.Claim{Key: "x", Holder: "a", TTL: time.Hour})
			return err
		},
		"Acquire that waits": func(ctx context.Context) error {
			_, err := b.Acquire(ctx, guard.Claim{Key: "k", Holder: "d", TTL: time.Hour, Place: time.Hour})
			return err
		},
		"Release": func(ctx context.Context) error {
			_, err := b.Release(ctx, guard.Release{Key: "k", Holder: "a", Fence: 1})
			return err
		},
		"PutFact": func(ctx context.Context) error { return b.PutFact(ctx, "n", guard.Fact{}) },
		"Facts":   func(ctx context.Context) error { _, err := b.Facts(ctx); return err },
		"Take": func(ctx context.Context) error {
			_, err := b.Take(ctx, guard.Take{Key: "k", N: 1, Limit: 1, Window: time.Hour})
			return err
		},
		"Seen": func(ctx context.Context) error { _, err := b.Seen(ctx, "d"); return err },
		"Mark": func(ctx context.Context) error { return b.Mark(ctx, "d") },
	} {
		t.Run(name+" is one round trip", func(t *testing.T) {
			before := reads()
			require.NoError(t, call(t.Context()))
			assert.Equal(t, before+2, reads(), "and one to count")
		})
	}
	t.Run("a server that has forgotten the scripts gets them again", func(t *testing.T) {
		require.NoError(t, admin.ScriptFlush(t.Context()).Err())
		require.NoError(t, useAll(t.Context(), b))
	})
}

func TestFences(t *testing.T) {
	t.Parallel()
	for name, between := range map[string]func(*testing.T, *server, *goredis.Client){
		"the server has lost its data": func(t *testing.T, _ *server, admin *goredis.Client) {
			t.Helper()
			require.NoError(t, admin.FlushAll(t.Context()).Err())
		},
		"the server was killed": func(t *testing.T, s *server, _ *goredis.Client) { t.Helper(); s.kill(t); s.start(t) },
		"the key has expired":   func(t *testing.T, s *server, _ *goredis.Client) { t.Helper(); s.shift(t, 24*time.Hour) },
		"the clock was set back by four minutes": func(t *testing.T, s *server, _ *goredis.Client) {
			t.Helper()
			s.shift(t, -4*time.Minute)
		},
		"the clock was ahead by an hour until then": func(t *testing.T, s *server, _ *goredis.Client) {
			t.Helper()
			s.shift(t, -time.Hour)
			b := s.open(t, "a")
			got, err := b.Acquire(t.Context(), guard.Claim{Key: "k", Holder: "a", TTL: time.Minute})
			require.NoError(t, err)
			_, err = b.Release(t.Context(), guard.Release{Key: "k", Holder: "a", Fence: got.Fence})
			require.NoError(t, err)
			s.shift(t, -50*time.Minute)
		},
	} {
		t.Run("a fence is greater than the one before although "+name, func(t *testing.T) {
			t.Parallel()
			s := newClockedServer(t)
			b, admin := s.open(t, "a"), s.admin(t)
			before, err := b.Acquire(t.Context(), guard.Claim{Key: "k", Holder: "a", TTL: time.Hour})
			require.NoError(t, err)
			_, err = b.Release(t.Context(), guard.Release{Key: "k", Holder: "a", Fence: before.Fence})
			require.NoError(t, err)
			between(t, s, admin)
			var after guard.Lease
			for range 2 { // the connection may be that of the server before
				after, err = b.Acquire(t.Context(), guard.Claim{Key: "k", Holder: "b", TTL: time.Hour})
				if err == nil {
					break
				}
			}
			require.NoError(t, err)
			assert.Greater(t, after.Fence, before.Fence)
			late, err := b.Release(t.Context(), guard.Release{Key: "k", Holder: "a", Fence: before.Fence})
			require.NoError(t, err)
			assert.False(t, late)
		})
	}
	t.Run("fences and times are whole numbers for centuries", func(t *testing.T) {
		t.Parallel()
		s := newClockedServer(t)
		b := s.open(t, "a")
		s.shift(t, 220*365*24*time.Hour)
		last := int64(8_700_000_000_000_000)
		for range 3 {
			got, err := b.Acquire(t.Context(), guard.Claim{Key: "k", Holder: "a", TTL: time.Hour})
			require.NoError(t, err)
			require.Greater(t, got.Fence, last)
			last = got.Fence
			held, err := b.Release(t.Context(), guard.Release{Key: "k", Holder: "a", Fence: got.Fence})
			require.NoError(t, err)
			require.True(t, held, "the server stored the same number")
		}
	})
}
