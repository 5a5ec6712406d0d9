package wire

// This file reads the values of one row.

import (
	"github.com/govalues/decimal"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// Values reads the amounts and days of one row, and remembers what is wrong first. A value that
// cannot be read is absent.
type Values struct {
	Currency string         // the provider's code for the amounts
	Fault    *bankmux.Error // the first fault, nil if there is none
}

// Note remembers a fault, unless there is one already. nil is not a fault.
func (v *Values) Note(fault *bankmux.Error) {
	if v.Fault == nil {
		v.Fault = fault
	}
}

// Money makes money of a number. An absent number stays absent.
func (v *Values) Money(n Number) bankmux.Money {
	switch {
	case n.Absent():
		return bankmux.Money{}
	case n.Bad():
		v.Note(normalize.Unreadable("an amount that cannot be read exactly"))
		return bankmux.Money{}
	}
	m, fault := normalize.Amount(n.Value, v.Currency)
	v.Note(fault)
	return m
}

// Owed is Money with the other sign, for providers that write what is owed or paid as a positive
// number.
func (v *Values) Owed(n Number) bankmux.Money {
	n.Value = n.Value.Neg()
	return v.Money(n)
}

// Decimal returns the value of a number, zero if it is absent.
func (v *Values) Decimal(n Number) decimal.Decimal {
	if n.Bad() {
		v.Note(normalize.Unreadable("a number that cannot be read exactly"))
	}
	return n.Value
}

// Day returns a day that may be absent. what names it in a fault: see [normalize.OptionalDay].
func (v *Values) Day(s, what string) bankmux.Date {
	d, fault := normalize.OptionalDay(s, what)
	v.Note(fault)
	return d
}

// Status returns the status of a transaction whose member says whether it is pending. It is "" for
// a member that is absent or unreadable.
func (f Flag) Status() bankmux.TransactionStatus {
	switch f {
	case FlagTrue:
		return bankmux.StatusPending
	case FlagFalse:
		return bankmux.StatusBooked
	case FlagAbsent, FlagUnreadable:
	}
	return ""
}
