package reconcile

// This file has helpers for days that both engines use.

import (
	"time"

	"github.com/bankmux/bankmux"
)

// All rows are between these days.
var (
	firstDay = bankmux.NewDate(1, time.January, 1)
	lastDay  = bankmux.NewDate(9999, time.December, 31)
)

func earlier(a, b bankmux.Date) bankmux.Date {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b bankmux.Date) bankmux.Date {
	if b.After(a) {
		return b
	}
	return a
}
