package reconcile

// This file has what the Next of a page holds: where the list goes on, and what it found out.

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/bankmux/bankmux"
)

// pagePosition is the content of the Next of a page: where the list continues, and what earlier
// pages found out.
type pagePosition struct {
	to   bankmux.Date // the last day still to be read
	size int          // days per call
	findings
}

// findings are what the pages of a list found out about the bank.
type findings struct {
	Drifted bool `json:"drifted,omitempty"` // it has written days that it was not asked for
	Far     bool `json:"far,omitempty"`     // some of them are further off than maxSlack
	Ignores bool `json:"ignores,omitempty"` // it serves all rows, whatever days are asked for

	// Split says that calls do not overlap. A row is then on the page of the call that had it.
	Split bool         `json:"split,omitempty"`
	Until bankmux.Date `json:"until,omitzero"` // rows of later days are on earlier pages
	// rows up to this day are on the previous page, while days from Floor on are read again
	After bankmux.Date `json:"after,omitzero"`
	Floor bankmux.Date `json:"floor,omitzero"`
	Sum   string       `json:"sum,omitempty"` // checksum of the rows of the previous call
	Bad   []string     `json:"bad,omitempty"` // unreadable rows without a day that were reported
}

func (p pagePosition) String() string {
	text := p.to.String() + "/" + strconv.Itoa(p.size)
	raw, err := json.Marshal(p.findings)
	if err != nil || string(raw) == "{}" { // days and texts: never fails
		return text
	}
	return text + "/" + string(raw)
}

func parsePage(text string) (p pagePosition, err error) {
	parts := strings.SplitN(text, "/", 3)
	p.to, err = bankmux.ParseDate(parts[0])
	if err == nil && len(parts) > 1 {
		p.size, err = strconv.Atoi(parts[1])
	}
	if err == nil && len(parts) > 2 {
		err = json.Unmarshal([]byte(parts[2]), &p.findings)
	}
	if err != nil || p.size < 1 || p.size > windowDays || p.String() != text {
		return p, &bankmux.Error{
			Kind:    bankmux.ErrInvalid,
			Field:   "TransactionsRequest.Page",
			Detail:  "is not the Next of a page",
			NotSent: true,
		}
	}
	return p, nil
}

// pageWindow is the call of a page. A challenge keeps it.
type pageWindow struct {
	window
	Found  findings     `json:"found"`
	Size   int          `json:"size"`
	Newest bool         `json:"newest,omitempty"` // it is the first page of the list
	Begin  bankmux.Date `json:"begin"`            // the first day wanted
	End    bankmux.Date `json:"end"`              // the last day wanted
	Low    bankmux.Date `json:"low"`              // the first day to ask for
	Upto   bankmux.Date `json:"upto"`             // the last day that this page can cover
}

// interruptedWindow returns the call of a page that answers continue.
func interruptedWindow(answers **bankmux.Answers) (w pageWindow, ok bool) {
	if *answers == nil || !takeStep(answers, &w) {
		return pageWindow{}, false
	}
	for _, day := range []bankmux.Date{w.From, w.To, w.First, w.Last, w.Begin, w.End, w.Low, w.Upto} {
		if !day.IsValid() {
			return pageWindow{}, false
		}
	}
	return w, w.Size > 0 && w.Size <= windowDays
}

// firstAsked returns the first day that a list asks for. If calls do not overlap, the margin before
// the wanted days is read by calls of its own.
func (w *windows) firstAsked(split bool) bankmux.Date {
	if !split {
		return w.first
	}
	return later(w.earliest, w.first.AddDays(-maxSlack))
}
