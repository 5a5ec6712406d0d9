package reconcile

// This file compares rows of one day and amount by their texts.

import (
	"bytes"
	"cmp"
	"slices"
)

// sameDay compares the rows of one day and amount by their texts. It reuses its memory for the next
// day and amount.
type sameDay struct {
	c     *comparison
	index *rowIndex
	// letters and digits of all texts and references
	letters []byte
	old     []dayRow[*knownRow]
	new     []dayRow[int32] // by their index in the reading
}

// dayRow is a row and the positions of its text and reference in letters.
type dayRow[T any] struct {
	row           T
	from, to, end int32
	bigrams       bigrams
}

// dayMatch is a known row and the first row of its day and amount in the index.
type dayMatch struct{ old, from int32 }

// bySameDay pairs rows of one day and amount whose texts agree in letters and digits and of which
// at most one has a reference. Providers change punctuation between readings, and some leave out
// the bank's reference. Texts that nearly agree are suggested.
func (c *comparison) bySameDay() {
	if c.allPaired() {
		return
	}
	var meetings []dayMatch
	day := sameDay{c: c}
	for i := range c.known {
		k := &c.known[i]
		if k.match != nil || !c.mayHaveAnotherID(k) {
			continue
		}
		if day.index == nil {
			day.index = c.indexBy(indexKey{amount: true}, unpaired)
		}
		if at := day.index.find(k, "", k.Date, k.Date); at.from < at.to {
			if meetings == nil {
				meetings = make([]dayMatch, 0, len(c.known)-i)
			}
			meetings = append(meetings, dayMatch{int32Of(i), int32Of(at.from)})
		}
	}
	slices.SortFunc(meetings, func(a, b dayMatch) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.old, b.old))
	})
	for len(meetings) > 0 {
		n := 1
		for n < len(meetings) && meetings[n].from == meetings[0].from {
			n++
		}
		k := &c.known[meetings[0].old]
		at := day.index.find(k, "", k.Date, k.Date)
		day.read(at, meetings[:n])
		day.pair()
		day.suggest(at)
		meetings = meetings[n:]
	}
}

// read sorts the rows by letters and digits, and in the index as well.
func (d *sameDay) read(at rowSpan, meetings []dayMatch) {
	d.letters, d.old, d.new = d.letters[:0], d.old[:0], d.new[:0]
	strip := func(text, reference string) (from, to, end int32) {
		from = int32Of(len(d.letters))
		d.letters = appendLetters(d.letters, text)
		to = int32Of(len(d.letters))
		d.letters = appendLetters(d.letters, normal(reference))
		return from, to, int32Of(len(d.letters))
	}
	for _, i := range at.order[at.from:at.to] {
		n := &d.c.read[i]
		from, to, end := strip(n.text, n.ref)
		d.new = append(d.new, dayRow[int32]{i, from, to, end, bigramsOf(d.letters[from:to])})
	}
	for _, m := range meetings {
		k := &d.c.known[m.old]
		from, to, end := strip(k.Text, k.Reference)
		d.old = append(d.old, dayRow[*knownRow]{k, from, to, end, bigramsOf(d.letters[from:to])})
	}
	slices.SortFunc(d.new, func(a, b dayRow[int32]) int {
		x, y := &d.c.read[a.row], &d.c.read[b.row]
		return cmp.Or(
			bytes.Compare(d.letters[a.from:a.to], d.letters[b.from:b.to]),
			cmp.Compare(x.text, y.text),
			cmp.Compare(a.row, b.row),
		)
	})
	slices.SortStableFunc(d.old, func(a, b dayRow[*knownRow]) int {
		return cmp.Or(
			bytes.Compare(d.letters[a.from:a.to], d.letters[b.from:b.to]),
			cmp.Compare(a.row.Text, b.row.Text),
		)
	})
	for i, n := range d.new {
		at.order[at.from+i] = n.row
	}
}

// pair pairs rows of equal letters and digits. Rows of equal text go first.
func (d *sameDay) pair() {
	byBones := func(a dayRow[*knownRow], b dayRow[int32]) int {
		return bytes.Compare(d.letters[a.from:a.to], d.letters[b.from:b.to])
	}
	runs(d.old, d.new, byBones, func(old []dayRow[*knownRow], new []dayRow[int32]) {
		byText := func(a dayRow[*knownRow], b dayRow[int32]) int {
			return cmp.Compare(a.row.Text, d.c.read[b.row].text)
		}
		runs(old, new, byText, d.pairByReference)
		d.pairByReference(old, new)
	})
}

