package virtualbank

import (
	"net/http"
	"slices"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// Situation is a change of stored transactions that real banks make, to test an application's
// storage with.
type Situation struct {
	Name      string   `json:"name"`
	About     string   `json:"about"`
	Providers []string `json:"providers"`
}

// Situations of both providers. [Situations] describes each.
const (
	PendingVanishes = "pending-vanishes"
	Posted          = "posted"
	Tip             = "tip"
	FuelHold        = "fuel-hold"
	Late            = "late"
	VeryLate        = "very-late"
	Twin            = "twin"
	Edited          = "edited"
	Withdrawn       = "withdrawn"
	DaysIgnored     = "days-ignored"
	TextDrift       = "text-drift"
)

// Situations of MoneyKit. [Situations] describes each.
const (
	IDChurn           = "id-churn"
	RemovedFirst      = "removed-first"
	Unordered         = "unordered"
	CreatedAndUpdated = "created-and-updated"
	CreatedAndRemoved = "created-and-removed"
	UpdatedAndRemoved = "updated-and-removed"
	PostedSameID      = "posted-same-id"
	CursorForgotten   = "cursor-forgotten"
	CursorCircles     = "cursor-circles"
	RenumberedDay     = "renumbered-day"
	SecondLink        = "second-link"
)

// Situations of Dapi. [Situations] describes each.
const (
	EmptyAnswer     = "empty-answer"
	ShortAnswer     = "short-answer"
	FewerDays       = "fewer-days"
	FewerDaysUnsaid = "fewer-days-unsaid"
	DaysRefused     = "days-refused"
	TodayRefused    = "today-refused"
	ValueDays       = "value-days"
)

// Situations returns the situations that [Bank.Stage] knows. Unless About says otherwise, a change
// shows after the next refresh of MoneyKit or in the next response of Dapi.
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

// Stage makes a situation happen in the first account of a MoneyKit link or a Dapi connection.
// Situations about a row can be staged repeatedly. The error is a [*Refusal] for an unknown name,
// if the provider does not have the situation, and if the account has no suitable row.
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
