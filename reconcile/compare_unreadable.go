package reconcile

// This file finds the known rows that a row which could not be read may be.

import (
	"github.com/govalues/decimal"

	"github.com/bankmux/bankmux"
)

// unreadableFacts is what could be read of an unreadable row. The other fields are zero.
type unreadableFacts struct {
	date     bankmux.Date
	amount   decimal.Decimal
	currency bankmux.Currency
	text     string
	wholeDay bool // it stands for any row of the day
}

// indexUnreadable returns the facts of the unreadable rows that may be a known one.
func (c *comparison) indexUnreadable() map[unreadableFacts]struct{} {
	if c.unreadable != nil {
		return c.unreadable
	}
	c.unreadable = make(map[unreadableFacts]struct{}, 2*len(c.in.Unreadable))
	for i := range c.in.Unreadable {
		t := &c.in.Unreadable[i]
		d := unreadableFacts{text: lettersOf(Text(t))}
		if !t.Amount.IsZero() {
			d.amount, d.currency = t.Amount.Decimal().Trim(0), t.Amount.Currency()
		}
		switch {
		case c.isPlausible(t.Date):
			d.date = t.Date
			c.unreadable[unreadableFacts{date: t.Date, wholeDay: true}] = struct{}{}
		case t.Date.Year >= firstYear && t.Date.Year <= lastYear:
			continue // it is of a day that was not read
		}
		c.unreadable[d] = struct{}{}
	}
	return c.unreadable
}

// mayBeUnreadable reports whether a known row may be one that could not be read. An unreadable row
// of its day may be any row of that day. One without a day must agree in amount and text, as far as
// they could be read. With alike, one of its day must agree as well.
func (c *comparison) mayBeUnreadable(k *knownRow, alike bool) bool {
	if len(c.in.Unreadable) == 0 {
		return false
	}
	all := c.indexUnreadable()
	if _, ok := all[unreadableFacts{date: k.Date, wholeDay: true}]; ok && !alike {
		return true
	}
	text := lettersOf(k.Text)
	for i := range 8 {
		var d unreadableFacts
		if i == 0 && alike {
			continue
		}
		if i&1 != 0 {
			d.date = k.Date
		}
		if i&2 != 0 {
			d.amount, d.currency = k.Amount.Decimal().Trim(0), k.Amount.Currency()
		}
		if i&4 != 0 {
			d.text = text
		}
		if _, ok := all[d]; ok {
			return true
		}
	}
	return false
}
