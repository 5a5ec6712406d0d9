package virtualbank

import (
	"net/http"
	"slices"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// Situation is something that happens to stored transactions sooner or later, to test an
// application's storage against.
type Situation struct {
	Name      string   `json:"name"`
	About     string   `json:"about"`
	Providers []string `json:"providers"`
}

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

// Situations are those that [Bank.Stage] knows. Where nothing else is said, all of it is there
// after the next refresh of MoneyKit, or in Dapi's next answer.
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

// Stage brings a situation about for a MoneyKit link or a Dapi connection, in its first account.
// Row situations may be staged any number of times. The error is a [*Refusal] for an unknown name,
// where the provider cannot come into the situation, and where there is no row for it.
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
		return bank.Refuse(http.StatusBadRequest, "%s cannot come into the situation %q", provider, situation)
	}
	l.Book().GrowFirst()
	return l.Stage(situation)
}
