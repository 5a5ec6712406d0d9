package token_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/token"
	"github.com/bankmux/bankmux/guard"
)

// issuer gives tokens that differ.
type issuer struct {
	mu      sync.Mutex
	fetches int
	takes   time.Duration
}

func (e *issuer) fetch(context.Context) (token.Token, error) {
	time.Sleep(e.takes)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fetches++
	return token.Token{Value: bankmux.NewSecret("token-" + strconv.Itoa(e.fetches)), Lifetime: time.Hour}, nil
}

// broken is a backend that fails.
type broken struct{ guard.Backend }

func (broken) Acquire(context.Context, guard.Claim) (guard.Lease, error) {
	return guard.Lease{}, errors.New("no")
}

func (broken) Facts(context.Context) (map[string]guard.Fact, error) {
	return nil, errors.New("no")
}

func ring(t *testing.T) *bankmux.Keyring {
	t.Helper()
	keys, err := bankmux.NewKeyring(bankmux.Key{ID: "k", Material: bankmux.NewSecret(strings.Repeat("k", 32))})
	require.NoError(t, err)
	return keys
}

// process returns the source of one process.
func process(t *testing.T, b guard.Backend, e *issuer) *token.Source {
	t.Helper()
	f, err := guard.NewFleet(b, ring(t), guard.FleetOptions{})
	require.NoError(t, err)
	return token.NewSource(10*time.Second, e.fetch).Share(f, "application")
}

// TestShare specifies how processes fetch one token for all.
func TestShare(t *testing.T) {
	t.Parallel()
	t.Run("a thousand tokens that expire together make one request", aThousandTokensMakeOneRequest)
	t.Run("a process that dies while it fetches for a thousand costs one more request", aDeathCostsOneRequest)
	t.Run("if two die in a row, the rest fetches at different times", twoDeathsCauseNoRush)
	t.Run("a token is renewed before it ends, by one process for all", aTokenIsRenewedByOneProcess)
	t.Run("a token that was refused is fetched once for all", aRefusedTokenIsFetchedOnce)
	t.Run("a process that hangs or a backend that fails costs no token", aFailureCostsNoToken)
	t.Run("tokens of other applications are apart", tokensOfOtherApplicationsAreApart)
}

func aThousandTokensMakeOneRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, e := guard.NewMemory(), &issuer{takes: time.Second}
		var all []*token.Source
		for range 1000 {
			all = append(all, process(t, b, e))
		}
		for round := range 3 {
			var wait sync.WaitGroup
			for _, s := range all {
				wait.Go(func() {
					got, err := s.Token(t.Context())
					assert.NoError(t, err)
					assert.Equal(t, "token-"+strconv.Itoa(round+1), got.Reveal())
				})
			}
			wait.Wait()
			assert.Equal(t, round+1, e.fetches)
			time.Sleep(time.Hour)
		}
	})
}

// waiting starts processes that wait for one that hangs.
func waiting(t *testing.T, n int, takes ...time.Duration) (fetches func() []time.Duration) {
	t.Helper()
	b := guard.NewMemory()
	start := time.Now()
	var mu sync.Mutex
	var at []time.Duration
	fetch := func(ctx context.Context) (token.Token, error) {
		mu.Lock()
		at = append(at, time.Since(start))
		took := takes[min(len(at), len(takes))-1]
		mu.Unlock()
		select {
		case <-time.After(took):
			return token.Token{Value: bankmux.NewSecret("token"), Lifetime: time.Hour}, nil
		case <-ctx.Done():
			return token.Token{}, ctx.Err()
		}
	}
	var wait sync.WaitGroup
	failed := 0
	for range n {
		f, err := guard.NewFleet(b, ring(t), guard.FleetOptions{})
		require.NoError(t, err)
		s := token.NewSource(10*time.Second, fetch).Share(f, "application")
		wait.Go(func() {
			if _, err := s.Token(t.Context()); err != nil {
				mu.Lock()
				failed++
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	assert.LessOrEqual(t, failed, len(takes)-1, "those that hung")
	return func() []time.Duration { return at }
}

func aDeathCostsOneRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		requests := len(waiting(t, 1000, time.Hour, 500*time.Millisecond)())
		assert.Equal(t, 2, requests)
	})
}

func twoDeathsCauseNoRush(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		perTenth := map[time.Duration]int{}
		const tenth = 100 * time.Millisecond
		for _, at := range waiting(t, 400, time.Hour, time.Hour, 500*time.Millisecond)() {
			perTenth[at.Truncate(tenth)]++
		}
		for after, n := range perTenth {
			assert.LessOrEqual(t, n, 100, "after %s", after)
		}
	})
}

func aTokenIsRenewedByOneProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, e := guard.NewMemory(), &issuer{}
		first, second := process(t, b, e), process(t, b, e)
		for _, want := range []string{"token-1", "token-2"} {
			for _, s := range []*token.Source{first, second} {
				got, err := s.Token(t.Context())
				require.NoError(t, err)
				assert.Equal(t, want, got.Reveal())
			}
			time.Sleep(55 * time.Minute) // of an hour
		}
		assert.Equal(t, 2, e.fetches)
	})
}

func aRefusedTokenIsFetchedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, e := guard.NewMemory(), &issuer{}
		first, second := process(t, b, e), process(t, b, e)
		for _, s := range []*token.Source{first, second} {
			got, err := s.Token(t.Context())
			require.NoError(t, err)
			assert.Equal(t, "token-1", got.Reveal())
		}
		synctest.Wait()
		for _, s := range []*token.Source{first, second} {
			s.Invalidate(bankmux.NewSecret("token-1"))
			got, err := s.Token(t.Context())
			require.NoError(t, err)
			assert.Equal(t, "token-2", got.Reveal())
		}
		assert.Equal(t, 2, e.fetches)
	})
}

func aFailureCostsNoToken(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]func() guard.Backend{
		"hangs": func() guard.Backend { return guard.NewMemory() },
		"fails": func() guard.Backend { return broken{guard.NewMemory()} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				shared := b()
				healthy := process(t, shared, &issuer{})
				var wait sync.WaitGroup
				for range 3 { // each has its turn before the healthy one
					hanging := process(t, shared, &issuer{takes: time.Minute})
					wait.Go(func() { _, _ = hanging.Token(t.Context()) })
					synctest.Wait()
				}
				got, err := healthy.Token(t.Context())
				require.NoError(t, err)
				assert.Equal(t, "token-1", got.Reveal())
				wait.Wait()
			})
		})
	}
}

func tokensOfOtherApplicationsAreApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, e := guard.NewMemory(), &issuer{}
		for want, name := range []string{"one", "two"} {
			f, err := guard.NewFleet(b, ring(t), guard.FleetOptions{})
			require.NoError(t, err)
			got, err := token.NewSource(time.Second, e.fetch).Share(f, name).Token(t.Context())
			require.NoError(t, err)
			assert.Equal(t, "token-"+strconv.Itoa(want+1), got.Reveal())
		}
		got, err := token.NewSource(time.Second, e.fetch).Share(nil, "one").Token(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "token-3", got.Reveal(), "without a fleet each process has its own")
	})
}
