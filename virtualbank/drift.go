package virtualbank

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rawText returns the bank's own text of an event as it was written at a moment.
func (bk *book) rawText(e *event, at time.Time) *string {
	n := 0
	for n < len(bk.drifts) && !bk.drifts[n].After(at) {
		n++
	}
	if n == 0 || e.spec != nil {
		return &e.raw
	}
	text := drifted(e.raw, bk.bank.mix(e.id, "drift", strconv.Itoa(n)))
	return &text
}

// drifted writes a text in another way.
func drifted(raw string, way uint64) string {
	switch way % 5 {
	case 0:
		return "\u200f" + raw + "\u200e"
	case 1:
		return strings.ReplaceAll(raw, " ", "\u00a0")
	case 2:
		return raw[:1] + "\u200b" + raw[1:]
	case 3:
		return strings.Replace(raw, " #", " # ", 1)
	}
	return raw
}

// renumber adds a row to a day of the last two weeks and lets each row of the day have the id of
// the next, from the next refresh on.
func (b *Bank) renumber(l *link) error {
	a, today := l.book.accounts[0], dayOf(b.Now())
	first := slices.IndexFunc(a.events, func(e event) bool { return e.recent(today) })
	if first < 0 {
		return refuse(http.StatusConflict, "the account has no row of the last two weeks")
	}
	on := a.events[first].posted
	if err := b.stageRow(l.book, Late); err != nil {
		return err
	}
	added := &a.events[len(a.events)-1]
	added.began, added.posted = on, on
	ids := maps.Clone(l.ids)
	if ids == nil {
		ids = map[string]string{}
	}
	last := added.id
	for i := first; i < len(a.events)-1; i++ {
		if e := &a.events[i]; e.posted == on && e.recent(today) {
			ids[last], last = idOf(ids, e.id), e.id
		}
	}
	ids[last] = added.id
	l.ids = ids
	return nil
}

// idOf returns the event whose id an event has.
func idOf(ids map[string]string, event string) string {
	if other, ok := ids[event]; ok {
		return other
	}
	return event
}
