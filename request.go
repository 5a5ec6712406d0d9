package bankmux

// This file validates what several requests have in common.

import "time"

// Request is a pointer to any request of this package, or to a [Connection]. See [DoOn].
type Request interface {
	// prepare validates the request and fills in op with the connection, the user and the bank.
	prepare(c *Client, op *Op) error
}

// checkIDs rejects an empty id, an id that occurs twice, and lists that are empty but not nil. Nil
// means all.
func checkIDs(request string, lists ...[]string) error {
	none, named := false, 0
	for _, ids := range lists {
		none = none || ids != nil
		named += len(ids)
		seen := make(map[string]bool, len(ids))
		for _, id := range ids {
			if id == "" || seen[id] {
				return invalid(request+".Accounts", "names an account twice or an empty id")
			}
			seen[id] = true
		}
	}
	if none && named == 0 {
		return invalid(request+".Accounts", "is empty: nil means all")
	}
	return nil
}

// checkCards refuses cards if the adapter does not keep cards apart from accounts.
func (c *Client) checkCards(request string, cards []string) error {
	if len(cards) == 0 || c.Has(CapCards) {
		return nil
	}
	return &Error{
		Kind: ErrUnsupported, Field: request + ".Cards", NotSent: true,
		Detail: "is set, and " + c.desc.Provider + " keeps no cards apart: name them in Accounts",
	}
}

// now is the time by the adapter's clock.
func (c *Client) now() time.Time {
	if c.desc.Now != nil {
		return c.desc.Now()
	}
	return time.Now()
}

// aheadOfUTC is how much further than UTC the earliest time zone is.
const aheadOfUTC = 14 * time.Hour

// checkWindow rejects days that no row can have. The day of today is that of the adapter's clock.
func (c *Client) checkWindow(request string, from, to Date, size int) error {
	switch {
	case !from.IsZero() && !from.IsValid():
		return invalid(request+".From", "is not a day of the calendar")
	case !to.IsZero() && !to.IsValid():
		return invalid(request+".To", "is not a day of the calendar")
	case !from.IsZero() && !to.IsZero() && to.Before(from):
		return invalid(request+".From", "is after To")
	case !from.IsZero() && from.After(DateOf(c.now().UTC().Add(aheadOfUTC))):
		return invalid(request+".From", "is in the future")
	case size < 0:
		return invalid(request+".PageSize", "is negative")
	}
	return nil
}

func checkCountry(field, code string) error {
	switch {
	case code == "":
		return nil
	case code == "UK":
		return invalid(field, "is UK; the ISO 3166-1 code is GB")
	case len(code) != 2 || code[0] < 'A' || code[0] > 'Z' || code[1] < 'A' || code[1] > 'Z':
		return invalid(field, quote(code)+" is not two capital letters of ISO 3166-1")
	}
	return nil
}
