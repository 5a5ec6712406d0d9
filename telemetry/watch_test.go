package telemetry_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// TestWatch specifies what several guards report.
func TestWatch(t *testing.T) {
	t.Run("guards with clients of one name report the highest state and sums", guardsWithClientsOfOneName)
}

// failing returns a guard whose calls of readAccounts have failed, with a finding.
func failing(t *testing.T, institution string, kind bankmux.Kind) *guard.Guard {
	t.Helper()
	g := guard.New(guard.Options{
		Breaker:       guard.BreakerOptions{Consecutive: 1},
		Retry:         guard.RetryOptions{MaxAttempts: 1},
		AtInstitution: func(op bankmux.Op) bool { return op.Institution != "" },
	})
	op := readAccounts
	op.Institution = institution
	for range 20 {
		_ = chain(t.Context(), g.Interceptors(), op, func(context.Context) error { return kindOrNil(kind) })
	}
	g.ReportDrift(t.Context(), guard.Drift{
		Client: op.Client, Provider: op.Provider, Endpoint: "GET /accounts",
		Kind: guard.DriftMember, Member: "new_member",
	})
	return g
}

// kindOrNil returns an error, nil for "".
func kindOrNil(kind bankmux.Kind) error {
	if kind == "" {
		return nil
	}
	return &bankmux.Error{Kind: kind}
}

func guardsWithClientsOfOneName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guards := []*guard.Guard{
			failing(t, "", bankmux.ErrUnavailable), failing(t, "", ""),
			failing(t, "chase", bankmux.ErrInstitution), failing(t, "wells", bankmux.ErrInstitution),
		}
		for first := range guards {
			o := observe(t)
			for i := range guards {
				g := guards[(first+i)%len(guards)]
				require.NoError(t, o.Watch(g))
				require.NoError(t, o.Watch(g), "again")
			}
			scrape := o.scrape(t)
			assert.Equal(t, []string{"2"}, metricsOf(scrape, "bankmux_breaker_state"), "one is open")
			assert.Equal(t, []string{"2"}, metricsOf(scrape, "bankmux_institution_open"), "one in each of two guards")
			assert.Equal(t, []string{"4"}, metricsOf(scrape, "bankmux_drift_total"), "one in each guard")
		}
		synctest.Wait()
	})
}
