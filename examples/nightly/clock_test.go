package main

// This file tests the clock of the nights.

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux/guard"
)

func TestClock(t *testing.T) {
	start := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	c := clock{Start: start, Night: time.Date(2026, 11, 16, 12, 0, 0, 0, time.UTC), Minute: 30 * time.Millisecond}
	t.Run("a minute takes 30 ms", func(t *testing.T) {
		assert.Equal(t, c.Night.Add(time.Minute), c.at(start.Add(30*time.Millisecond)))
		assert.Equal(t, start.Add(30*time.Millisecond), c.machine(c.Night.Add(time.Minute)))
		assert.Equal(t, 1800*time.Millisecond, c.wait(time.Hour))
	})
	t.Run("the first midnight is twelve hours after the start", func(t *testing.T) {
		assert.Equal(t, c.Night.Add(12*time.Hour), c.midnight(1))
	})
	t.Run("a budget's window starts with that of the nights", func(t *testing.T) {
		for _, b := range []guard.Budget{
			{Limit: 1, Window: time.Minute}, {Limit: 1, Window: time.Hour}, {Limit: 1, Window: 24 * time.Hour},
		} {
			scaled := c.scaled([]guard.Budget{b})[0]
			assert.Equal(t, c.wait(b.Window), scaled.Window)
			first := c.machine(c.midnight(1))
			assert.Zero(t, (first.UnixMilli()-scaled.Offset.Milliseconds())%scaled.Window.Milliseconds(), b.Window)
		}
	})
	t.Run("a rolling window of one call has the time of a slow call", func(t *testing.T) {
		once := guard.Budget{Limit: 1, Window: time.Hour, Rolling: true}
		assert.Equal(t, c.wait(time.Hour)+slow, c.scaled([]guard.Budget{once})[0].Window)
	})
}
