package reconcile

// This file has the cursor of a sync.

import (
	"encoding/base64"
	"encoding/json"
	"slices"

	"github.com/bankmux/bankmux"
)

// cursorVersion is the version of this library's cursors. A newer one is rejected.
const cursorVersion = 1

// Cursor is the content of [bankmux.Delta.Next], for adapters. It holds dates and marks but no
// rows, so it stays small. Applications store its text and do not read it. A Cursor is not safe for
// concurrent use.
type Cursor struct {
	Version    int    `json:"v"`
	Connection string `json:"c"`

	// Provider is the provider's own cursor. This field and the next six serve [Feed].
	Provider string `json:"p,omitempty"`
	Fetched  int64  `json:"f,omitempty"` // when the provider had fetched the rows, in microseconds
	Pages    int    `json:"n,omitempty"` // pages of this round so far
	Anchor   string `json:"x,omitempty"` // a short hash of an earlier Provider, to detect pages that repeat
	Carried  bool   `json:"k,omitempty"` // rows were known before the first page
	Filter   string `json:"l,omitempty"` // a short hash of the accounts asked for
	// Missed says that rows were reported missing and are looked up again at the end of a round.
	Missed bool `json:"o,omitempty"`

	// The list Todo has the accounts left in this round, by the provider's ids. This field and the
	// next serve [Days].
	Todo  []string     `json:"t,omitempty"`
	Until bankmux.Date `json:"u,omitzero"` // the day this round reads up to

	Marks []Mark `json:"m,omitempty"`
}

// Mark is a day of an account in a [Cursor]. Account is a short hash of the account's id. Day is
// the last day that [Days] has read, or the first day of the record of [Feed].
type Mark struct {
	Account string       `json:"a"`
	Day     bankmux.Date `json:"d"`
	Whole   bankmux.Date `json:"w,omitzero"` // when all days were last read again
	// Served is how many days the bank served in the reading of Whole. It is 0 if the bank served
	// all the days that it promises.
	Served int `json:"s,omitempty"`
	// Drifted says that the bank selects rows by one day and shows another in them, such as the
	// booking date and the value date.
	Drifted bool `json:"r,omitempty"`
}

// markOf returns the name of an account in a cursor.
func markOf(account string) string { return digest("mark", account)[:8] }

// Mark returns the mark of an account. If there is none, it returns a Mark in which only Account is
// set.
func (c *Cursor) Mark(account string) Mark {
	name := markOf(account)
	if i := slices.IndexFunc(c.Marks, func(m Mark) bool { return m.Account == name }); i >= 0 {
		return c.Marks[i]
	}
	return Mark{Account: name}
}

// Set stores a mark in place of the account's previous one.
func (c *Cursor) Set(mark Mark) {
	c.Marks = slices.DeleteFunc(slices.Clone(c.Marks), func(m Mark) bool { return m.Account == mark.Account })
	c.Marks = append(c.Marks, mark)
}

// Advance stores the provider's cursor of the next page. It reports false if the pages repeat. To
// find a cycle of any length it compares each cursor with an earlier one, which it replaces at
// growing intervals.
func (c *Cursor) Advance(next string) bool {
	name := digest("page", next)[:8]
	if name == c.Anchor || next == c.Provider {
		return false
	}
	if c.Pages++; c.Pages&(c.Pages-1) == 0 {
		c.Anchor = name
	}
	c.Provider = next
	return true
}

// SameAccounts stores which accounts are asked for. It reports whether the previous pages were for
// the same accounts.
func (c *Cursor) SameAccounts(accounts []string) bool {
	filter := ""
	if len(accounts) > 0 {
		filter = digest(append([]string{"filter"}, slices.Sorted(slices.Values(accounts))...)...)[:8]
	}
	same := c.Provider == "" || c.Filter == filter
	c.Filter = filter
	return same
}

// String returns the cursor as text with a checksum, so that altered cursors are rejected.
func (c Cursor) String() string {
	c.Version = cursorVersion
	raw, _ := json.Marshal(c) // texts, numbers and days: never fails
	return base64.RawURLEncoding.EncodeToString(raw) + "." + digest("cursor", string(raw))[:8]
}

// ParseCursor reads the text of a cursor of a connection. For "" it returns a new cursor. Cursors
// from another connection, a newer version or altered ones are rejected with [bankmux.ErrInvalid].
func ParseCursor(text string, conn bankmux.Connection) (Cursor, error) {
	fresh := Cursor{Version: cursorVersion, Connection: conn.ID}
	if text == "" {
		return fresh, nil
	}
	refuse := func(why string) (Cursor, error) {
		return Cursor{}, &bankmux.Error{
			Kind:    bankmux.ErrInvalid,
			Field:   "SyncRequest.Cursor",
			Detail:  why,
			NotSent: true,
		}
	}
	const most = 1 << 20
	if len(text) > most || len(text) < 10 || text[len(text)-9] != '.' {
		return refuse("is not the Next of a Delta")
	}
	raw, err := base64.RawURLEncoding.DecodeString(text[:len(text)-9])
	// Encoding it again must give the same text, since the decoder skips line breaks and the last
	// bits.
	if err != nil || base64.RawURLEncoding.EncodeToString(raw) != text[:len(text)-9] ||
		digest("cursor", string(raw))[:8] != text[len(text)-8:] {
		return refuse("was altered or cut")
	}
	var c Cursor
	switch err := json.Unmarshal(raw, &c); {
	case err != nil:
		return refuse("is not the Next of a Delta")
	case c.Version > cursorVersion:
		return refuse("is from a newer version of the library")
	case c.Connection != conn.ID:
		return refuse("is from another connection")
	}
	return c, nil
}
