package guard_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// TestInstitutionOutage specifies how a guard isolates the outage of one institution.
func TestInstitutionOutage(t *testing.T) {
	t.Run("the outage of one institution fails fast and leaves the others alone", theOutageOfOneInstitutionFailsFast)
	t.Run("one probe finds an institution that is back", oneProbeFindsAnInstitutionThatIsBack)
	t.Run("errors that count against an institution", errorsThatCountAgainstAnInstitution)
	t.Run("data from an institution ends the failures in a row", dataFromAnInstitutionEndsTheFailuresInARow)
	t.Run("the number of remembered institutions is bounded, and open ones are kept longest", rememberedAreBounded)
	t.Run("the silence of one institution does not open the provider's circuit", oneSilentInstitution)
	t.Run("institution breakers can be disabled and appear in JSON", institutionBreakersCanBeDisabledAndAppearInJSON)
	t.Run("many callers may use many institutions at once", manyCallersMayUseManyInstitutionsAtOnce)
}

// banks calls a chain with breakers for banks, as many connections at as many banks as the test
// names.
type banks struct {
	t      *testing.T
	guard  *guard.Guard
	chain  []bankmux.Interceptor
	mu     sync.Mutex
	sent   map[string]int // by bank
	heard  []guard.BreakerState
	answer func(ctx context.Context, op bankmux.Op) error
}

func newBanks(t *testing.T, opts guard.Options) *banks {
	b := &banks{t: t, sent: map[string]int{}, answer: func(context.Context, bankmux.Op) error { return nil }}
	opts.Retry.MaxAttempts = 1
	opts.OnStateChange = func(s guard.BreakerState) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.heard = append(b.heard, s)
	}
	b.guard = guard.New(opts)
	b.chain = b.guard.Interceptors(func(o *guard.Options) {
		o.AtInstitution = func(op bankmux.Op) bool { return op.Group == bankmux.GroupData }
	})
	return b
}

func (b *banks) call(bank, connection string) error {
	return b.do(
		b.t.Context(),
		bankmux.Op{
			Name:        "Accounts",
			Group:       bankmux.GroupData,
			Effect:      bankmux.Read,
			Client:      "dapi",
			Provider:    "dapi",
			Institution: bank,
			Connection:  connection,
		},
	)
}

func (b *banks) do(ctx context.Context, op bankmux.Op) error {
	next := func(ctx context.Context) error {
		b.mu.Lock()
		b.sent[op.Institution]++
		b.mu.Unlock()
		return b.answer(ctx, op)
	}
	for _, v := range slices.Backward(b.chain) {
		in, inner := v, next
		next = func(ctx context.Context) error { return in(ctx, op, inner) }
	}
	return next(ctx)
}

// of is the state of a bank's breaker, "" where there is none.
func (b *banks) of(bank string) string {
	for _, s := range b.guard.Breakers() {
		if s.Institution == bank {
			return s.State
		}
	}
	return ""
}

// provider is the state of the provider's breaker.
func (b *banks) provider() string { return b.of("") }

var (
	errBankDown    = &bankmux.Error{Kind: bankmux.ErrInstitution, Code: "institution_error", Status: 422}
	errUnexplained = &bankmux.Error{
		Kind:   bankmux.ErrUnknown,
		Scope:  bankmux.ScopeInstitution,
		Code:   "UNKNOWN_ERROR",
		Status: 500,
	}
)

func theOutageOfOneInstitutionFailsFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBanks(t, guard.Options{})
		b.answer = func(_ context.Context, op bankmux.Op) error {
			if op.Institution == "down" {
				return errBankDown
			}
			return nil
		}
		for range 50 {
			require.ErrorIs(t, b.call("down", "c1"), bankmux.ErrInstitution)
			require.NoError(t, b.call("up", "c2"))
		}
		assert.Equal(t, 5, b.sent["down"], "then it is refused without being asked")
		assert.Equal(t, 50, b.sent["up"])
		assert.Equal(t, "open", b.of("down"))
		assert.Empty(t, b.of("up"), "of a bank that never failed nothing is kept")
		assert.Equal(t, "closed", b.provider(), "one bank's outage is not the provider's")

		err := b.call("down", "c3")
		e, ok := errors.AsType[*bankmux.Error](err)
		require.True(t, ok)
		assert.True(t, e.NotSent)
		assert.Equal(t, bankmux.ScopeInstitution, e.Affects())
		assert.Equal(t, 30*time.Second, e.RetryAfter)
		require.ErrorIs(t, err, bankmux.ErrCircuitOpen, "it differs from the bank's own error")
		_ = b.do(
			t.Context(),
			bankmux.Op{
				Name:        "ConnectionStatus",
				Group:       bankmux.GroupLink,
				Effect:      bankmux.Read,
				Client:      "dapi",
				Institution: "down",
			},
		)
		assert.Equal(t, 6, b.sent["down"], "calls that do not wait for the bank pass")
		_ = b.do(
			t.Context(),
			bankmux.Op{
				Name:        "Accounts",
				Group:       bankmux.GroupData,
				Effect:      bankmux.Read,
				Client:      "other",
				Institution: "down",
			},
		)
		assert.Equal(t, 7, b.sent["down"], "another client asks for itself")
	})
}

func oneProbeFindsAnInstitutionThatIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBanks(t, guard.Options{})
		b.answer = func(context.Context, bankmux.Op) error { return errBankDown }
		for range 5 {
			_ = b.call("down", "c1")
		}
		require.Equal(t, "open", b.of("down"))
		time.Sleep(30*time.Second + 1)
		require.ErrorIs(t, b.call("down", "c1"), bankmux.ErrInstitution)
		assert.Equal(t, 6, b.sent["down"], "the probe")
		assert.Equal(t, "open", b.of("down"), "which failed")

		time.Sleep(30*time.Second + 1)
		hold := make(chan struct{})
		b.answer = func(context.Context, bankmux.Op) error { <-hold; return nil }
		probe := make(chan error, 1)
		go func() { probe <- b.call("down", "c1") }()
		synctest.Wait()
		err := b.call("down", "c2")
		require.ErrorIs(t, err, bankmux.ErrInstitution, "one at a time")
		assert.Equal(t, 7, b.sent["down"])
		close(hold)
		require.NoError(t, <-probe)
		assert.Equal(t, "closed", b.of("down"))
		require.NoError(t, b.call("down", "c2"))

		var states []string
		for _, s := range b.heard {
			assert.Equal(t, "down", s.Institution)
			assert.Equal(t, "dapi", s.Client)
			states = append(states, s.State)
		}
		assert.Equal(t, []string{"open", "half-open", "open", "half-open", "closed"}, states)
	})
}

func errorsThatCountAgainstAnInstitution(t *testing.T) {
	t.Parallel()
	late := func(kind bankmux.Kind) error { return &bankmux.Error{Kind: kind, Err: context.DeadlineExceeded} }
	for name, c := range map[string]struct {
		err     error
		several bool // connections
		open    bool
	}{
		"the provider says that the bank is failing":       {errBankDown, false, true},
		"a failure of scope institution of one connection": {errUnexplained, false, false},
		"the same of several":                              {errUnexplained, true, true},
		"silence of several":                               {late(bankmux.ErrUnavailable), true, true},
		"the provider is down": {
			&bankmux.Error{Kind: bankmux.ErrUnavailable, Status: 503}, true, false,
		},
		"an unreadable answer": {
			&bankmux.Error{Kind: bankmux.ErrMalformed, Status: 200}, true, false,
		},
		"a session at the bank that ended, which is one user's": {
			&bankmux.Error{Kind: bankmux.ErrInstitution, Scope: bankmux.ScopeConnection, Code: "SESSION_EXPIRED"}, true,
			false,
		},
		"a lapsed consent": {
			&bankmux.Error{Kind: bankmux.ErrReauth, Code: "INVALID_CREDENTIALS"}, true, false,
		},
		"a rate limit": {
			&bankmux.Error{Kind: bankmux.ErrRateLimited, Status: 429}, true, false,
		},
		"what was refused before it left": {
			&bankmux.Error{Kind: bankmux.ErrInstitution, NotSent: true}, true, false,
		},
		"an error of another scope": {errors.New("a bug"), true, false},
		"an impatient caller":       {late(bankmux.ErrContextDone), true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBanks(t, guard.Options{Breaker: guard.BreakerOptions{Disabled: true}})
				b.answer = func(context.Context, bankmux.Op) error { return c.err }
				for i := range 12 {
					connection := "c"
					if c.several {
						connection += strconv.Itoa(i % 2)
					}
					require.Error(t, b.call("bank", connection))
				}
				assert.Equal(t, c.open, b.of("bank") == "open")
			})
		})
	}
}

