package reconcile

import (
	"bytes"
	"cmp"
	"slices"
)

// sameDay compares rows of one day and amount by their texts. Its memory serves one day and amount
// after another.
type sameDay struct {
	c     *comparison
	shelf *shelf
	bones []byte
	old   []worded[*entry]
	new   []worded[int32] // by their place among the rows that were read
}

// worded is a row and where the bones of its text and then of its reference are.
type worded[T any] struct {
	row           T
	from, to, end int32
	sketch        sketch
}

// meeting is a known row and where the new rows of its day and amount start on the shelf.
type meeting struct{ old, from int32 }

// bySameDay pairs rows of one day and amount whose texts agree in letters and digits and of which
// at most one has the bank's reference: providers write texts differently from reading to reading,
// and not each passes the reference on. Nearly the same text is suggested.
func (c *comparison) bySameDay() {
	if c.complete() {
		return
	}
	var meetings []meeting
	day := sameDay{c: c}
	for i := range c.old {
		k := &c.old[i]
		if k.now != nil || !c.free(k) {
			continue
		}
		if day.shelf == nil {
			day.shelf = c.shelf(shelfKind{amount: true}, isNew)
		}
		if at := day.shelf.span(k, "", k.Date, k.Date); at.from < at.to {
			if meetings == nil {
				meetings = make([]meeting, 0, len(c.old)-i)
			}
			meetings = append(meetings, meeting{index(i), index(at.from)})
		}
	}
	slices.SortFunc(meetings, func(a, b meeting) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.old, b.old))
	})
	for len(meetings) > 0 {
		n := 1
		for n < len(meetings) && meetings[n].from == meetings[0].from {
			n++
		}
		k := &c.old[meetings[0].old]
		at := day.shelf.span(k, "", k.Date, k.Date)
		day.read(at, meetings[:n])
		day.pair()
		day.suggest(at)
		meetings = meetings[n:]
	}
}

// read puts the rows into the order of their bones, on the shelf as well.
func (d *sameDay) read(at span, meetings []meeting) {
	d.bones, d.old, d.new = d.bones[:0], d.old[:0], d.new[:0]
	strip := func(text, reference string) (from, to, end int32) {
		from = index(len(d.bones))
		d.bones = appendBones(d.bones, text)
		to = index(len(d.bones))
		d.bones = appendBones(d.bones, normal(reference))
		return from, to, index(len(d.bones))
	}
	for _, i := range at.order[at.from:at.to] {
		n := &d.c.new[i]
		from, to, end := strip(n.text, n.ref)
		d.new = append(d.new, worded[int32]{i, from, to, end, sketchOf(d.bones[from:to])})
	}
	for _, m := range meetings {
		k := &d.c.old[m.old]
		from, to, end := strip(k.Text, k.Reference)
		d.old = append(d.old, worded[*entry]{k, from, to, end, sketchOf(d.bones[from:to])})
	}
	slices.SortFunc(d.new, func(a, b worded[int32]) int {
		x, y := &d.c.new[a.row], &d.c.new[b.row]
		return cmp.Or(
			bytes.Compare(d.bones[a.from:a.to], d.bones[b.from:b.to]),
			cmp.Compare(x.text, y.text),
			cmp.Compare(a.row, b.row),
		)
	})
	slices.SortStableFunc(d.old, func(a, b worded[*entry]) int {
		return cmp.Or(bytes.Compare(d.bones[a.from:a.to], d.bones[b.from:b.to]), cmp.Compare(a.row.Text, b.row.Text))
	})
	for i, n := range d.new {
		at.order[at.from+i] = n.row
	}
}

// pair pairs rows of the same bones, those of the same text first.
func (d *sameDay) pair() {
	byBones := func(a worded[*entry], b worded[int32]) int {
		return bytes.Compare(d.bones[a.from:a.to], d.bones[b.from:b.to])
	}
	runs(d.old, d.new, byBones, func(old []worded[*entry], new []worded[int32]) {
		byText := func(a worded[*entry], b worded[int32]) int { return cmp.Compare(a.row.Text, d.c.new[b.row].text) }
		runs(old, new, byText, d.match)
		d.match(old, new)
	})
}

// runs calls do with those of two sorted lists that compare equal.
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

// match pairs rows of one reference, then those whose references agree in letters and digits, then
// those of which at most one has a reference: known rows without one first.
func (d *sameDay) match(old []worded[*entry], new []worded[int32]) {
	d.matchReferences(old, new, func(ref string) string { return ref })
	d.matchReferences(old, new, Loose)
	with, without := 0, 0
	next := func(at *int, hasRef bool) *entry {
		for ; *at < len(old); *at++ {
			if k := old[*at].row; k.now == nil && (k.Reference != "") == hasRef {
				return k
			}
		}
		return nil
	}
	for _, one := range new {
		n := &d.c.new[one.row]
		if n.known {
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

// matchReferences pairs rows of one reference, in a form.
func (d *sameDay) matchReferences(old []worded[*entry], new []worded[int32], form func(string) string) {
	var waiting map[string][]*entry
	for _, one := range old {
		if k := one.row; k.now == nil && k.Reference != "" {
			if waiting == nil {
				waiting = make(map[string][]*entry, len(old))
			}
			ref := form(k.Reference)
			waiting[ref] = append(waiting[ref], k)
		}
	}
	if waiting == nil {
		return
	}
	for _, one := range new {
		n := &d.c.new[one.row]
		if n.known || n.ref == "" {
			continue
		}
		ref := form(n.ref)
		if list := waiting[ref]; len(list) > 0 {
			d.c.pairEqual(list[0], n)
			waiting[ref] = list[1:]
		}
	}
}

// sameReference reports whether the bones of two references agree, but for zeros in front, or one
// is absent.
func sameReference(a, b []byte) bool {
	return len(a) == 0 || len(b) == 0 || bytes.Equal(bytes.TrimLeft(a, "0"), bytes.TrimLeft(b, "0"))
}

// nearby is how many rows of one day and amount a text is compared with.
const nearby = 64

// suggest suggests rows of nearly the same text.
func (d *sameDay) suggest(at span) {
	for _, was := range d.old {
		k := was.row
		if k.now != nil || was.from == was.to || !d.c.inside(k) {
			continue
		}
		bones, reference := d.bones[was.from:was.to], d.bones[was.to:was.end]
		alike := func(i int) bool {
			n, other := &d.c.new[d.new[i].row], &d.new[i]
			return !n.known && sameReference(reference, d.bones[other.to:other.end]) &&
				near(bones, d.bones[other.from:other.to], &was.sketch, &other.sketch)
		}
		from, to := 0, len(d.new)
		if to > nearby {
			from, _ = slices.BinarySearchFunc(d.new, bones, func(n worded[int32], bones []byte) int {
				return bytes.Compare(d.bones[n.from:n.to], bones)
			})
			from = max(0, from-nearby/2)
			to = min(to, from+nearby)
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
			d.c.suggest(k, span{at.shelf, at.from + from, at.from + end}, ReasonNear)
		}
	}
}
