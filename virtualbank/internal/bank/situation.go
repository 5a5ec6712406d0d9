package bank

// This file lists the situations.

import "time"

// The names of situations. They are the constants of package virtualbank.
const (
	IDChurn           = "id-churn"
	RemovedFirst      = "removed-first"
	Unordered         = "unordered"
	CreatedAndUpdated = "created-and-updated"
	CreatedAndRemoved = "created-and-removed"
	UpdatedAndRemoved = "updated-and-removed"
	PendingVanishes   = "pending-vanishes"
	Posted            = "posted"
	PostedSameID      = "posted-same-id"
	Tip               = "tip"
	FuelHold          = "fuel-hold"
	Late              = "late"
	VeryLate          = "very-late"
	Twin              = "twin"
	Edited            = "edited"
	Withdrawn         = "withdrawn"
	CursorForgotten   = "cursor-forgotten"
	CursorCircles     = "cursor-circles"
	EmptyResponse     = "empty-response"
	ShortResponse     = "short-response"
	FewerDays         = "fewer-days"
	FewerDaysUnsaid   = "fewer-days-unsaid"
	DaysIgnored       = "days-ignored"
	DaysRefused       = "days-refused"
	TodayRefused      = "today-refused"
	ValueDays         = "value-days"
	RenumberedDay     = "renumbered-day"
	SecondLink        = "second-link"
	TextDrift         = "text-drift"

	PostedUnmatched          = "posted-unmatched"
	MutationDuringPagination = "mutation-during-pagination"
	NotReady                 = "not-ready"
)

// StagedFor is how long a situation with an end lasts.
const StagedFor = time.Hour

// When the parts of a situation happen.
const (
	unfoldsAfter        = 24 * time.Hour
	lateDays, veryLater = 15, 40
)

// Situation is a change of stored transactions that real banks make.
type Situation struct{ Name, About string }

// Situations returns all situations. Each provider has some of them.
func Situations() []Situation {
	return []Situation{
		{IDChurn, "MoneyKit changes every transaction's id and reports the old ids as removed"},
		{RemovedFirst, "as id-churn, and the removed ids are on pages before the rows that replace them"},
		{Unordered, "as id-churn, and all lists are in no particular order"},
		{CreatedAndUpdated, "one response reports a new row both as created and as updated"},
		{CreatedAndRemoved, "one response reports a row as created and as removed"},
		{UpdatedAndRemoved, "one response reports a row as updated and as removed"},
		{PendingVanishes, "a pending row disappears a day later without a notice"},
		{Posted, "a pending row is posted a day later, under another id where rows have ids"},
		{PostedSameID, "a pending row is posted a day later under the same id"},
		{Tip, "a pending row is posted a day later with a larger amount"},
		{FuelHold, "a pending row is posted a day later with a much smaller amount"},
		{Late, "a row appears fifteen days after its date"},
		{VeryLate, "a row appears forty days after its date"},
		{Twin, "a second row appears that equals a row of the last two weeks in all but its id"},
		{Edited, "the amount of a row of the last two weeks is corrected"},
		{Withdrawn, "a booked row of the last two weeks is removed"},
		{CursorForgotten, "the cursor is rejected until a sync starts without one"},
		{CursorCircles, "the next 40 pages of a sync repeat the same two cursors"},
		{EmptyResponse, "for an hour, responses have no transactions although there are some"},
		{ShortResponse, "for an hour, responses leave out every third transaction"},
		{FewerDays, "the institution serves 60 days instead of 90, and says so"},
		{FewerDaysUnsaid, "the institution serves 60 days but says 90"},
		{DaysIgnored, "for an hour, responses have all rows, whatever days the request asks for"},
		{DaysRefused, "for an hour, days before the last 40 are rejected although 90 are promised"},
		{TodayRefused, "for an hour, the institution's current day is rejected until it starts in UTC"},
		{ValueDays, "each new row is selected by one day and shows a value date three or six days later"},
		{RenumberedDay, "a row is added to a day and gets the day's first id; the others get the next row's"},
		{SecondLink, "a pending row keeps its id on each link of the login, for three days and when posted"},
		{TextDrift, "texts change in invisible marks and spaces, and rows get other ids where they have ids"},
		{PostedUnmatched, "a pending row is posted a day later under another id, and nothing connects the two"},
		{MutationDuringPagination, "the next page within a round is rejected: the round has to start again"},
		{NotReady, "for an hour, the provider says that it has not fetched the transactions yet"},
	}
}
