package schedule

// This file says when a connection that is well runs again.

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/bits"
	"time"
)

// Timetable says when a connection that is well runs again. Next returns a time after the given
// one, and never an earlier time for a later one.
type Timetable interface {
	Next(connection string, after time.Time) time.Time
}

// Every is a timetable with a fixed pause after each run. 0 means 24 hours. Connections that were
// linked at the same time also run at the same time. So it suits thousands of connections; for more
// see [Night].
type Every time.Duration

// Next returns after plus the pause.
func (e Every) Next(_ string, after time.Time) time.Time {
	if e <= 0 {
		e = Every(24 * time.Hour)
	}
	return after.Add(time.Duration(e))
}

// Night is a timetable with one run a day, in a slot of a daily window. The zero Night is a window
// of eight hours from 00:05 UTC.
//
// The window does not start at midnight. A daily budget with a margin, such as that of PSD2,
// refuses calls near it. Runs whose slot lies there would fail, and all start together after it. So
// choose a window without the midnight of such a budget, by the budget's days.
//
// Each connection has its own slot, which follows from its id alone. So the starts are spread
// evenly over the window, whatever the order in which the connections were linked. A run that is
// late keeps its slot of the next night. After an outage only the slots that passed meanwhile are
// late, and [CatchUp] says for how long.
type Night struct {
	Start  time.Duration  // after midnight, when the window starts; 0 means 5 minutes, and 24 h means midnight
	Length time.Duration  // of the window, 24 h at most; 0 means 8 h
	Zone   *time.Location // whose midnight it is; nil means UTC
}

// length returns the length of the window.
func (n Night) length() time.Duration {
	if n.Length <= 0 {
		return 8 * time.Hour
	}
	return min(n.Length, 24*time.Hour)
}

// start returns when the window starts, from 0 up to 24 hours.
func (n Night) start() time.Duration {
	const day = 24 * time.Hour
	if n.Start == 0 {
		return 5 * time.Minute // PSD2's margin is two
	}
	return (n.Start%day + day) % day
}

// Slot returns when in the window a connection starts: from 0 up to the window's length. It is a
// digest of the id, so it is the same in every process and in every version of this package.
func (n Night) Slot(connection string) time.Duration {
	sum := sha256.Sum256([]byte("slot " + connection))
	length := uint64(n.length()) //nolint:gosec // positive
	slot, _ := bits.Mul64(binary.BigEndian.Uint64(sum[:]), length)
	return time.Duration(slot) //nolint:gosec // less than length
}

// Next returns the first start of the connection after the given time. Where the clocks change, the
// window starts by the clock of Zone, and the slots in it keep their distance.
func (n Night) Next(connection string, after time.Time) time.Time {
	zone := n.Zone
	if zone == nil {
		zone = time.UTC
	}
	start, slot := n.start(), n.Slot(connection)
	year, month, day := after.In(zone).Date()
	for d := day - 2; ; d++ { // a slot may lie two days after the midnight of its window, if a day has 23 hours
		window := time.Date(year, month, d, 0, 0, int(start/time.Second), int(start%time.Second), zone)
		if next := window.Add(slot); next.After(after) {
			return next
		}
	}
}

// CatchUp returns how long after an outage the last late run starts. That is the outage divided by
// headroom - 1. headroom is how many times the load of the window can be served. The runs that
// become due meanwhile are served as well. If headroom is not above 1, the late runs are never
// caught up, and CatchUp returns the longest duration.
//
// A run that failed during the outage also waits until it is tried again: 66 minutes at most,
// however long the outage was.
func CatchUp(outage time.Duration, headroom float64) time.Duration {
	late := float64(outage) / (headroom - 1)
	if headroom <= 1 || math.IsNaN(late) || late >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(late)
}