func dataFromAnInstitutionEndsTheFailuresInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBanks(t, guard.Options{})
		for i := range 60 {
			b.answer = func(context.Context, bankmux.Op) error {
				switch {
				case i%5 != 4:
					return errBankDown
				case i%2 == 0:
					return &bankmux.Error{Kind: bankmux.ErrUserAction, Status: 200} // the bank asks
				}
				return nil
			}
			_ = b.call("shaky", "c1")
		}
		assert.Equal(t, 60, b.sent["shaky"])
		assert.Equal(t, "closed", b.of("shaky"))
	})
}

func rememberedAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBanks(t, guard.Options{Institutions: guard.InstitutionOptions{MaxInstitutions: 10}})
		b.answer = func(context.Context, bankmux.Op) error { return errBankDown }
		for range 5 {
			_ = b.call("down", "c1")
		}
		for i := range 500 {
			_ = b.call("bank-"+strconv.Itoa(i), "c1") // one failure each
		}
		n := 0
		for _, s := range b.guard.Breakers() {
			if s.Institution != "" {
				n++
			}
		}
		assert.Equal(t, 10, n)
		assert.Equal(t, "open", b.of("down"), "an outage is not forgotten for banks that failed once")
		for i := range 20 {
			for range 5 {
				_ = b.call("dark-"+strconv.Itoa(i), "c1")
			}
		}
		assert.Empty(t, b.of("down"), "but for as many others that are down")
	})
}

func oneSilentInstitution(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBanks(t, guard.Options{Deadline: guard.DeadlineOptions{Data: 40 * time.Second}})
		silent := map[string]bool{"down": true}
		b.answer = func(ctx context.Context, op bankmux.Op) error {
			if !silent[op.Institution] {
				return nil
			}
			<-ctx.Done()
			return &bankmux.Error{Kind: bankmux.ErrContextDone, Err: ctx.Err()}
		}
		together := func(banks ...string) {
			var all sync.WaitGroup
			for i := range 30 {
				all.Go(func() { _ = b.call(banks[i%len(banks)], "c"+strconv.Itoa(i)) })
			}
			all.Wait()
		}
		together("down")
		assert.Equal(t, "open", b.of("down"))
		assert.Equal(t, "closed", b.provider(), "thirty calls waited for one bank")
		require.NoError(t, b.call("up", "c"))
		silent["up"], silent["third"] = true, true
		together("up", "third")
		assert.Equal(t, "open", b.provider(), "several banks are silent: it is the provider")
	})
}

func institutionBreakersCanBeDisabledAndAppearInJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		off := newBanks(t, guard.Options{Institutions: guard.InstitutionOptions{Disabled: true}})
		on := newBanks(t, guard.Options{})
		for _, b := range []*banks{off, on} {
			b.answer = func(context.Context, bankmux.Op) error { return errBankDown }
			for range 20 {
				require.ErrorIs(t, b.call("bank", "c1"), bankmux.ErrInstitution)
			}
		}
		assert.Equal(t, 20, off.sent["bank"])
		assert.Equal(t, 5, on.sent["bank"])
		page, err := json.Marshal(on.guard.Breakers())
		require.NoError(t, err)
		assert.Contains(t, string(page), `"institution":"bank","state":"open"`)
		page, err = json.Marshal(off.guard.Breakers())
		require.NoError(t, err)
		assert.NotContains(t, string(page), "institution")
	})
}

func manyCallersMayUseManyInstitutionsAtOnce(t *testing.T) {
	b := newBanks(t, guard.Options{Institutions: guard.InstitutionOptions{MaxInstitutions: 4}})
	b.answer = func(_ context.Context, op bankmux.Op) error {
		if len(op.Institution)%2 == 0 {
			return errBankDown
		}
		return nil
	}
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for j := range 200 {
				_ = b.call("bank-"+strconv.Itoa((i*j)%40), "c"+strconv.Itoa(i))
				_ = b.guard.Breakers()
			}
		})
	}
	all.Wait()
	assert.LessOrEqual(t, len(b.guard.Breakers()), 5)
}
