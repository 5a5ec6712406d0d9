package bankmux

import (
	"iter"
	"slices"
	"time"
)

// Consent is how long the user's permission lasts, where the provider says. A zero time means that
// the provider does not say, never that the consent has no end. A date before 1971 or after 2098
// stands for "no date" at providers, such as 9999-12-31: the client makes it zero.
//
// Renew a consent with [SessionRequest.Reconnect]. The consent in force stays good until the new
// one replaces it, so renewing early never interrupts access.
type Consent struct {
	ExpiresAt   time.Time `json:"expires_at,omitzero"`   // access ends here, and the bank asks for a new login
	ReconfirmBy time.Time `json:"reconfirm_by,omitzero"` // the user must confirm by then, without a login at the bank
	RenewFrom   time.Time `json:"renew_from,omitzero"`   // the first moment at which the provider accepts a renewal
}

// told returns the consent without dates that stand for "no date".
func (c Consent) told() Consent {
	for _, at := range []*time.Time{&c.ExpiresAt, &c.ReconfirmBy, &c.RenewFrom} {
		if year := at.UTC().Year(); year <= 1970 || year >= 2099 {
			*at = time.Time{}
		}
	}
	return c
}

// Due returns the moment by which the user must act: the earlier of ExpiresAt and ReconfirmBy that
// the provider told. It is zero where neither was told.
func (c Consent) Due() time.Time {
	switch {
	case c.ExpiresAt.IsZero():
		return c.ReconfirmBy
	case c.ReconfirmBy.IsZero() || c.ExpiresAt.Before(c.ReconfirmBy):
		return c.ExpiresAt
	}
	return c.ReconfirmBy
}

// ConsentsDue returns the connections whose consent must be renewed by the given moment and can be
// renewed at now, most urgent first and equals in the order given. Connections whose consent has no
// date are left out, and so are those in [StateGone], which a renewal cannot bring back.
// A consent that has already expired is included.
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
