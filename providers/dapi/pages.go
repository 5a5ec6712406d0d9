package dapi

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
)

// pageAt is what the Next of a page says: where to go on, and what the pages before found out.
type pageAt struct {
	to   bankmux.Date // the last day still to be read
	size int          // days of a call
	found
}

// found is what the pages of a list found out about the bank.
type found struct {
	Drifted bool `json:"drifted,omitempty"` // it has written days that it was not asked for
	Far     bool `json:"far,omitempty"`     // and some that are further off than maxSlack
	Ignores bool `json:"ignores,omitempty"` // it serves all it has, whatever days are asked for

	// Split says that calls do not overlap. A row is then on the page of the call that had it.
	Split bool         `json:"split,omitempty"`
	Until bankmux.Date `json:"until,omitzero"` // rows of later days are on pages before
	After bankmux.Date `json:"after,omitzero"` // rows up to this day are on the page before, while from Floor on is read again
	Floor bankmux.Date `json:"floor,omitzero"`
	Sum   string       `json:"sum,omitempty"` // of the rows that the call before had
	Bad   []string     `json:"bad,omitempty"` // of rows that say no day and were named
}

func (p pageAt) String() string {
	text := p.to.String() + "/" + strconv.Itoa(p.size)
	raw, err := json.Marshal(p.found)
	if err != nil || string(raw) == "{}" { // days and texts: cannot fail
		return text
	}
	return text + "/" + string(raw)
}

func parsePage(text string) (p pageAt, err error) {
	parts := strings.SplitN(text, "/", 3)
	p.to, err = bankmux.ParseDate(parts[0])
	if err == nil && len(parts) > 1 {
		p.size, err = strconv.Atoi(parts[1])
	}
	if err == nil && len(parts) > 2 {
		err = json.Unmarshal([]byte(parts[2]), &p.found)
	}
	if err != nil || p.size < 1 || p.size > windowDays || p.String() != text {
		return p, &bankmux.Error{Kind: bankmux.ErrInvalid, Field: "TransactionsRequest.Page", Detail: "is not the Next of a page", NotSent: true}
	}
	return p, nil
}

// pageWindow is the call of a page. A challenge keeps it.
type pageWindow struct {
	window
	Found  found        `json:"found"`
	Size   int          `json:"size"`
	Newest bool         `json:"newest,omitempty"` // it is the first page of the list
	Begin  bankmux.Date `json:"begin"`            // the first day wanted
	End    bankmux.Date `json:"end"`              // and the last
	Low    bankmux.Date `json:"low"`              // the first day to ask for
	Upto   bankmux.Date `json:"upto"`             // the last day that this page can cover
}

// pageWindowOf is the call of a page that answers go on with.
func pageWindowOf(answers *bankmux.Answers) (w pageWindow, ok bool) {
	if answers == nil || json.Unmarshal(answers.Challenge.State, &w) != nil {
		return pageWindow{}, false
	}
	for _, day := range []bankmux.Date{w.From, w.To, w.First, w.Last, w.Begin, w.End, w.Low, w.Upto} {
		if !day.IsValid() {
			return pageWindow{}, false
		}
	}
	return w, w.Size > 0 && w.Size <= windowDays
}

// low is the first day that a list asks for. Where calls do not overlap, those of the margin before
// the days wanted are calls of their own.
func (w *windows) low(split bool) bankmux.Date {
	if !split {
		return w.first
	}
	return later(w.earliest, w.first.AddDays(-maxSlack))
}

// listing reads a page of a list.
type listing struct {
	api     *api
	path    string
	req     *bankmux.TransactionsRequest
	account bankmux.Transaction // what all rows have in common
}

