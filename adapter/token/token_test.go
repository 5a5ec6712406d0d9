package token_test

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/token"
)

// TestSource specifies when a token is fetched, for whom, and what an error means.
func TestSource(t *testing.T) {
	t.Parallel()
	t.Run("ten thousand callers cause one fetch", tenThousandCallersCauseOneFetch)
	t.Run("a token is renewed before it ends", aTokenIsRenewedBeforeItEnds)
	t.Run("a lifetime counts as one minute to one day", aLifetimeCountsAsOneMinuteToOneDay)
	t.Run("a caller that gives up does not end the fetch of the others", aCallerThatGivesUpDoesNotEndTheFetch)
	t.Run("a fetch ends at the budget and its failure is not cached", aFetchEndsAtTheBudgetAndItsFailureIsNotCached)
	t.Run("a refused fetch returns its error unchanged", aRefusedFetchReturnsItsErrorUnchanged)
	t.Run("a one-shot without a token is NotSent", aOneShotWithoutATokenIsNotSent)
	t.Run("a transport that panics fails only the fetch", aTransportThatPanicsFailsOnlyTheFetch)
	t.Run("a token that no header can carry is ErrMalformed and not cached", aTokenThatNoHeaderCanCarryIsErrMalformed)
}

// endpoint counts fetches, each of which takes a second.
func endpoint(fetches *atomic.Int32, lifetime time.Duration) func(context.Context) (token.Token, error) {
	return func(context.Context) (token.Token, error) {
		time.Sleep(time.Second)
		return token.Token{
			Value:    bankmux.NewSecret("token-" + strconv.Itoa(int(fetches.Add(1)))),
			Lifetime: lifetime,
		}, nil
	}
}

func tenThousandCallersCauseOneFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var fetches atomic.Int32
		s := token.NewSource(time.Minute, endpoint(&fetches, time.Hour))
		ask := func(want string) {
			var all sync.WaitGroup
			for range 10_000 {
				all.Go(func() {
					got, err := s.Token(t.Context())
					assert.NoError(t, err)
					assert.Equal(t, want, got.Reveal())
				})
			}
			all.Wait()
		}
		ask("token-1")
		time.Sleep(time.Hour)
		ask("token-2")
		assert.EqualValues(t, 2, fetches.Load())
		var all sync.WaitGroup
		for range 50 { // fifty answers say that token-2 expired
			all.Go(func() {
				s.Invalidate(bankmux.NewSecret("token-2"))
				got, err := s.Token(t.Context())
				assert.NoError(t, err)
				assert.Equal(t, "token-3", got.Reveal())
			})
		}
		all.Wait()
		s.Invalidate(bankmux.NewSecret("token-2")) // and one comes late
		got, err := s.Token(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "token-3", got.Reveal())
		assert.EqualValues(t, 3, fetches.Load())
	})
}

func aTokenIsRenewedBeforeItEnds(t *testing.T) {
	t.Parallel()
	for lifetime, good := range map[time.Duration]time.Duration{
		time.Hour:       53 * time.Minute, // ten percent early, and up to one more
		2 * time.Minute: 85 * time.Second, // thirty seconds early, and up to three more
		time.Minute:     26 * time.Second, // half of the shortest lifetime
	} {
		synctest.Test(t, func(t *testing.T) {
			var fetches atomic.Int32
			s := token.NewSource(time.Minute, endpoint(&fetches, lifetime))
			_, err := s.Token(t.Context())
			require.NoError(t, err)
			time.Sleep(good)
			_, err = s.Token(t.Context())
			require.NoError(t, err)
			assert.EqualValues(t, 1, fetches.Load(), "%s: still good after %s", lifetime, good)
			time.Sleep(lifetime - good - lifetime/25)
			_, err = s.Token(t.Context())
			require.NoError(t, err)
			assert.EqualValues(t, 2, fetches.Load(), "%s: renewed before the end", lifetime)
		})
	}
}

func aCallerThatGivesUpDoesNotEndTheFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var fetches atomic.Int32
		s := token.NewSource(time.Minute, endpoint(&fetches, time.Hour))
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := s.Token(ctx)
		require.ErrorIs(t, err, bankmux.ErrContextDone)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 100*time.Millisecond, time.Since(start))
		got, err := s.Token(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "token-1", got.Reveal())
		assert.EqualValues(t, 1, fetches.Load())
	})
}

