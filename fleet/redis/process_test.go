package redis_test

// This file proves with processes of their own what an application shares through Redis.

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/fleet/redis"
	"github.com/bankmux/bankmux/internal/fleetproof"
)

// openShared opens the backend in a process that a test started.
func openShared(_ context.Context, url string, patient bool) (fleetproof.Shared, error) {
	if patient {
		return redis.NewPatient(url, redis.Options{})
	}
	return redis.Open(url, redis.Options{})
}

func TestProcesses(t *testing.T) {
	t.Parallel()
	fleetproof.Run(t, func(t *testing.T) *fleetproof.Server {
		s := newClockedServer(t)
		return &fleetproof.Server{
			URL: s.url, Own: s.open(t, "bankmux"), Advance: s.advance, Turn: s.turn,
			Waiting: func() int { return s.waiting(t) }, Stored: s.stored,
		}
	})
}

// TestOutage specifies that calls go on while Redis is away, and after it has lost its data.
func TestOutage(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]struct {
		fail, restore func(*server, testing.TB)
	}{
		"calls go on while Redis hangs":                          {(*server).suspend, (*server).resume},
		"calls go on while Redis is down, and it restarts empty": {(*server).kill, (*server).start},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			fleetproof.Outage(t, s.url,
				func(t testing.TB) { fails.fail(s, t) }, func(t testing.TB) { fails.restore(s, t) })
		})
	}
	t.Run("calls go on while Redis loses its data", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		admin := s.admin(t)
		fleetproof.DataLoss(t, s.url, func(t testing.TB) { require.NoError(t, admin.FlushAll(t.Context()).Err()) })
	})
}

// The start and the end of the key of a turn.
const (
	turnStart = "bankmux:{lease:"
	turnEnd   = "}"
)

// turn returns the only lease.
func (s *server) turn(t *testing.T) fleetproof.Turn {
	t.Helper()
	admin := s.admin(t)
	keys := admin.Keys(t.Context(), turnStart+"*"+turnEnd).Val()
	require.Len(t, keys, 1)
	fields := admin.HGetAll(t.Context(), keys[0]).Val()
	fence, err := strconv.ParseInt(fields["fence"], 10, 64)
	require.NoError(t, err)
	return fleetproof.Turn{
		Key:    strings.TrimSuffix(strings.TrimPrefix(keys[0], turnStart), turnEnd),
		Holder: fields["holder"], Fence: fence, Fact: []byte(fields["value"]),
	}
}

// waiting returns how many places all queues have.
func (s *server) waiting(t *testing.T) (n int) {
	t.Helper()
	admin := s.admin(t)
	for _, key := range admin.Keys(context.Background(), "*:queue").Val() {
		n += int(admin.ZCard(context.Background(), key).Val())
	}
	return n
}

// stored returns all names and values of hashes.
func (s *server) stored(t *testing.T) (all []string) {
	t.Helper()
	admin := s.admin(t)
	for _, key := range admin.Keys(t.Context(), "*").Val() {
		for field, value := range admin.HGetAll(t.Context(), key).Val() { // empty unless the key is a hash
			all = append(all, key+" "+field+" "+value)
		}
	}
	return all
}
