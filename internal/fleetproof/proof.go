// Package fleetproof has the tests of what holds between processes that share a fleet. Each backend
// runs them with a server of its own:
//
//	func TestMain(m *testing.M) {
//		fleetproof.Main(open) // a process that a test started ends here
//		leak.Main(m)
//	}
//
//	func TestProcesses(t *testing.T) { fleetproof.Run(t, newServer) }
//
// The processes are the test binary itself, started again. They get orders from the test and meet
// at a virtual bank in the test's process, which counts the calls that overlap.
package fleetproof

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/guard"
)

// Server is an empty server of a backend, with what only its package can do there.
type Server struct {
	URL string        // what the open function of [Main] gets
	Own guard.Backend // opened by the test's process
	// Advance moves the clock of the server.
	Advance func(t testing.TB, d time.Duration)
	// Turn returns the only lease of a connection, and Waiting how many places its queue has.
	Turn    func(t *testing.T) Turn
	Waiting func() int
	// Stored returns everything that is stored, as text.
	Stored func(t *testing.T) []string
}

// Turn is a lease as the server stores it.
type Turn struct {
	Key, Holder string
	Fence       int64
	Fact        []byte
}

// Run runs the tests. Start returns a new server each time, which ends by t.Cleanup.
func Run(t *testing.T, start func(t *testing.T) *Server) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(t *testing.T, start func(t *testing.T) *Server)
	}{
		{"four processes and one token make no overlapping calls", fourProcesses},
		{"without a fleet the calls of two processes overlap", withoutAFleet},
		{"a killed process loses its turn, and its fence is refused", aKilledProcess},
		{"a challenge is parked in one process and answered in another", aChallenge},
		{"a thousand tokens that expire together make one request", aThousandTokens},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, start)
		})
	}
}

func fourProcesses(t *testing.T, start func(t *testing.T) *Server) {
	s := start(t)
	b := newBank(t, 1)
	b.app.Backend = s.URL
	var all []*process
	for range 4 {
		p := b.app.start(t)
		p.send(t, order{Callers: 4, Reads: 5})
		all = append(all, p)
	}
	for _, p := range all {
		out := p.outcome(t)
		assert.Empty(t, out.Errors)
		assert.Equal(t, 20, out.Read)
		assert.Zero(t, out.Fleet)
	}
	assert.Equal(t, tally{served: 80}, b.tally(), "no call overlapped with another")
}

// withoutAFleet shows that the bank notices calls that overlap.
func withoutAFleet(t *testing.T, _ func(t *testing.T) *Server) {
	b := newBank(t, 1)
	arrived, proceed := b.stepped()
	first, second := b.app.start(t), b.app.start(t)
	first.send(t, order{Callers: 1, Reads: 1})
	second.send(t, order{Callers: 1, Reads: 1})
	<-arrived
	<-arrived
	assert.Equal(t, 1, b.tally().overlaps)
	close(proceed)
	first.outcome(t)
	second.outcome(t)
}

// The times for which the turn of a process lasts that died during a call for data at Dapi.
const (
	deadline      = 125 * time.Second // of the call
	providerLimit = 240 * time.Second // Dapi's own
)