func aFetchEndsAtTheBudgetAndItsFailureIsNotCached(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hang := true
		s := token.NewSource(15*time.Second, func(ctx context.Context) (token.Token, error) {
			if hang {
				<-ctx.Done()
				return token.Token{}, ctx.Err()
			}
			return token.Token{Value: bankmux.NewSecret("t"), Lifetime: time.Hour}, nil
		})
		start := time.Now()
		_, err := s.Token(t.Context())
		require.ErrorIs(t, err, bankmux.ErrUnavailable)
		assert.Equal(t, 15*time.Second, time.Since(start))
		hang = false
		got, err := s.Token(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "t", got.Reveal())
	})
}

func aRefusedFetchReturnsItsErrorUnchanged(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	s := token.NewSource(time.Minute, func(context.Context) (token.Token, error) { return token.Token{}, refused })
	_, err := s.Token(t.Context())
	assert.ErrorIs(t, err, refused)
}

func aOneShotWithoutATokenIsNotSent(t *testing.T) {
	t.Parallel()
	for name, fetch := range map[string]func(context.Context) (token.Token, error){
		"the endpoint broke off": func(context.Context) (token.Token, error) {
			return token.Token{}, &bankmux.Error{Kind: bankmux.ErrUnavailable}
		},
		"the endpoint is foreign": func(context.Context) (token.Token, error) {
			return token.Token{}, errors.New("refused")
		},
		"the endpoint panics": func(context.Context) (token.Token, error) { panic("x") },
		"the token cannot be sent": func(context.Context) (token.Token, error) {
			return token.Token{Value: bankmux.NewSecret("a\nb")}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := token.NewSource(time.Minute, fetch).Token(t.Context())
			assert.True(t, bankmux.OutcomeKnown(err), "%v", err)
			e, ok := errors.AsType[*bankmux.Error](err)
			require.True(t, ok)
			assert.True(t, e.NotSent)
		})
	}
}

func aTransportThatPanicsFailsOnlyTheFetch(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(){
		"panics": func() { panic("secret") }, "ends its goroutine": runtime.Goexit,
	} {
		t.Run("one that "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				left := false
				s := token.NewSource(time.Minute, func(context.Context) (token.Token, error) {
					time.Sleep(time.Second)
					if !left {
						left = true
						end()
					}
					return token.Token{Value: bankmux.NewSecret("t"), Lifetime: time.Hour}, nil
				})
				var all sync.WaitGroup
				for range 10 {
					all.Go(func() {
						_, err := s.Token(t.Context())
						assert.ErrorIs(t, err, bankmux.ErrApplication)
						assert.ErrorContains(t, err, "the fetch of the token or its transport ")
						assert.NotContains(t, err.Error(), "secret")
					})
				}
				all.Wait()
				got, err := s.Token(t.Context())
				require.NoError(t, err, "and the next caller fetches")
				assert.Equal(t, "t", got.Reveal())
			})
		})
	}
}

func aLifetimeCountsAsOneMinuteToOneDay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lifetime, good, over time.Duration
	}{
		"none":        {0, 26 * time.Second, time.Minute},
		"a negative":  {-time.Hour, 26 * time.Second, time.Minute},
		"a second":    {time.Second, 26 * time.Second, time.Minute},
		"a year":      {365 * 24 * time.Hour, 21 * time.Hour, 24 * time.Hour},
		"the longest": {1<<63 - 1, 21 * time.Hour, 24 * time.Hour},
		"the least":   {-1 << 63, 26 * time.Second, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var fetches atomic.Int32
				s := token.NewSource(time.Minute, endpoint(&fetches, c.lifetime))
				for _, at := range []struct {
					wait    time.Duration
					fetches int32
				}{{0, 1}, {c.good, 1}, {c.over - c.good, 2}} {
					time.Sleep(at.wait)
					_, err := s.Token(t.Context())
					require.NoError(t, err)
					assert.Equal(t, at.fetches, fetches.Load(), "after %s", at.wait)
				}
			})
		})
	}
}

func aTokenThatNoHeaderCanCarryIsErrMalformed(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"", "a\nb", "a\x00", " a"} {
		s := token.NewSource(time.Minute, func(context.Context) (token.Token, error) {
			return token.Token{Value: bankmux.NewSecret(value), Lifetime: time.Hour}, nil
		})
		got, err := s.Token(t.Context())
		require.ErrorIs(t, err, bankmux.ErrMalformed, "%q", value)
		assert.Empty(t, got.Reveal())
	}
}
