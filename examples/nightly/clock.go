package main

// This file has the clock of the nights, which is faster than the machine's.

import "time"

// clock converts between the machine's time and that of the nights. All processes have the same.
//
// The banks, the budgets, the slots and the waits after a failure follow it. Deadlines of calls do
// not, since the machine does not get faster.
type clock struct {
	Start  time.Time     `json:"start"`  // the machine's time when the nights start
	Night  time.Time     `json:"night"`  // the nights' time then
	Minute time.Duration `json:"minute"` // the machine's time for a minute of the nights
}

// speed is how many times the nights are faster.
func (c clock) speed() int64 { return int64(time.Minute / c.Minute) }

// at returns the nights' time for one of the machine.
func (c clock) at(machine time.Time) time.Time {
	return c.Night.Add(time.Duration(int64(machine.Sub(c.Start)) * c.speed()))
}

// now returns the nights' time.
func (c clock) now() time.Time { return c.at(time.Now()) }

// machine returns the machine's time for one of the nights.
func (c clock) machine(night time.Time) time.Time { return c.Start.Add(c.scale(night.Sub(c.Night))) }

// wait returns the machine's time for a span of the nights, at least a millisecond.
func (c clock) wait(span time.Duration) time.Duration { return max(c.scale(span), time.Millisecond) }

// scale returns the machine's time for a span of the nights.
func (c clock) scale(span time.Duration) time.Duration { return span / time.Duration(c.speed()) }

// midnight returns the start of a night, which has the numbers from 1.
func (c clock) midnight(night int) time.Time {
	year, month, day := c.Night.Date()
	return time.Date(year, month, day+night, 0, 0, 0, 0, time.UTC)
}

// hours is a time of a night after its midnight, or before it if it is negative.
func (c clock) hours(night int, hours float64) time.Time {
	return c.midnight(night).Add(time.Duration(hours * float64(time.Hour)))
}
