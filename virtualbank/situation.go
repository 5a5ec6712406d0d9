package virtualbank

// This file has the situations of stored transactions.

import (
	"net/http"
	"slices"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// Situation is a change of stored transactions that real banks make. It tests how an application
// stores transactions.
type Situation struct {
	Name      string   `json:"name"`
	About     string   `json:"about"`
	Providers []string `json:"providers"`
}

// Situations of every provider.
const (
	// PendingVanishes means that a pending row disappears a day later without a notice.
	PendingVanishes = "pending-vanishes"
	// Posted means that a pending row is posted a day later, under another id where rows have ids.
	Posted = "posted"
	// Tip means that a pending row is posted a day later with a larger amount.
	Tip = "tip"
	// FuelHold means that a pending row is posted a day later with a much smaller amount.
	FuelHold = "fuel-hold"
	// Late means that a row appears fifteen days after its date.
	Late = "late"
	// VeryLate means that a row appears forty days after its date.
	VeryLate = "very-late"
	// Twin means that a second row appears that equals a row of the last two weeks in all but its
	// id.
	Twin = "twin"
	// Edited means that the amount of a row of the last two weeks is corrected.
	Edited = "edited"
	// Withdrawn means that a booked row of the last two weeks is removed.
	Withdrawn = "withdrawn"
	// DaysIgnored means that for an hour responses have all rows, whatever days the request asks
	// for.
	DaysIgnored = "days-ignored"
	// TextDrift means that texts change in invisible marks and spaces, and rows get other ids where
	// they have ids.
	TextDrift = "text-drift"
)

// Situations of MoneyKit. Plaid has them too, except PostedSameID and SecondLink.
const (
	// IDChurn means that MoneyKit changes every transaction's id and reports the old ids as
	// removed.
	IDChurn = "id-churn"
	// RemovedFirst is like IDChurn, but the removed ids are on pages before the rows that replace
	// them.
	RemovedFirst = "removed-first"
	// Unordered is like IDChurn, but all lists are in no particular order.
	Unordered = "unordered"
	// CreatedAndUpdated means that one response reports a new row both as created and as updated.
	CreatedAndUpdated = "created-and-updated"
	// CreatedAndRemoved means that one response reports a row as created and as removed.
	CreatedAndRemoved = "created-and-removed"
	// UpdatedAndRemoved means that one response reports a row as updated and as removed.
	UpdatedAndRemoved = "updated-and-removed"
	// PostedSameID means that a pending row is posted a day later under the same id.
	PostedSameID = "posted-same-id"
	// CursorForgotten means that the cursor is rejected until a sync starts without one.
	CursorForgotten = "cursor-forgotten"
	// CursorCircles means that the next 40 pages of a sync repeat the same two cursors.
	CursorCircles = "cursor-circles"
	// RenumberedDay means that a row is added to a day and gets the id of the day's first row. Each
	// other row of the day gets the id of the row after it.
	RenumberedDay = "renumbered-day"
	// SecondLink means that a pending row has an id of its own on each link of the login. It keeps
	// each of them for three days and after it is posted.
	SecondLink = "second-link"
)

// Situations of Dapi.
const (
	// EmptyResponse means that for an hour responses have no transactions although there are some.
	EmptyResponse = "empty-response"
	// ShortResponse means that for an hour responses leave out every third transaction.
	ShortResponse = "short-response"
	// FewerDays means that the institution serves 60 days instead of 90, and says so.
	FewerDays = "fewer-days"
	// FewerDaysUnsaid means that the institution serves 60 days but says 90.
	FewerDaysUnsaid = "fewer-days-unsaid"
	// DaysRefused means that for an hour days before the last 40 are rejected although 90 are
	// promised.
	DaysRefused = "days-refused"
	// TodayRefused means that for an hour the institution's current day is rejected while it has
	// not started in UTC.
	TodayRefused = "today-refused"
	// ValueDays means that each new row is selected by one day and shows a value date three or six
	// days later.
	ValueDays = "value-days"
)

// Situations of Plaid alone.
const (
	// PostedUnmatched means that a pending row is posted a day later under another id, and nothing
	// connects the two rows.
	PostedUnmatched = "posted-unmatched"
	// MutationDuringPagination means that the next page within a round of a sync is rejected. The
	// round has to start again from its first cursor.
	MutationDuringPagination = "mutation-during-pagination"
	// NotReady means that for an hour Plaid says that it has not fetched the transactions yet.
	NotReady = "not-ready"
)

// Situations returns the situations that [Bank.Stage] knows. Unless About says otherwise, a change
// shows after the next refresh of MoneyKit or Plaid, or in the next response of Dapi.
func Situations() []Situation {
	var all []Situation
	for _, known := range bank.Situations() {
		s := Situation{Name: known.Name, About: known.About}
		for _, spec := range specs() {
			if slices.Contains(spec.Situations, s.Name) {
				s.Providers = append(s.Providers, spec.Name)
			}
		}
		all = append(all, s)
	}
	return all
}

// Stage makes a situation happen in the first account of a MoneyKit link, a Dapi connection or a
// Plaid Item. A situation that changes one row can be staged repeatedly. The error is a [*Refusal]
// for an unknown name, if the provider does not have the situation, or if the account has no
// suitable row.
func (b *Bank) Stage(linkOrConnection, situation string) error {
	b.core.Lock()
	defer b.core.Unlock()
	l, err := b.find(linkOrConnection)
	if err != nil {
		return err
	}
	provider := l.State().Provider
	at := slices.IndexFunc(Situations(), func(s Situation) bool { return s.Name == situation })
	switch {
	case at < 0:
		return bank.Refuse(http.StatusBadRequest, "unknown situation %q", situation)
	case !slices.Contains(Situations()[at].Providers, provider):
		return bank.Refuse(http.StatusBadRequest, "%s does not have the situation %q", provider, situation)
	}
	l.Book().GrowFirst()
	return l.Stage(situation)
}