// runs calls do with the elements of two sorted lists that compare equal.
func runs[A, B any](a []A, b []B, compare func(A, B) int, do func([]A, []B)) {
	for len(a) > 0 && len(b) > 0 {
		switch by := compare(a[0], b[0]); {
		case by < 0:
			a = a[1:]
		case by > 0:
			b = b[1:]
		default:
			i, j := 1, 1
			for i < len(a) && compare(a[i], b[0]) == 0 {
				i++
			}
			for j < len(b) && compare(a[0], b[j]) == 0 {
				j++
			}
			do(a[:i], b[:j])
			a, b = a[i:], b[j:]
		}
	}
}

// pairByReference pairs rows of the same reference, then those whose references agree in letters
// and digits. Then it pairs rows of which at most one has a reference. Known rows without one go
// first.
func (d *sameDay) pairByReference(old []dayRow[*knownRow], new []dayRow[int32]) {
	d.pairSameReference(old, new, func(ref string) string { return ref })
	d.pairSameReference(old, new, LettersAndDigits)
	with, without := 0, 0
	next := func(at *int, hasRef bool) *knownRow {
		for ; *at < len(old); *at++ {
			if k := old[*at].row; k.match == nil && (k.Reference != "") == hasRef {
				return k
			}
		}
		return nil
	}
	for _, one := range new {
		n := &d.c.read[one.row]
		if n.paired {
			continue
		}
		k := next(&without, false)
		if k == nil && n.ref == "" {
			k = next(&with, true)
		}
		if k != nil {
			d.c.pairEqual(k, n)
		}
	}
}

// pairSameReference pairs rows whose references agree in a form.
func (d *sameDay) pairSameReference(old []dayRow[*knownRow], new []dayRow[int32], form func(string) string) {
	var waiting map[string][]*knownRow
	for _, one := range old {
		if k := one.row; k.match == nil && k.Reference != "" {
			if waiting == nil {
				waiting = make(map[string][]*knownRow, len(old))
			}
			ref := form(k.Reference)
			waiting[ref] = append(waiting[ref], k)
		}
	}
	if waiting == nil {
		return
	}
	for _, one := range new {
		n := &d.c.read[one.row]
		if n.paired || n.ref == "" {
			continue
		}
		ref := form(n.ref)
		if list := waiting[ref]; len(list) > 0 {
			d.c.pairEqual(list[0], n)
			waiting[ref] = list[1:]
		}
	}
}

// sameReference reports whether two references agree in letters and digits, apart from zeros in
// front. It also holds if one is absent.
func sameReference(a, b []byte) bool {
	return len(a) == 0 || len(b) == 0 || bytes.Equal(bytes.TrimLeft(a, "0"), bytes.TrimLeft(b, "0"))
}

// maxCompared is how many rows of one day and amount a text is compared with.
const maxCompared = 64

// suggest suggests rows of nearly the same text.
func (d *sameDay) suggest(at rowSpan) {
	for _, was := range d.old {
		k := was.row
		if k.match != nil || was.from == was.to || !d.c.wasRead(k) {
			continue
		}
		bones, reference := d.letters[was.from:was.to], d.letters[was.to:was.end]
		alike := func(i int) bool {
			n, other := &d.c.read[d.new[i].row], &d.new[i]
			return !n.paired && sameReference(reference, d.letters[other.to:other.end]) &&
				similar(bones, d.letters[other.from:other.to], &was.bigrams, &other.bigrams)
		}
		from, to := 0, len(d.new)
		if to > maxCompared {
			from, _ = slices.BinarySearchFunc(d.new, bones, func(n dayRow[int32], bones []byte) int {
				return bytes.Compare(d.letters[n.from:n.to], bones)
			})
			from = max(0, from-maxCompared/2)
			to = min(to, from+maxCompared)
		}
		for from < to && !alike(from) {
			from++
		}
		end := from
		for end < to && alike(end) {
			end++
		}
		if from < end {
			k.suggested = true
			d.c.suggest(k, rowSpan{at.rowIndex, at.from + from, at.from + end}, ReasonNear)
		}
	}
}
