package redis_test

// This file specifies servers that refuse, or must not be used.

import (
	"context"
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/fleet/redis"
	"github.com/bankmux/bankmux/guard"
)

// as returns the URL of the server with a user and a password.
func (s *server) as(user, password string) string {
	return strings.Replace(s.url, "unix://", "unix://"+url.UserPassword(user, password).String()+"@", 1)
}

// at opens a URL.
func at(t testing.TB, address string, opts redis.Options) *redis.Backend {
	t.Helper()
	b, err := redis.NewPatient(address, opts)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

func TestPassword(t *testing.T) {
	t.Parallel()
	s := newServer(t, "--requirepass", "open-sesame")
	for name, c := range map[string]struct{ url, text string }{
		"a wrong password": {s.as("default", "hunter2"), "the server refused user and password (WRONGPASS)"},
		"an unknown user":  {s.as("rosa", "hunter2"), "the server refused user and password (WRONGPASS)"},
		"no password":      {s.url, "the server requires a password (NOAUTH)"},
	} {
		t.Run(name+" is an error without it", func(t *testing.T) {
			t.Parallel()
			require.EqualError(t, at(t, c.url, redis.Options{}).Check(t.Context()), "redis: Check: "+c.text)
		})
	}
	t.Run("the password of the URL opens the server", func(t *testing.T) {
		t.Parallel()
		require.NoError(t, at(t, s.as("", "open-sesame"), redis.Options{}).Check(t.Context()))
	})
	t.Run("Credentials are used instead, and their error is not shown", func(t *testing.T) {
		t.Parallel()
		var err error
		b := at(t, s.as("default", "hunter2"), redis.Options{
			Credentials: func(context.Context) (string, bankmux.Secret, error) {
				return "default", bankmux.NewSecret("open-sesame"), err
			},
		})
		err = errors.New("open-sesame")
		require.EqualError(t, b.Check(t.Context()), "redis: Check: Options.Credentials failed (*errors.errorString)")
		err = nil
		require.NoError(t, b.Check(t.Context()))
	})
}

// documentedPermissions returns those of the package's comment.
func documentedPermissions(t *testing.T) (all []any) {
	t.Helper()
	text, err := os.ReadFile("redis.go")
	require.NoError(t, err)
	_, line, found := strings.Cut(string(text), "\n//\t~")
	require.True(t, found)
	line, _, _ = strings.Cut(line, "\n//\n")
	for rule := range strings.FieldsSeq("~" + strings.ReplaceAll(line, "//", "")) {
		all = append(all, rule)
	}
	return all
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	admin := s.admin(t)
	documented := documentedPermissions(t)
	user := func(t *testing.T, name string, rules ...any) *redis.Backend {
		t.Helper()
		command := append([]any{"ACL", "SETUSER", name, "reset", "on", ">pass"}, rules...)
		require.NoError(t, admin.Do(t.Context(), command...).Err())
		return at(t, s.as(name, "pass"), redis.Options{})
	}
	t.Run("the documented permissions are enough", func(t *testing.T) {
		t.Parallel()
		b := user(t, "enough", documented...)
		require.NoError(t, b.Check(t.Context()))
		require.NoError(t, useAll(t.Context(), b))
	})
	t.Run("the documented permissions reach nothing of other applications", func(t *testing.T) {
		t.Parallel()
		user(t, "confined", documented...)
		opts, err := goredis.ParseURL(s.as("confined", "pass"))
		require.NoError(t, err)
		client := goredis.NewClient(opts)
		t.Cleanup(func() { assert.NoError(t, client.Close()) })
		for _, line := range []string{
			"FLUSHALL", "FLUSHDB", "KEYS *", "SCAN 0", "RANDOMKEY", "DBSIZE", "SWAPDB 0 1", "SCRIPT FLUSH",
			"SCRIPT KILL", "FUNCTION FLUSH", "CLIENT LIST", "CLIENT KILL TYPE normal", "CLIENT PAUSE 1000",
			"CONFIG GET *", "ACL LIST", "MONITOR", "SHUTDOWN", "MIGRATE h 1 bankmux:a 0 1",
			"COPY bankmux:a other:a", "SET other:a 1", "EXISTS other:a", "SORT bankmux:a BY other:*",
		} {
			var command []any
			for word := range strings.FieldsSeq(line) {
				command = append(command, word)
			}
			require.ErrorContains(t, client.Do(t.Context(), command...).Err(), "NOPERM", line)
		}
		script := client.Eval(t.Context(), "return redis.call('FLUSHALL')", nil)
		require.ErrorContains(t, script.Err(), "can't run this command", "a script has the user's permissions")
	})
	t.Run("a user that may not use INFO is refused, since it has the eviction policy", func(t *testing.T) {
		t.Parallel()
		b := user(t, "blind", append(documented, "-info")...)
		require.EqualError(t, b.Check(t.Context()),
			"redis: Check: the user may not use INFO, which has the eviction policy (NOPERM)")
	})
	t.Run("an error names neither user nor key", func(t *testing.T) {
		t.Parallel()
		b := user(t, "rosa", append(documented, "resetkeys", "~other:*")...)
		require.EqualError(t, b.Check(t.Context()), "redis: Check: the user lacks a permission (NOPERM)")
	})
	t.Run("a command that is missing is an error without its arguments", func(t *testing.T) {
		t.Parallel()
		renamed := newServer(t, "--rename-command", "EVALSHA", "")
		require.EqualError(t, renamed.open(t, "a").Check(t.Context()),
			"redis: Check: the server responded with an error (ERR)")
	})
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"allkeys-lru", "allkeys-random", "volatile-lru", "volatile-ttl"} {
		t.Run("a server with "+policy+" is refused until it is right", func(t *testing.T) {
			t.Parallel()
			s := newServer(t, "--maxmemory-policy", policy)
			b := s.open(t, "a")
			text := "the eviction policy of the server is " + policy + ", but must be noeviction"
			require.EqualError(t, b.Check(t.Context()), "redis: Check: "+text)
			_, err := b.Take(t.Context(), guard.Take{Key: "k", N: 1, Limit: 1, Window: time.Hour})
			require.EqualError(t, err, "redis: Take: "+text)
			require.Error(t, useAll(t.Context(), b))
			assert.Zero(t, s.admin(t).DBSize(t.Context()).Val(), "nothing was stored")
			require.NoError(t, s.admin(t).ConfigSet(t.Context(), "maxmemory-policy", "noeviction").Err())
			require.NoError(t, useAll(t.Context(), b))
		})
	}
	t.Run("a policy that is changed later is noticed by the next connection", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		b, err := redis.NewShort(s.url, "a")
		require.NoError(t, err)
		t.Cleanup(b.Close)
		require.NoError(t, b.Check(t.Context()))
		require.NoError(t, s.admin(t).ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lfu").Err())
		require.Eventually(t, func() bool { return b.Check(t.Context()) != nil }, patience, time.Millisecond)
		require.EqualError(t, b.Check(t.Context()),
			"redis: Check: the eviction policy of the server is allkeys-lfu, but must be noeviction")
	})
	t.Run("a connection lives for a minute or so", func(t *testing.T) {
		t.Parallel()
		assert.LessOrEqual(t, redis.LongestConn("redis://h"), 75*time.Second)
		assert.Positive(t, redis.LongestConn("redis://h"))
	})
}

