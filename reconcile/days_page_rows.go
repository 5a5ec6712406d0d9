package reconcile

// This file decides which rows of a call are on a page of a list.

import (
	"hash/fnv"
	"slices"
	"strconv"

	"github.com/bankmux/bankmux"
)

// pageRows are the rows that a call of a list returned, before it is known which are on the page.
type pageRows struct {
	w      *pageWindow
	rows   []bankmux.Transaction
	failed []failedRow

	hash        uint64       // of all rows; the order does not matter
	hashedDay   bankmux.Date // of the last row in hash
	severalDays bool         // rows have more than one day
	outside     int          // rows of days that were not asked for
	far         bool         // one is further off than maxSlack
	furthest    int          // days that a row is off at most

	lastDay        bankmux.Date // the last argument of addDay
	lastAsked      bool         // it was asked for, or is zero
	oldest, newest bankmux.Date // of all rows that have a day
}

// failedRow is a row that cannot be read.
type failedRow struct {
	day     bankmux.Date // zero if it has none
	content string
	failure bankmux.Failure
}

// addDay notes the day of a row. Rows of one day are mostly neighbours.
func (p *pageRows) addDay(day bankmux.Date) {
	if day != p.lastDay {
		p.lastDay, p.lastAsked = day, day.IsZero() || p.w.asked(day)
		if !day.IsZero() {
			if p.newest.IsZero() {
				p.oldest = day
			}
			p.oldest, p.newest = earlier(p.oldest, day), later(p.newest, day)
		}
	}
	if p.lastAsked || day.IsZero() {
		return
	}
	p.outside++
	away := max(p.w.From.DaysSince(day), day.DaysSince(p.w.To))
	p.furthest = max(p.furthest, away)
	p.far = p.far || away > maxSlack
}

// add notes a row.
func (p *pageRows) add(row *bankmux.Transaction) {
	p.addToSum(row)
	p.addDay(row.Date)
}

// ignores reports whether the bank serves all rows, whatever days are asked for. A bank that
// selects by another day than it writes has fewer rows that are far off.
func (p *pageRows) ignores() bool {
	return p.furthest > windowDays && 2*p.outside >= len(p.rows)+len(p.failed)
}

// addToSum adds a row to the checksum. It reads no text, since it is called for every row.
func (p *pageRows) addToSum(row *bankmux.Transaction) {
	const prime = 1099511628211
	d := row.Date
	p.severalDays = p.severalDays || (p.hash != 0 && d != p.hashedDay)
	p.hashedDay = d
	mix := uint64(d.Year)<<9 | uint64(d.Month)<<5 | uint64(d.Day) //nolint:gosec // bits to mix
	mix = (mix ^ row.Amount.Decimal().Coef()) * prime
	for _, n := range [...]int{row.Amount.Sign(), len(row.Description), len(row.Details), len(row.Reference)} {
		mix = (mix ^ uint64(n)) * prime //nolint:gosec // bits to mix
	}
	p.hash += mix | 1
}

// sum returns a checksum that is the same for two calls with the same rows.
func (p *pageRows) sum() string {
	if p.hash == 0 {
		return ""
	}
	return strconv.FormatUint(p.hash, 36)
}

// page keeps the page's own rows and sets where the list continues.
func (p *pageRows) page() (page bankmux.TransactionPage) {
	w, next := p.w, p.w.Found
	first, last := w.First, w.Last
	next.Drifted = next.Drifted || p.outside > 0
	split, over := next.Split, false
	sum := p.sum()
	// two calls for single days may have equal rows
	repeated := sum != "" && sum == next.Sum && (p.severalDays || w.Size >= 7)
	next.Sum = sum
	switch {
	case next.Ignores:
	case !split && (p.ignores() || (repeated && p.far)): // each row is on the page of its day
		next.Ignores = true
	case !split && p.far: // the page of its day may lack it
		first, next.Far, next.Split = w.Begin, true, true
		if w.Newest {
			last = w.End
		}
	case split:
		next.Far = next.Far || p.far
		switch {
		case repeated, p.ignores() && !w.Newest: // earlier pages have all rows
			over = true
		case p.ignores():
			next.Ignores, first = true, later(first, w.From)
		}
	}
	if over {
		first, last = w.End.AddDays(1), w.End
	}
	newer := p.takeDays(&page, first, last)
	p.addUnreadable(&page, &next, first, last)
	if over {
		return page
	}
	page.Next = w.next(next, newer)
	p.addCovered(&page, next)
	return page
}

