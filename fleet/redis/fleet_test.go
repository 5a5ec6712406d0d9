package redis_test

// This file specifies what processes share through Redis.

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/token"
	"github.com/bankmux/bankmux/guard"
)

// TestProcesses specifies what holds between processes that share one connection.
func TestProcesses(t *testing.T) {
	t.Parallel()
	t.Run("four processes and one token make no overlapping calls", fourProcesses)
	t.Run("without a fleet the calls of two processes overlap", withoutAFleet)
	t.Run("a killed process loses its turn, and its fence is refused", aKilledProcess)
	t.Run("a challenge is parked in one process and answered in another", aChallenge)
}

func fourProcesses(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	b := newBank(t, nil)
	b.app.Redis = s.url
	var all []*childProcess
	for range 4 {
		p := b.app.run(t)
		p.send(t, order{Callers: 4, Reads: 5})
		all = append(all, p)
	}
	for _, p := range all {
		out := p.outcome(t)
		assert.Empty(t, out.Errors)
		assert.Equal(t, 20, out.Read)
		assert.Zero(t, out.Fleet)
	}
	assert.EqualValues(t, 1, b.most.Load(), "calls at a time")
	assert.EqualValues(t, 80, b.served.Load())
}

// withoutAFleet shows that the count of overlapping calls is right.
func withoutAFleet(t *testing.T) {
	t.Parallel()
	var met sync.WaitGroup
	met.Add(2)
	b := newBank(t, func() { met.Done(); met.Wait() })
	first, second := b.app.run(t), b.app.run(t)
	first.send(t, order{Callers: 1, Reads: 1})
	second.send(t, order{Callers: 1, Reads: 1})
	met.Wait()
	assert.EqualValues(t, 2, b.most.Load())
	first.outcome(t)
	second.outcome(t)
}

func aKilledProcess(t *testing.T) {
	t.Parallel()
	s := newClockedServer(t)
	admin, own := s.admin(t), s.open(t, "bankmux")
	arrived, proceed := make(chan struct{}), make(chan struct{})
	b := newBank(t, func() { arrived <- struct{}{}; <-proceed })
	b.app.Redis = s.url
	dead, next := b.app.run(t), b.app.run(t)
	dead.send(t, order{Callers: 1, Reads: 1})
	<-arrived // its call is under way
	keys := admin.Keys(t.Context(), "bankmux:{lease:*turn*}").Val()
	require.Len(t, keys, 1)
	stored := admin.HGetAll(t.Context(), keys[0]).Val()
	fence, err := strconv.ParseInt(stored["fence"], 10, 64)
	require.NoError(t, err)
	late := guard.Release{
		Key:    strings.TrimSuffix(strings.TrimPrefix(keys[0], "bankmux:{lease:"), "}"),
		Holder: stored["holder"], Fence: fence, Fact: &guard.Fact{Value: []byte("late"), TTL: time.Hour},
	}
	require.NoError(t, dead.cmd.Process.Kill())
	proceed <- struct{}{}

	next.send(t, order{Callers: 1, Reads: 1})
	require.Eventually(t, func() bool { // it waits for its turn
		return admin.ZCard(t.Context(), keys[0]+":queue").Val() == 1
	}, time.Minute, time.Millisecond)
	assert.EqualValues(t, 1, b.most.Load())
	s.shift(t, 125*time.Second+240*time.Second) // the deadline of the call, and Dapi's own limit
	<-arrived
	held, err := own.Release(t.Context(), late)
	require.NoError(t, err)
	assert.False(t, held)
	after := admin.HGetAll(t.Context(), keys[0]).Val()
	assert.NotEqual(t, late.Holder, after["holder"], "the next process has the turn")
	assert.Empty(t, after["value"])
	proceed <- struct{}{}
	out := next.outcome(t)
	assert.Empty(t, out.Errors)
	assert.Equal(t, 1, out.Read)
	assert.Zero(t, out.Fleet.Unleased)
	assert.EqualValues(t, 1, b.most.Load(), "calls at a time")
}

func aChallenge(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	b := newBank(t, nil)
	b.app.Redis = s.url
	require.NoError(t, b.RequireInput(b.conn.Reference(), "", []string{"otp"}))
	first, second := b.app.run(t), b.app.run(t)
	once := order{Callers: 1, Reads: 1}
	asked := first.do(t, once)
	require.NotNil(t, asked.Challenge, asked.Errors)
	assert.False(t, asked.NotSent)

	refused := second.do(t, once)
	require.NotNil(t, refused.Challenge, "the other process knows it")
	assert.True(t, refused.NotSent, "and does not end it by another call")
	assert.Equal(t, asked.Challenge.ID, refused.Challenge.ID)
	assert.EqualValues(t, 1, b.served.Load())
	requireNoSecrets(t, s, append(b.secrets(), asked.Challenge.ID))

	answered := second.do(t, order{Callers: 1, Reads: 1, Challenge: refused.Challenge, Answer: "123456"})
	assert.Empty(t, answered.Errors)
	assert.Equal(t, 1, answered.Read)
	assert.Equal(t, 1, first.do(t, once).Read, "the first process learns that it was answered")
}

// requireNoSecrets requires that the server has something, and no secret.
func requireNoSecrets(t *testing.T, s *server, secrets []string) {
	t.Helper()
	require.NotEmpty(t, secrets)
	admin := s.admin(t)
	keys, err := admin.Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	values := 0
	for _, key := range keys {
		fields := admin.HGetAll(t.Context(), key).Val() // empty unless the key is a hash
		for field, value := range fields {
			values++
			for _, secret := range secrets {
				require.NotContains(t, key+" "+field+" "+value, secret)
			}
		}
	}
	require.Positive(t, values)
}

func TestToken(t *testing.T) {
	t.Parallel()
	t.Run("a thousand tokens that expire together make one request", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		backends := []guard.Backend{s.open(t, "a"), s.open(t, "a"), s.open(t, "a"), s.open(t, "a")}
		var fetches atomic.Int64
		var all []*token.Source
		for i := range 1000 {
			f, err := guard.NewFleet(backends[i%len(backends)], keyring(t), patient)
			require.NoError(t, err)
			fetch := func(context.Context) (token.Token, error) {
				return token.Token{
					Value: bankmux.NewSecret("token-" + strconv.FormatInt(fetches.Add(1), 10)), Lifetime: time.Hour,
				}, nil
			}
			all = append(all, token.NewSource(time.Minute, fetch).Share(f, "application"))
		}
		for _, want := range []string{"token-1", "token-2", "token-3"} {
			var wait sync.WaitGroup
			for _, source := range all {
				wait.Go(func() {
					got, err := source.Token(t.Context())
					assert.NoError(t, err)
					assert.Equal(t, want, got.Reveal())
				})
			}
			wait.Wait()
			for _, source := range all {
				source.Invalidate(bankmux.NewSecret(want)) // as if its time was over
			}
		}
		assert.EqualValues(t, 3, fetches.Load())
	})
}
