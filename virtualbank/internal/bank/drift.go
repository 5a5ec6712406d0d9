package bank

// This file has the texts and value dates of rows, which situations change.

import (
	"strconv"
	"strings"
	"time"
)

// RawText returns the institution's text of an event at a time.
func (bk *Book) RawText(e *Event, at time.Time) *string {
	n := 0
	for n < len(bk.drifts) && !bk.drifts[n].After(at) {
		n++
	}
	if n == 0 || e.Spec != nil {
		return &e.Raw
	}
	text := drifted(e.Raw, bk.Bank.mix(e.ID, "drift", strconv.Itoa(n)))
	return &text
}

// drifted returns a text with other marks or spaces.
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

// Drift changes the texts of all rows.
func (bk *Book) Drift() { bk.drifts = append(bk.drifts, bk.Bank.Now()) }

// WriteValueDays gives later rows a value date.
func (bk *Book) WriteValueDays() {
	if bk.valueSince.IsZero() {
		bk.valueSince = bk.Bank.Now()
	}
}