func aKilledProcess(t *testing.T, start func(t *testing.T) *Server) {
	s := start(t)
	b := newBank(t, 1)
	arrived, proceed := b.stepped()
	b.app.Backend = s.URL
	dead, next := b.app.start(t), b.app.start(t)
	since := time.Now()
	dead.send(t, order{Callers: 1, Reads: 1})
	<-arrived // its call is under way
	took := time.Since(since)
	turn := s.Turn(t)
	dead.kill(t)

	next.send(t, order{Callers: 1, Reads: 1})
	require.Eventually(t, func() bool { return s.Waiting() == 1 }, maxWait, 10*time.Millisecond)
	s.Advance(t, deadline+providerLimit-30*time.Second-time.Since(since)) // on a slow machine, it took long
	assert.Equal(t, turn.Holder, s.Turn(t).Holder, "Dapi may still work on the call")
	select {
	case <-arrived:
		require.Fail(t, "the next process did not wait for its turn")
	default:
	}
	s.Advance(t, 31*time.Second+took) // it got its turn after the start
	<-arrived
	held, err := s.Own.Release(t.Context(), guard.Release{
		Key: turn.Key, Holder: turn.Holder, Fence: turn.Fence,
		Fact: &guard.Fact{Value: []byte("late"), TTL: time.Hour},
	})
	require.NoError(t, err)
	assert.False(t, held, "the fence of the dead process is refused")
	after := s.Turn(t)
	assert.NotEqual(t, turn.Holder, after.Holder, "the next process has the turn")
	assert.Greater(t, after.Fence, turn.Fence)
	assert.Empty(t, after.Fact)
	proceed <- struct{}{}
	out := next.outcome(t)
	assert.Empty(t, out.Errors)
	assert.Equal(t, 1, out.Read)
	assert.Zero(t, out.Fleet.Unleased)
	assert.Zero(t, b.tally().overlaps)
}

func aChallenge(t *testing.T, start func(t *testing.T) *Server) {
	s := start(t)
	b := newBank(t, 1)
	b.app.Backend = s.URL
	require.NoError(t, b.RequireInput(b.conns[0].Reference(), "", []string{"otp"}))
	first, second := b.app.start(t), b.app.start(t)
	once := order{Callers: 1, Reads: 1}
	asked := first.do(t, once)
	require.NotNil(t, asked.Challenge, asked.Errors)
	assert.False(t, asked.NotSent)

	refused := second.do(t, once)
	require.NotNil(t, refused.Challenge, "the other process knows it")
	assert.True(t, refused.NotSent, "and does not end it by another call")
	assert.Equal(t, asked.Challenge.ID, refused.Challenge.ID)
	assert.Equal(t, 1, b.tally().served)
	s.requireNoSecrets(t, append(b.secrets(), asked.Challenge.ID))

	answered := second.do(t, order{Callers: 1, Reads: 1, Challenge: refused.Challenge, Answer: "123456"})
	assert.Empty(t, answered.Errors)
	assert.Equal(t, 1, answered.Read)
	assert.Equal(t, 1, first.do(t, once).Read, "the first process learns that it was answered")
}

// requireNoSecrets requires that the server stores something, and no secret.
func (s *Server) requireNoSecrets(t *testing.T, secrets []string) {
	t.Helper()
	stored := s.Stored(t)
	require.NotEmpty(t, stored)
	for _, secret := range secrets {
		require.NotEmpty(t, secret)
		for _, text := range stored {
			if strings.Contains(text, secret) {
				require.Fail(t, "a secret is stored in clear")
			}
		}
	}
}

// aThousandTokens lets a thousand sources in four processes need MoneyKit's token at once. At first
// there is none, and then it is refused everywhere.
func aThousandTokens(t *testing.T, start func(t *testing.T) *Server) {
	s := start(t)
	b := newBank(t, 0)
	b.app.Backend, b.app.Sources = s.URL, 250
	var all []*process
	for range 4 {
		all = append(all, b.app.start(t))
	}
	for requests := 1; requests <= 2; requests++ {
		for _, p := range all {
			p.send(t, order{Tokens: true})
		}
		for _, p := range all {
			out := p.outcome(t)
			assert.Empty(t, out.Errors)
			assert.Equal(t, b.app.Sources, out.Read)
			assert.Zero(t, out.Fleet)
		}
		assert.Equal(t, requests, b.tally().tokens)
	}
	s.requireNoSecrets(t, []string{b.app.Keys.MoneyKit.ClientSecret})
}

// Shared is a backend as a process opens it.
type Shared interface {
	guard.Backend
	Close()
}

// open is the function that [Main] got.
type open func(ctx context.Context, url string, patient bool) (Shared, error)
