package guard

// This file holds which links a guard joins, and that a call shares its description with them.

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// TestLinks holds the links that the options select.
func TestLinks(t *testing.T) {
	t.Parallel()
	budgets, err := NewBudgets()
	require.NoError(t, err)
	all := Options{
		Logger: slog.New(slog.DiscardHandler), OnePerConnection: true, Hold: true,
		AtInstitution: func(bankmux.Op) bool { return true },
	}
	for name, c := range map[string]struct {
		change func(*Options)
		length int
	}{
		"everything":  {func(*Options) {}, 9},
		"budgets too": {func(o *Options) { o.Budgets = budgets }, 10},
		"no log":      {func(o *Options) { o.Logger = nil }, 8},
		"no queue":    {func(o *Options) { o.OnePerConnection = false }, 8},
		"no hold":     {func(o *Options) { o.Hold = false }, 7},
		"no bank":     {func(o *Options) { o.AtInstitution = nil }, 8},
		"no options":  {func(o *Options) { *o = Options{} }, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := all
			c.change(&opts)
			assert.Len(t, New(opts).links(opts), c.length)
		})
	}
}

// TestJoined specifies how links are called.
func TestJoined(t *testing.T) {
	t.Parallel()
	var order []string
	var seen []*bankmux.Op
	named := func(name string, times int) link {
		return func(ctx context.Context, op *bankmux.Op, next step) (err error) {
			assert.Equal(t, "X", op.Name)
			seen = append(seen, op)
			for range times {
				order = append(order, name)
				err = next.run(ctx)
			}
			return err
		}
	}
	failure := errors.New("the last one failed")
	err := joined(named("a", 1), named("b", 2), named("c", 1))(t.Context(), bankmux.Op{Name: "X"},
		func(context.Context) error { order = append(order, "sent"); return failure })
	assert.Equal(t, failure, err)
	assert.Equal(t, []string{"a", "b", "c", "sent", "b", "c", "sent"}, order, "a link may run the rest again")
	for _, op := range seen {
		assert.Same(t, seen[0], op, "the description is not copied")
	}
	order = nil
	refuse := func(context.Context, *bankmux.Op, step) error { return failure }
	assert.Equal(t, failure, joined(refuse, named("b", 1))(t.Context(), bankmux.Op{}, nil))
	assert.Empty(t, order, "a link may refuse the rest")
}
