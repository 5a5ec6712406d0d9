package plain

// This file formats durations.

import (
	"strings"
	"time"
)

// Duration formats d for people: in whole seconds, or in whole milliseconds below one second. It
// rounds up, so that a caller who waits for it is not early. It leaves out zero units at the end:
// "30s", "2m", "1h30m", "250ms".
func Duration(d time.Duration) string {
	unit := time.Second
	if d < unit {
		unit = time.Millisecond
	}
	if rest := d % unit; rest > 0 {
		d += unit - rest
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
