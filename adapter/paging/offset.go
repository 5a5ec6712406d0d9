// Package paging keeps the place in a list that is read page by page and changes meanwhile.
package paging

import (
	"fmt"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// Offset is the position in a list that is newest first and shifts while it is read. New rows
// repeat some that were read, which the reader recognizes. If n rows were removed meanwhile, the
// reader reads the last n rows once more. One removed row and one new row between two pages are not
// noticed.
type Offset struct {
	offset int
	total  int  // rows when the page before was read; -1 at the start
	shrunk int  // how often the list had fewer rows than before
	moved  bool // the total changed, so that the list is not proved to be complete
}

// maxShrunk is how often a list may shrink while it is read.
const maxShrunk = 10

const markForm = "%d.%d.%d.%t"

// ParseOffset reads the result of [Offset.Next], "" for the first page. The error is
// [bankmux.ErrInvalid], and field names the field of the request.
func ParseOffset(s, field string) (Offset, error) {
	m := Offset{total: -1}
	if s == "" {
		return m, nil
	}
	n, err := fmt.Sscanf(s, markForm, &m.offset, &m.total, &m.shrunk, &m.moved)
	if n != 4 || err != nil || m.offset < 0 || m.total < 0 || s != m.String() {
		return m, normalize.Invalid(field, "is not the Next of a page")
	}
	return m, nil
}

// String returns what [ParseOffset] reads.
func (m Offset) String() string { return fmt.Sprintf(markForm, m.offset, m.total, m.shrunk, m.moved) }

// Start is how many rows come before the page.
func (m Offset) Start() int { return m.offset }

// Moved reports, after Next, whether the list changed while it was read. Then a row that was not
// read may exist.
func (m Offset) Moved() bool { return m.moved }

// First reports whether nothing was read before.
func (m Offset) First() bool { return m.total < 0 }

// Next returns where to continue after a page of n rows out of total, "" at the end. The error is
// [bankmux.ErrMalformed] if the list kept shrinking.
func (m *Offset) Next(n, total int) (string, error) {
	at := *m
	at.offset += n
	if at.total >= 0 && at.total != total {
		at.moved = true
	}
	if gone := at.total - total; gone > 0 {
		at.offset = max(0, m.offset-gone)
		at.shrunk++
	}
	at.total = total
	at.moved = at.moved || n == 0 && at.offset < total // the provider announced more rows than it has
	m.moved = at.moved
	switch {
	case at.shrunk > maxShrunk:
		return "", &bankmux.Error{
			Kind: bankmux.ErrMalformed, Scope: bankmux.ScopeCall, Detail: "the list kept shrinking while it was read",
		}
	case at.offset >= total, n == 0 && at.offset >= m.offset:
		return "", nil
	}
	return at.String(), nil
}
