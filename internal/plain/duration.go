package plain

import (
	"strings"
	"time"
)

// Duration writes d as a person would: whole seconds, or whole milliseconds below one, rounded up
// so that who waits for it is never early. Units that are 0 are left out: "30s", "2m", "1h30m",
// "250ms".
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
