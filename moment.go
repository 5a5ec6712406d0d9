package bankmux

// This file defines how times are stored.

import "time"

// Moment returns a time as connections, sessions and statuses store it: in UTC, to the millisecond,
// and without the reading of a monotonic clock. JSON and the columns of a database keep such a time
// exactly, so a value that is read back equals the one that was stored.
func Moment(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
