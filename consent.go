package bankmux

import (
	"iter"
	"slices"
	"time"
)

// Consent says how long the user's permission lasts, if the provider says it. A zero time means
// that the provider does not say, never that the consent has no end. Providers write dates such as
// 9999-12-31 for "no date". The client replaces dates before 1971 and after 2098 with zero.
//
// Renew a consent with [SessionRequest.Reconnect]. The current consent stays valid until the new
// one replaces it, so an early renewal never interrupts access.
type Consent struct {
	ExpiresAt   time.Time `json:"expires_at,omitzero"`   // access ends here, and the bank asks for a new login
	ReconfirmBy time.Time `json:"reconfirm_by,omitzero"` // the user must confirm by then, without a login at the bank
	RenewFrom   time.Time `json:"renew_from,omitzero"`   // the first moment at which the provider accepts a renewal
}

// withoutPlaceholders returns the consent without dates that mean "no date".
func (c Consent) withoutPlaceholders() Consent {
	for _, at := range []*time.Time{&c.ExpiresAt, &c.ReconfirmBy, &c.RenewFrom} {
		if year := at.UTC().Year(); year <= 1970 || year >= 2099 {
			*at = time.Time{}
		}
	}
	return c
}

// Due returns the time by which the user must act: the earlier one of ExpiresAt and ReconfirmBy. A
// zero time does not count. Due is zero if both are.
func (c Consent) Due() time.Time {
	switch {
	case c.ExpiresAt.IsZero():
		return c.ReconfirmBy
	case c.ReconfirmBy.IsZero() || c.ExpiresAt.Before(c.ReconfirmBy):
		return c.ExpiresAt
	}
	return c.ReconfirmBy
}

// ConsentsDue returns the connections whose consent must be renewed no later than by, and for which
// the provider accepts a renewal at now. The most urgent one is first, and equal ones keep their
// order. Expired consents are included. Connections whose consent has no date are left out. So are
// those in [StateGone], because a renewal cannot restore them.
func ConsentsDue(conns iter.Seq[Connection], now, by time.Time) []Connection {
	var due []Connection
	for conn := range conns {
		at := conn.Consent.Due()
		early := conn.Consent.RenewFrom.After(now) && at.After(now)
		if at.IsZero() || at.After(by) || early || conn.Status.State == StateGone {
			continue
		}
		due = append(due, conn)
	}
	slices.SortStableFunc(due, func(a, b Connection) int {
		return a.Consent.Due().Compare(b.Consent.Due())
	})
	return due
}
