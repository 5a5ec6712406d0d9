package virtualbank

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
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
	IDChurn             = "id-churn"
	RemovedFirst        = "removed-first"
	Unordered           = "unordered"
	CreatedAndUpdated   = "created-and-updated"
	CreatedAndRemoved   = "created-and-removed"
	UpdatedAndRemoved   = "updated-and-removed"
	PendingVanishes     = "pending-vanishes"
	Posted              = "posted"
	PostedSameID        = "posted-same-id"
	Tip                 = "tip"
	FuelHold            = "fuel-hold"
	Late                = "late"
	VeryLate            = "very-late"
	Twin                = "twin"
	Edited              = "edited"
	Withdrawn           = "withdrawn"
	CursorForgotten     = "cursor-forgotten"
	CursorCircles       = "cursor-circles"
	EmptyAnswer         = "empty-answer"
	ShortAnswer         = "short-answer"
	FewerDays           = "fewer-days"
	FewerDaysUnsaid     = "fewer-days-unsaid"
	DaysIgnored         = "days-ignored"
	DaysRefused         = "days-refused"
	TodayRefused        = "today-refused"
	ValueDays           = "value-days"
	RenumberedDay       = "renumbered-day"
	SecondLink          = "second-link"
	TextDrift           = "text-drift"
	lastingFor          = time.Hour
	unfoldsAfter        = 24 * time.Hour
	circlingAnswers     = 40
	fewerDays           = 60
	grantedDays         = 40
	lateDays, veryLater = 15, 40
)

// Situations are those that [Bank.Stage] knows. Where nothing else is said, all of it is there
// after the next refresh of MoneyKit, or in Dapi's next answer.
func Situations() []Situation {
	both, mk, dp := []string{providerMoneyKit, providerDapi}, []string{providerMoneyKit}, []string{providerDapi}
	return []Situation{
		{IDChurn, "every transaction gets another id; the old ones are told removed", mk},
		{RemovedFirst, "the same, and the removed ids come on pages before the rows that take their place", mk},
		{Unordered, "every transaction gets another id, and all lists come in no order", mk},
		{CreatedAndUpdated, "a new row is both created and updated in one answer", mk},
		{CreatedAndRemoved, "a row is created and removed in one answer", mk},
		{UpdatedAndRemoved, "a row is updated and removed in one answer", mk},
		{PendingVanishes, "a pending row, of which nothing is left a day later; nobody says so", both},
		{Posted, "a pending row, posted a day later, under another id where there are ids", both},
		{PostedSameID, "a pending row, posted a day later under the same id", mk},
		{Tip, "a pending row, posted a day later with more", both},
		{FuelHold, "a pending row, posted a day later with far less", both},
		{Late, "a row that the bank shows fifteen days after its date", both},
		{VeryLate, "a row that the bank shows forty days after its date", both},
		{Twin, "a second row that equals one of the last two weeks in all but its id", both},
		{Edited, "the amount of a row of the last two weeks is corrected", both},
		{Withdrawn, "a booked row of the last two weeks is taken back", both},
		{CursorForgotten, "the cursor is refused until the sync begins anew", mk},
		{CursorCircles, "the next pages are the same two, again and again", mk},
		{EmptyAnswer, "for an hour, no transactions though there are", dp},
		{ShortAnswer, "for an hour, every third transaction is left out", dp},
		{FewerDays, "the bank serves 60 days where it served 90, and says so", dp},
		{FewerDaysUnsaid, "the bank serves 60 days where it says 90", dp},
		{DaysIgnored, "for an hour, all rows there are, whatever days are asked for", both},
		{DaysRefused, "for an hour, days before the last 40 are refused, though 90 are promised", dp},
		{TodayRefused, "for an hour, the day that has begun at the bank is refused until it begins in UTC", dp},
		{
			ValueDays,
			"from now on, each new row is selected by one day and written with another, three or six days later",
			dp,
		},
		{
			RenumberedDay,
			"a row is added to a day and gets the first id of that day; each of the others gets the id of the next",
			mk,
		},
		{
			SecondLink,
			"a pending row that keeps its id on each link to the login for three days, and when it is posted",
			mk,
		},
		{
			TextDrift,
			"every text is written in another way: marks that cannot be seen, other spaces; where there are ids, those are others too",
			both,
		},
	}
}

// Stage brings a situation about for a MoneyKit link or a Dapi connection, in its first account.
// Row situations may be staged any number of times. The error is a [*Refusal] for an unknown name,
// where the provider cannot come into the situation, and where there is no row for it.
func (b *Bank) Stage(linkOrConnection, situation string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	ref, refused := b.find(linkOrConnection)
	if refused != nil {
		return refused
	}
	provider := providerDapi
	if ref.link != nil {
		provider = providerMoneyKit
	}
	at := slices.IndexFunc(Situations(), func(s Situation) bool { return s.Name == situation })
	switch {
	case at < 0:
		return refuse(http.StatusBadRequest, "unknown situation %q", situation)
	case !slices.Contains(Situations()[at].Providers, provider):
		return refuse(http.StatusBadRequest, "%s cannot come into the situation %q", provider, situation)
	}
	ref.book.grow(ref.book.accounts[0], dayOf(b.Now()))
	switch situation {
	case IDChurn,
		RemovedFirst,
		Unordered,
		CreatedAndUpdated,
		CreatedAndRemoved,
		UpdatedAndRemoved,
		CursorForgotten,
		CursorCircles,
		RenumberedDay:
		return b.stageRecord(ref.link, situation)
	case DaysIgnored:
		if ref.link != nil {
			ref.link.ignoresUntil = b.Now().Add(lastingFor)
			return nil
		}
		fallthrough
	case EmptyAnswer, ShortAnswer, DaysRefused, TodayRefused:
		ref.conn.spoiled, ref.conn.spoiledUntil = situation, b.Now().Add(lastingFor)
	case FewerDays:
		b.served[ref.book.institution.Name] = fewerDays
	case ValueDays:
		if ref.book.valueSince.IsZero() {
			ref.book.valueSince = b.Now()
		}
	case TextDrift:
		ref.book.drifts = append(ref.book.drifts, b.Now())
		if ref.link != nil {
			ref.link.churn++
		}
	case FewerDaysUnsaid:
		b.unsaid[ref.book.institution.Name] = fewerDays
	default:
		if err := b.stageRow(ref.book, situation); err != nil {
			return err
		}
		ref.moved(b)
	}
	return nil
}

