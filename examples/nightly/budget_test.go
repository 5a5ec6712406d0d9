package main

// This file tests what the report says of budgets.

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

func TestUsed(t *testing.T) {
	midnight := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	at := func(minutes ...int) (all []request) {
		for _, m := range minutes {
			all = append(all, request{
				at: midnight.Add(time.Duration(m) * time.Minute), provider: "plaid", op: bankmux.OpSync,
				product: "transactions", item: "one",
			})
		}
		return all
	}
	hourly := guard.Budget{
		Name: "hourly", Provider: "plaid", Ops: []string{bankmux.OpSync}, Limit: 2, Window: time.Hour,
	}
	rolling, each, night := hourly, hourly, hourly
	rolling.Rolling, each.Per, night.Background = true, guard.PerItem, true
	other, ofUser := at(10, 20, 30), at(10, 20, 30)
	for i := range other {
		other[i].item = strings.Repeat("x", i)
		ofUser[i].user = true
	}
	for name, c := range map[string]struct {
		budget   guard.Budget
		requests []request
		most     int
		broken   bool
	}{
		"a window starts with the hour":               {hourly, at(50, 59, 61, 62), 2, false},
		"three in an hour are too many":               {hourly, at(0, 10, 59), 3, true},
		"any span of an hour counts if it is rolling": {rolling, at(50, 59, 61, 62), 4, true},
		"the order of arrival does not matter":        {hourly, at(59, 0, 61, 10), 3, true},
		"each connection has a count of its own":      {each, other, 1, false},
		"all connections together have one otherwise": {hourly, other, 3, true},
	} {
		t.Run(name, func(t *testing.T) {
			uses := used([]guard.Budget{c.budget}, c.requests)
			require.Len(t, uses, 1)
			assert.Equal(t, c.most, uses[0].Most)
			assert.Equal(t, len(c.requests), uses[0].Counted)
			assert.Equal(t, c.broken, uses[0].broken())
		})
	}
	t.Run("a call of a user does not count for the background", func(t *testing.T) {
		assert.Empty(t, used([]guard.Budget{night}, ofUser))
	})
	t.Run("another provider does not count", func(t *testing.T) {
		requests := at(1)
		requests[0].provider = "dapi"
		assert.Empty(t, used([]guard.Budget{hourly}, requests))
	})
}
