package virtualbank

import (
	"strconv"
	"strings"
	"time"
)

// rawText returns the bank's own text of an event as it was written at a moment.
func (bk *book) rawText(e *event, at time.Time) *string {
	n := 0
	for n < len(bk.drifts) && !bk.drifts[n].After(at) {
		n++
	}
	if n == 0 || e.spec != nil {
		return &e.raw
	}
	text := drifted(e.raw, bk.bank.mix(e.id, "drift", strconv.Itoa(n)))
	return &text
}

// drifted writes a text in another way.
func drifted(raw string, way uint64) string {
	switch way % 5 {
	case 0:
		return "\u200f" + raw + "\u200e"
	case 1:
		return strings.ReplaceAll(raw, " ", "\u00a0")
	case 2:
		return raw[:1] + "\u200b" + raw[1:]
	case 3:
		return strings.Replace(raw, " #", " # ", 1)
	}
	return raw
}

// drift lets texts be written in another way from now on.
func (bk *book) drift() { bk.drifts = append(bk.drifts, bk.bank.Now()) }

// writeValueDays lets new rows be written with a day of value from now on.
func (bk *book) writeValueDays() {
	if bk.valueSince.IsZero() {
		bk.valueSince = bk.bank.Now()
	}
}
