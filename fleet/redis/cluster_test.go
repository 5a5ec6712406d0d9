package redis_test

// This file specifies the backend on a cluster.

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/fleet/redis"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/guard/fleettest"
	"github.com/bankmux/bankmux/internal/loopback"
)

// newNode starts a node of a cluster.
func newNode(t testing.TB) (*server, *goredis.Client) {
	t.Helper()
	const port, bus = "6379", "16379"
	host := loopback.Host()
	s := newClockedServer(t, "--bind", host, "--cluster-announce-ip", host, "--port", port, "--cluster-port", bus,
		"--cluster-enabled", "yes", "--cluster-node-timeout", "2000000000", "--protected-mode", "no")
	s.url = "redis://" + net.JoinHostPort(host, port)
	return s, s.admin(t)
}

func TestCluster(t *testing.T) {
	t.Parallel()
	first, a := newNode(t)
	second, b := newNode(t)
	const half = 8192
	require.NoError(t, a.ClusterAddSlotsRange(t.Context(), 0, half-1).Err())
	require.NoError(t, b.ClusterAddSlotsRange(t.Context(), half, 2*half-1).Err())
	host, port, _ := strings.Cut(strings.TrimPrefix(second.url, "redis://"), ":")
	require.NoError(t, a.Do(t.Context(), "CLUSTER", "MEET", host, port, busPort(t, b)).Err())
	for _, node := range []*goredis.Client{a, b} {
		require.Eventually(t, func() bool {
			return strings.Contains(node.ClusterInfo(t.Context()).Val(), "cluster_state:ok")
		}, patience, time.Millisecond)
	}
	open := func(t *testing.T, namespace string) *redis.Backend {
		t.Helper()
		b, err := redis.NewPatient(first.url, redis.Options{Namespace: namespace, Cluster: true})
		require.NoError(t, err)
		t.Cleanup(b.Close)
		return b
	}
	fleettest.Run(t, func(t *testing.T) fleettest.Fixture {
		t.Helper()
		shift := time.Duration(0)
		move := func(d time.Duration) {
			shift += d
			first.shift(t, shift)
			second.shift(t, shift)
		}
		move(0)
		require.NoError(t, a.FlushAll(t.Context()).Err())
		require.NoError(t, b.FlushAll(t.Context()).Err())
		b := open(t, "a")
		return fleettest.Fixture{
			Backend: b, Seen: b, Advance: move, PutBack: func(d time.Duration) { move(-d) },
			Second: func(t *testing.T) guard.Backend { t.Helper(); return open(t, "a") },
			Other:  func(t *testing.T) guard.Backend { t.Helper(); return open(t, "b") },
		}
	})
	t.Run("names are spread over the nodes", func(t *testing.T) {
		c := open(t, "a")
		for i := range 20 {
			_, err := c.Take(t.Context(), guard.Take{Key: strconv.Itoa(i), N: 1, Limit: 1, Window: time.Hour})
			require.NoError(t, err)
		}
		assert.Positive(t, a.DBSize(t.Context()).Val())
		assert.Positive(t, b.DBSize(t.Context()).Val())
	})
	t.Run("the cluster is asked each second which nodes serve which keys, for a failover", func(t *testing.T) {
		assert.Positive(t, redis.SlotsAge(first.url))
		assert.LessOrEqual(t, redis.SlotsAge(first.url), time.Second)
	})
	t.Run("a client that does not expect a cluster is refused", func(t *testing.T) {
		c := first.open(t, "x")
		var err error
		for i := range 20 {
			_, failed := c.Take(t.Context(), guard.Take{Key: strconv.Itoa(i), N: 1, Limit: 1, Window: time.Hour})
			if failed != nil {
				err = failed
			}
		}
		require.EqualError(t, err, "redis: Take: the server is part of a cluster, so set Options.Cluster (MOVED)")
	})
}

// busPort returns the port on which a node talks to others.
func busPort(t testing.TB, node *goredis.Client) string {
	t.Helper()
	port, err := node.ConfigGet(t.Context(), "cluster-port").Result()
	require.NoError(t, err)
	return port["cluster-port"]
}