func TestFullMemory(t *testing.T) {
	t.Parallel()
	t.Run("a server whose memory is full refuses leases and takes them back", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		b := s.open(t, "a")
		got, err := b.Acquire(t.Context(), guard.Claim{Key: "k", Holder: "a", TTL: time.Hour})
		require.NoError(t, err)
		require.NoError(t, s.admin(t).ConfigSet(t.Context(), "maxmemory", "1").Err())
		_, err = b.Acquire(t.Context(), guard.Claim{Key: "k2", Holder: "a", TTL: time.Hour})
		require.EqualError(t, err, "redis: Acquire: the memory of the server is full (OOM)")
		require.EqualError(t, b.Check(t.Context()), "redis: Check: the memory of the server is full (OOM)")
		left := guard.Fact{Value: []byte("x"), TTL: time.Hour}
		held, err := b.Release(t.Context(), guard.Release{Key: "k", Holder: "a", Fence: got.Fence, Fact: &left})
		require.NoError(t, err)
		assert.True(t, held)
		require.NoError(t, s.admin(t).ConfigSet(t.Context(), "maxmemory", "0").Err())
		got, err = b.Acquire(t.Context(), guard.Claim{Key: "k", Holder: "b", TTL: time.Hour})
		require.NoError(t, err)
		assert.Positive(t, got.Fence)
		assert.Equal(t, "x", string(got.Fact.Value))
	})
}
