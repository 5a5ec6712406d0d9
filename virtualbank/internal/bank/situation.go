package bank

import "time"

// The names of situations.
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
	EmptyAnswer       = "empty-answer"
	ShortAnswer       = "short-answer"
	FewerDays         = "fewer-days"
	FewerDaysUnsaid   = "fewer-days-unsaid"
	DaysIgnored       = "days-ignored"
	DaysRefused       = "days-refused"
	TodayRefused      = "today-refused"
	ValueDays         = "value-days"
	RenumberedDay     = "renumbered-day"
	SecondLink        = "second-link"
	TextDrift         = "text-drift"
)

// StagedFor is how long a situation lasts that ends of itself.
const StagedFor = time.Hour

const (
	unfoldsAfter        = 24 * time.Hour
	lateDays, veryLater = 15, 40
)

// Situation is something that happens to stored transactions sooner or later.
type Situation struct{ Name, About string }

// Situations are all situations. Each provider has some of them.
func Situations() []Situation {
	return []Situation{
		{IDChurn, "every transaction gets another id; the old ones are told removed"},
		{RemovedFirst, "the same, and the removed ids come on pages before the rows that take their place"},
		{Unordered, "every transaction gets another id, and all lists come in no order"},
		{CreatedAndUpdated, "a new row is both created and updated in one answer"},
		{CreatedAndRemoved, "a row is created and removed in one answer"},
		{UpdatedAndRemoved, "a row is updated and removed in one answer"},
		{PendingVanishes, "a pending row, of which nothing is left a day later; nobody says so"},
		{Posted, "a pending row, posted a day later, under another id where there are ids"},
		{PostedSameID, "a pending row, posted a day later under the same id"},
		{Tip, "a pending row, posted a day later with more"},
		{FuelHold, "a pending row, posted a day later with far less"},
		{Late, "a row that the bank shows fifteen days after its date"},
		{VeryLate, "a row that the bank shows forty days after its date"},
		{Twin, "a second row that equals one of the last two weeks in all but its id"},
		{Edited, "the amount of a row of the last two weeks is corrected"},
		{Withdrawn, "a booked row of the last two weeks is taken back"},
		{CursorForgotten, "the cursor is refused until the sync begins anew"},
		{CursorCircles, "the next pages are the same two, again and again"},
		{EmptyAnswer, "for an hour, no transactions though there are"},
		{ShortAnswer, "for an hour, every third transaction is left out"},
		{FewerDays, "the bank serves 60 days where it served 90, and says so"},
		{FewerDaysUnsaid, "the bank serves 60 days where it says 90"},
		{DaysIgnored, "for an hour, all rows there are, whatever days are asked for"},
		{DaysRefused, "for an hour, days before the last 40 are refused, though 90 are promised"},
		{TodayRefused, "for an hour, the day that has begun at the bank is refused until it begins in UTC"},
		{ValueDays, "from now on, each new row is selected by one day and written with another, three or six days later"},
		{RenumberedDay, "a row is added to a day and gets the first id of that day; each of the others gets the id of the next"},
		{SecondLink, "a pending row that keeps its id on each link to the login for three days, and when it is posted"},
		{TextDrift, "every text is written in another way: marks that cannot be seen, other spaces; where there are ids, those are others too"},
	}
}