// takeDays keeps the rows of some days and counts the others. It reports whether wanted rows of
// later days are left out.
func (p *pageRows) takeDays(page *bankmux.TransactionPage, first, last bankmux.Date) (newer bool) {
	if !p.oldest.Before(first) && !p.newest.After(last) {
		page.Transactions = p.rows
		return false
	}
	kept := 0
	for i := range p.rows {
		day := p.rows[i].Date
		if day.Before(first) || day.After(last) {
			if !p.w.asked(day) {
				page.Outside++
			}
			newer = newer || (day.After(last) && !day.After(p.w.End))
			continue
		}
		if kept != i {
			p.rows[kept] = p.rows[i]
		}
		kept++
	}
	page.Transactions = p.rows[:kept]
	return newer
}

// maxRemembered is how many rows without a day the Next of a page remembers.
const maxRemembered = 50

// addUnreadable reports the rows that cannot be read. Those with a day are treated as other rows.
// Those without a day are reported once.
func (p *pageRows) addUnreadable(page *bankmux.TransactionPage, next *findings, first, last bankmux.Date) {
	named := map[string]int{}
	for _, content := range next.Bad {
		named[content]++
	}
	bad := slices.Clone(next.Bad)
	for _, b := range p.failed {
		switch {
		case b.day.IsZero():
			if named[b.content] > 0 {
				named[b.content]-- // an earlier page reported it
				continue
			}
			if len(bad) < maxRemembered {
				bad = append(bad, b.content)
			}
		case b.day.Before(first) || b.day.After(last):
			if !p.w.asked(b.day) {
				page.Outside++
			}
			continue
		}
		page.Failed = append(page.Failed, b.failure)
	}
	next.Bad = bad
}

// next returns where the list continues, "" at the end. newer says that the call had rows of later
// days.
func (w *pageWindow) next(f findings, newer bool) string {
	at := pagePosition{to: w.From.AddDays(-1), size: w.Size, findings: f}
	switch {
	case !f.Split:
		at.to = w.First.AddDays(-1)
		if at.to.Before(w.Begin) {
			return ""
		}
		return at.String()
	case !w.Found.Split && !w.Newest && newer:
		// The previous page asked for the days after these, and had their rows.
		if to := w.Last.AddDays(-maxSlack); !to.Before(w.From) {
			// the next call may have the same rows
			at.to, at.Floor, at.After, at.Sum = to, w.From, w.Last, ""
			return at.String()
		}
	case !at.Floor.IsZero() && at.to.Before(at.Floor):
		at.Floor, at.After = bankmux.Date{}, bankmux.Date{}
	}
	if at.to.Before(w.Low) {
		return ""
	}
	return at.String()
}

// addCovered adds the days that are complete now. Rows selected by a day before those that were
// read may have been written on the first of them.
func (p *pageRows) addCovered(page *bankmux.TransactionPage, f findings) {
	w := p.w
	if f.Far {
		return
	}
	from := w.First
	switch {
	case f.Split && f.Ignores:
	case f.Split && page.Next != "":
		from = later(w.Begin, w.From.AddDays(maxSlack))
	case f.Drifted:
		from = later(from, w.From.AddDays(maxSlack))
	}
	if !from.After(w.Upto) {
		page.Covered = []bankmux.Covered{{From: from, To: w.Upto}}
	}
}

// unreadableDigest differs between unreadable rows with different content.
func unreadableDigest(u *UnreadableRow) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(contentOf(&u.Row) + "\x00"))
	if u.Failure.Err != nil {
		_, _ = h.Write([]byte(u.Failure.Err.Detail))
	}
	return strconv.FormatUint(h.Sum64(), 36)
}
