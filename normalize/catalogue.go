// Package normalize turns what providers say into the model of bankmux: error codes, amounts, days,
// times, tokens. It has what serves every adapter, also those outside this repository. Each
// sub-package is one provider's part of it. It is tables and pure functions over plain strings and
// does no I/O. All of it is safe for concurrent use and for repeating.
package normalize

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/bankmux/bankmux"
)

// Row says what one code of a provider means.
type Row struct {
	Code   string        // the provider's code
	Status int           // HTTP status it is meant under; 0 means any
	Op     string        // operation it is meant for; "" means any
	Kind   bankmux.Kind  // what to do about it
	Scope  bankmux.Scope // "" means the scope of the kind
	Detail string        // what happened, in our words
}

type rowKey struct {
	code   string
	status int
	op     string
}

// Catalogue is a provider's error table. It is immutable and safe for concurrent use.
type Catalogue struct {
	rows  []Row
	byKey map[rowKey]Row
}

// NewCatalogue makes a table. It panics on two rows for the same code, status
// and operation, or a row without code or kind, so that a mistake shows at start-up.
func NewCatalogue(rows ...Row) *Catalogue {
	c := &Catalogue{rows: slices.Clone(rows), byKey: make(map[rowKey]Row, len(rows))}
	for _, r := range rows {
		key := rowKey{r.Code, r.Status, r.Op}
		if _, dup := c.byKey[key]; dup || r.Code == "" || r.Kind == "" {
			panic(fmt.Sprintf("normalize: error table: row %q is doubled or incomplete", r.Code))
		}
		c.byKey[key] = r
	}
	return c
}

// Rows returns the table in the order it was written.
func (c *Catalogue) Rows() []Row { return slices.Clone(c.rows) }

// Failure is what a provider said went wrong.
type Failure struct {
	Op         string // operation, such as "ExchangeToken"
	Code       string // "" where the answer had none
	Status     int    // 0 where there is none
	RetryAfter time.Duration
	RequestID  string
}

// Error classifies a failure. The most specific row wins: by code, operation
// and status, by code and operation, by code and status, by code. A code without a row is
// classified by status and marked Unlisted; an answer without a code, by status alone.
func (c *Catalogue) Error(f Failure) *bankmux.Error {
	e := &bankmux.Error{Code: CleanCode(f.Code), Status: f.Status, RetryAfter: f.RetryAfter, RequestID: CleanCode(f.RequestID)}
	for _, key := range []rowKey{{f.Code, f.Status, f.Op}, {f.Code, 0, f.Op}, {f.Code, f.Status, ""}, {f.Code, 0, ""}} {
		if r, ok := c.byKey[key]; ok {
			e.Kind, e.Scope, e.Detail = r.Kind, r.Scope, r.Detail
			return e
		}
	}
	e.Kind, e.Unlisted = ByStatus(f.Status), f.Code != ""
	return e
}

// ByStatus classifies an answer that says nothing but its HTTP status. 0 is [bankmux.ErrUnknown].
func ByStatus(status int) bankmux.Kind {
	switch {
	case status == 0:
		return bankmux.ErrUnknown
	case status < 400:
		return bankmux.ErrMalformed // a redirect is never followed
	case status >= 500, status == http.StatusRequestTimeout:
		return bankmux.ErrUnavailable
	}
	switch status {
	case http.StatusUnauthorized:
		return bankmux.ErrCredentials
	case http.StatusForbidden:
		return bankmux.ErrNotPermitted
	case http.StatusNotFound:
		return bankmux.ErrNotFound
	case http.StatusGone:
		return bankmux.ErrGone
	case http.StatusTooManyRequests:
		return bankmux.ErrRateLimited
	}
	return bankmux.ErrInvalid
}

// CleanCode returns a provider's code as it may be shown and logged: at most
// 100 letters, digits and _ . : - / in their order. Anything else becomes "unreadable", for a
// broken or hostile answer could put a secret there.
func CleanCode(code string) string {
	if len(code) > 100 {
		return "unreadable"
	}
	for _, c := range []byte(code) {
		switch {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case c == '_', c == '.', c == ':', c == '-', c == '/':
		default:
			return "unreadable"
		}
	}
	return code
}

// maxRetryAfter caps what a provider can make an application wait.
const maxRetryAfter = 24 * time.Hour

// RetryAfter reads the header of that name: seconds or an HTTP date, RFC 9110. An
// absent, past, negative or unreadable value is 0; a longer one than a day is a day.
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

// RetryAfterOf is [RetryAfter] of an answer's header. A date is counted from the answer's own Date
// where it has one, for what matters is the difference: the provider's clock may be wrong, or ours.
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

// timestampLayouts are the ways providers write an instant. A missing zone means UTC.
var timestampLayouts = [...]string{
	time.RFC3339, // reads a fraction as well
	"2006-01-02T15:04:05Z0700",
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05",
	time.DateOnly,
}

// Timestamp reads an instant in any of the forms seen from either provider: RFC 3339 with or
// without fraction, an offset without colon, no zone (UTC), a blank for the T, a bare date. It
// reports false for anything else, and for a year before 1900 or after 2100: see [Day].
func Timestamp(s string) (time.Time, bool) {
	for _, layout := range timestampLayouts {
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= firstYear && t.Year() <= lastYear {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
