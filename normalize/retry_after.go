package normalize

// This file reads how long a provider asks to wait.

import (
	"net/http"
	"strconv"
	"time"
)

// maxRetryAfter limits how long a provider can make an application wait.
const maxRetryAfter = 24 * time.Hour

// RetryAfter reads a value of the header field Retry-After: seconds or an HTTP date (RFC 9110). An
// absent, past, negative or unreadable value is 0. A wait of more than a day is a day.
func RetryAfter(header string, now time.Time) time.Duration {
	if header == "" {
		return 0
	}
	if seconds, err := strconv.ParseInt(header, 10, 64); err == nil {
		return min(max(time.Duration(min(seconds, 1<<31))*time.Second, 0), maxRetryAfter)
	}
	if at, err := http.ParseTime(header); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

// RetryAfterOf is [RetryAfter] of a response's header. It counts a date from the response's own
// Date, if it has one, so wrong clocks have no effect.
func RetryAfterOf(header http.Header, now time.Time) time.Duration {
	after := header.Get("Retry-After")
	if after == "" {
		return 0
	}
	if at, err := http.ParseTime(header.Get("Date")); err == nil {
		now = at
	}
	return RetryAfter(after, now)
}
