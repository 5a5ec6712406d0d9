package reconcile

import (
	"encoding/base64"
	"encoding/json"
	"slices"

	"github.com/bankmux/bankmux"
)

// cursorVersion is that of this library's cursors. A later one is refused, not guessed at.
const cursorVersion = 1

// Cursor is what [bankmux.Delta.Next] holds: dates and marks, never rows, so it stays small however
// many there are. It serves adapters; applications store the text and do not look into it.
type Cursor struct {
	Version    int    `json:"v"`
	Connection string `json:"c"`

	// Of a provider that keeps a record of changes.
	Provider string `json:"p,omitempty"` // its own cursor
	Fetched  int64  `json:"f,omitempty"` // when it had fetched what was read, in microseconds
	Pages    int    `json:"n,omitempty"` // pages of this round so far
	Anchor   string `json:"x,omitempty"` // a page of this round, to notice pages that go round
	Carried  bool   `json:"k,omitempty"` // rows were known before the first page
	Filter   string `json:"l,omitempty"` // a few letters of a hash of the accounts asked for
	Missed   bool   `json:"o,omitempty"` // rows were told missing and are looked for again at the end of a round

	// Of a provider whose days are read again.
	Todo  []string     `json:"t,omitempty"` // accounts left in this round, by the provider's ids
	Until bankmux.Date `json:"u,omitzero"`  // the day this round reads up to

	Marks []Mark `json:"m,omitempty"`
}

// Mark is a day of an account: the last that was read, or the first that the provider serves, as
// the adapter wants it. The account is named by a few letters of a hash.
type Mark struct {
	Account string       `json:"a"`
	Day     bankmux.Date `json:"d"`
	Whole   bankmux.Date `json:"w,omitzero"` // when all days were last read again
	// Served is how many days the bank served then, where it refused some that it promises; else 0.
	Served int `json:"s,omitempty"`
	// Drifted says that the bank selects rows by another day than it writes.
	Drifted bool `json:"r,omitempty"`
}

// markOf names an account in a cursor.
func markOf(account string) string { return digest("mark", account)[:8] }

// Mark is the mark of an account, zero but for its name if there is none.
func (c *Cursor) Mark(account string) Mark {
	name := markOf(account)
	if i := slices.IndexFunc(c.Marks, func(m Mark) bool { return m.Account == name }); i >= 0 {
		return c.Marks[i]
	}
	return Mark{Account: name}
}

// Set keeps a mark in place of the one its account had.
func (c *Cursor) Set(mark Mark) {
	c.Marks = slices.DeleteFunc(slices.Clone(c.Marks), func(m Mark) bool { return m.Account == mark.Account })
	c.Marks = append(c.Marks, mark)
}

// Advance takes the provider's cursor of the next page. It reports false if the pages go round: it
// compares with a page that it changes ever more rarely, which finds a circle of any length.
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

// SameAccounts notes which accounts are asked for and reports whether they are those of the pages before.
func (c *Cursor) SameAccounts(accounts []string) bool {
	filter := ""
	if len(accounts) > 0 {
		filter = digest(append([]string{"filter"}, slices.Sorted(slices.Values(accounts))...)...)[:8]
	}
	same := c.Provider == "" || c.Filter == filter
	c.Filter = filter
	return same
}

// String is the cursor as text, with a checksum, so that one that was changed is refused.
func (c Cursor) String() string {
	c.Version = cursorVersion
	raw, _ := json.Marshal(c) // texts, numbers and days: cannot fail
	return base64.RawURLEncoding.EncodeToString(raw) + "." + digest("cursor", string(raw))[:8]
}

// ParseCursor reads a cursor of a connection; "" is a new one. The error is [bankmux.ErrInvalid]
// for one of another connection, of a later version, or that was changed.
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
	// What is written again must be the same: the decoder passes over line breaks and the last
	// bits.
	if err != nil || base64.RawURLEncoding.EncodeToString(raw) != text[:len(text)-9] ||
		digest("cursor", string(raw))[:8] != text[len(text)-8:] {
		return refuse("was changed or cut")
	}
	var c Cursor
	switch err := json.Unmarshal(raw, &c); {
	case err != nil:
		return refuse("is not the Next of a Delta")
	case c.Version > cursorVersion:
		return refuse("is of a later version of the library")
	case c.Connection != conn.ID:
		return refuse("is of another connection")
	}
	return c, nil
}
