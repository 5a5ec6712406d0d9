package guard

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
)

// TestKind holds how the guards treat every Kind.
func TestKind(t *testing.T) {
	t.Parallel()
	read := bankmux.Op{Effect: bankmux.Read}
	breakers := NewBreakers(BreakerOptions{}, nil)
	for name, class := range map[string]struct {
		has     func(error) bool
		members []bankmux.Kind
	}{
		"is logged as an error": {
			func(err error) bool { return level(err) == slog.LevelError },
			[]bankmux.Kind{
				bankmux.ErrCredentials, bankmux.ErrNotPermitted, bankmux.ErrQuota, bankmux.ErrMalformed,
				bankmux.ErrApplication, bankmux.ErrUnknown,
			},
		},
		"counts against the provider": {
			func(err error) bool { return errors.Is(breakers.judge(&read, err, 0), errFailed) },
			[]bankmux.Kind{bankmux.ErrUnavailable, bankmux.ErrMalformed},
		},
		"says nothing about the provider": {
			func(err error) bool { return errors.Is(breakers.judge(&read, err, 0), errExcluded) },
			[]bankmux.Kind{
				bankmux.ErrRateLimited, bankmux.ErrCircuitOpen, bankmux.ErrApplication, bankmux.ErrContextDone,
			},
		},
		"counts against the bank": {
			func(err error) bool { return errors.Is(judgeInstitution(&read, err, 0), errFailed) },
			[]bankmux.Kind{bankmux.ErrInstitution},
		},
		"shows that the bank works": {
			func(err error) bool { return judgeInstitution(&read, err, 0) == nil },
			[]bankmux.Kind{bankmux.ErrUserAction, bankmux.ErrAnswerRejected, bankmux.ErrReauth},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var members []bankmux.Kind
			for _, k := range bankmux.Kinds() {
				if class.has(&bankmux.Error{Kind: k, Status: 500}) {
					members = append(members, k)
				}
			}
			assert.ElementsMatch(t, class.members, members)
		})
	}
}