// stageRecord spoils MoneyKit's record of changes.
func (b *Bank) stageRecord(l *link, situation string) error {
	var refused error
	switch situation {
	case CursorForgotten:
		l.forgot = true
		return nil
	case CursorCircles:
		l.circles = circlingAnswers
		return nil
	case IDChurn, RemovedFirst, Unordered:
		l.churn++
	case RenumberedDay:
		return b.renumber(l)
	case UpdatedAndRemoved:
		refused = b.stageRow(l.book, Withdrawn)
	default:
		refused = b.stageRow(l.book, Late)
	}
	if refused == nil {
		l.twists = append(l.twists, twist{situation, len(l.history) + 1})
	}
	return refused
}

// twist is a situation of the changes that lead to a state.
type twist struct {
	situation string
	to        int
}

// twisted are changes as the situations have them. First comes the order, then what has an order of
// its own: a row is not removed before it is created.
func (l *link) twisted(list []change, from, to int) []change {
	var twists []twist
	for _, t := range l.twists {
		if from < t.to && t.to <= to {
			twists = append(twists, t)
		}
	}
	for _, t := range twists {
		switch t.situation {
		case RemovedFirst:
			slices.SortStableFunc(list, func(x, y change) int { return len(y.removed) - len(x.removed) })
		case Unordered:
			slices.Reverse(list)
			for i := 0; i+7 < len(list); i += 8 {
				list[i], list[i+7] = list[i+7], list[i]
			}
		}
	}
	for _, t := range twists {
		switch t.situation {
		case CreatedAndUpdated:
			if i := slices.IndexFunc(
				list,
				func(c change) bool { return c.created != nil && !c.created.Pending },
			); i >= 0 {
				list = slices.Insert(list, i+1, change{updated: list[i].created})
			}
		case CreatedAndRemoved:
			if i := slices.IndexFunc(
				list,
				func(c change) bool { return c.created != nil && !c.created.Pending },
			); i >= 0 {
				short := *list[i].created
				short.ID = "txn_" + l.book.bank.name58(22, l.id, "short-lived", strconv.Itoa(t.to))
				list = slices.Insert(list, i+1, change{created: &short}, change{removed: short.ID})
			}
		case UpdatedAndRemoved:
			before := l.stored(from, l.book.accounts)
			for i, c := range list {
				at := slices.IndexFunc(before, func(t mkTransaction) bool { return t.ID == c.removed })
				if c.removed != "" && at >= 0 {
					list = slices.Insert(list, i, change{updated: &before[at]})
					break
				}
			}
		}
	}
	return list
}

// stageRow puts a row into the first account, or changes one that is there.
func (b *Bank) stageRow(bk *book, situation string) error {
	a, now := bk.accounts[0], b.Now()
	today := dayOf(now)
	n := len(a.events)
	text := fmt.Sprintf("Staged %d", n)
	e := event{
		id: b.name58(
			12,
			bk.institution.Name,
			bk.username,
			a.key,
			"staged",
			strconv.Itoa(n),
		),
		began:   today,
		posted:  today,
		appears: today,
		since:   now,
		hold:    -5000,
		amount:  -5000,
		text:    text,
		raw:     text,
	}
	switch situation {
	case PendingVanishes:
		e.posted, e.until = today+1, now.Add(unfoldsAfter)
	case Posted:
		e.posted = today + 1
	case PostedSameID:
		e.posted, e.keepsID = today+1, true
	case SecondLink:
		e.posted, e.keepsID = today+3, true
	case Tip:
		e.posted, e.amount = today+1, -5900
	case FuelHold:
		e.posted, e.hold, e.amount = today+1, -10000, -4711
	case Late:
		e.began, e.posted = today-lateDays, today-lateDays
	case VeryLate:
		e.began, e.posted = today-veryLater, today-veryLater
	case Twin:
		i := slices.IndexFunc(a.events, func(e event) bool { return e.recent(today) && e.amount == e.hold })
		if i < 0 {
			return refuse(http.StatusConflict, "the account has no row of the last two weeks")
		}
		first := a.events[i]
		e.began, e.posted, e.hold, e.amount, e.text, e.raw, e.ref = first.posted, first.posted, first.amount, first.amount, first.text, first.raw, first.ref
	case Edited, Withdrawn:
		i := slices.IndexFunc(a.events, func(e event) bool { return e.recent(today) })
		switch {
		case i < 0:
			return refuse(http.StatusConflict, "the account has no row of the last two weeks")
		case situation == Edited:
			a.events[i].edit, a.events[i].edited = now, a.events[i].amount-123
		default:
			a.events[i].until = now
		}
		return nil
	}
	a.events = append(a.events, e)
	return nil
}

// recent reports whether a row is booked, some days old, and nothing was staged with it.
func (e *event) recent(today day) bool {
	return e.posted > today-14 && e.posted < today-2 && e.appears < today && e.spec == nil && e.until.IsZero() &&
		e.edit.IsZero()
}