// window is what the page asks for.
func (l *listing) window(days *windows, at pageAt) pageWindow {
	_, last := l.req.Limits(days.last)
	w := pageWindow{Found: at.found, Size: days.size, Newest: l.req.Page == "", Begin: days.first, End: last, Low: days.low(true)}
	if !at.Split && days.size == windowDays {
		w.window = days.next(at.to)
		if w.Newest && !w.Last.Before(w.First) {
			w.Last = later(w.Last, last) // a day of value may be one that has not come
		}
		w.Upto = earlier(w.Last, w.To)
		return w
	}
	to, served := at.to, days.last
	if days.without {
		served = served.AddDays(-1)
	}
	w.Found.Split, w.Upto = true, at.to
	switch {
	case at.Split:
		w.Upto = at.to.AddDays(maxSlack)
	case w.Newest:
		to = to.AddDays(maxSlack)
	default:
		to, w.Found.Until = to.AddDays(maxSlack), at.to
	}
	to = earlier(to, served)
	w.Upto = earlier(earlier(w.Upto, served), w.End)
	w.window = window{From: later(w.Low, to.AddDays(1-days.size)), To: to, First: w.Begin, Last: w.End}
	if !w.Found.Floor.IsZero() {
		w.From = later(w.From, w.Found.Floor)
		w.First = later(w.First, w.Found.After.AddDays(1))
	}
	if !w.Found.Until.IsZero() {
		w.Last, w.Upto = earlier(w.Last, w.Found.Until), earlier(w.Upto, w.Found.Until)
	}
	if w.Found.Ignores { // each call has all rows
		w.First = later(w.First, w.From)
		if !w.Newest {
			w.Last = earlier(w.Last, to)
		}
	}
	return w
}

// read makes the call of a window and returns its page.
func (l *listing) read(ctx context.Context, w *pageWindow, now time.Time) (bankmux.TransactionPage, error) {
	l.account = bankmux.Transaction{Card: len(l.req.Cards) == 1, Account: slices.Concat(l.req.Accounts, l.req.Cards)[0]}
	body := l.api.rowsOf(&l.req.Connection, l.account.Account, l.account.Card)
	body.FromDate, body.ToDate = w.From.String(), w.To.String()
	got := pageRows{w: w}
	err := l.api.transactions(ctx, l.path, l.req.Connection, l.req.Answers, body, func(i, left int, read *transaction) {
		if got.rows == nil {
			got.rows = make([]bankmux.Transaction, 0, left/rowBytes+1)
		}
		got.rows = wire.AppendZero(got.rows)
		row := &got.rows[len(got.rows)-1]
		row.Account, row.Card = l.account.Account, l.account.Card
		fault := read.fill(row)
		got.add(row)
		got.note(row.Date)
		if fault != nil {
			failure := bankmux.Failure{Account: l.account.Account, Transaction: wire.RowName("", i+1), Err: fault}
			got.bad = append(got.bad, badRow{row.Date, digest(row, fault), failure})
			*row = bankmux.Transaction{}
			got.rows = got.rows[:len(got.rows)-1]
		}
	})
	if err != nil {
		return bankmux.TransactionPage{}, interrupted(err, *w)
	}
	page := got.page()
	page.AsOf = now
	for i := range page.Covered {
		page.Covered[i].Account, page.Covered[i].Card = l.account.Account, l.account.Card
	}
	if w.Newest && w.To.Before(w.Begin) { // the bank refuses all days that are wanted
		page.Gaps = []bankmux.Covered{{Account: l.account.Account, Card: l.account.Card, From: w.Begin, To: w.End}}
	}
	return page, nil
}

// nothing is the page of days that the bank refuses one by one.
func (l *listing) nothing(days *windows, at pageAt, refused error) (bankmux.TransactionPage, error) {
	if l.req.Page == "" || (refusesGaps(l.req) && !at.to.Before(days.first)) {
		return bankmux.TransactionPage{}, refused
	}
	var page bankmux.TransactionPage
	span := func(from, to bankmux.Date) []bankmux.Covered {
		if to.Before(from) {
			return nil
		}
		return []bankmux.Covered{{
			Account: slices.Concat(l.req.Accounts, l.req.Cards)[0], Card: len(l.req.Cards) == 1, From: from, To: to,
		}}
	}
	page.Gaps = span(days.first, at.to)
	if at.Split && !at.Drifted { // its margin was refused
		_, last := l.req.Limits(days.last)
		to := earlier(earlier(at.to.AddDays(maxSlack), last), days.last)
		if !at.Until.IsZero() {
			to = earlier(to, at.Until)
		}
		page.Covered = span(later(days.first, at.to.AddDays(1)), to)
	}
	return page, nil
}
