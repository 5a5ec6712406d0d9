package reconcile

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"time"

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

// Turn takes the provider's cursor of the next page. It reports false if the pages go round: it
// compares with a page that it changes ever more rarely, which finds a circle of any length.
func (c *Cursor) Turn(next string) bool {
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

// Keeps notes which accounts are asked for and reports whether they are those of the pages before.
func (c *Cursor) Keeps(accounts []string) bool {
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

// Ask reads what the application knows of an account between two days and keeps what is wanted:
// each row once, and none of other accounts or days, whatever Known gives. Without Known nothing is
// known; without want all is wanted. An error of Known ends the sync as [bankmux.ErrApplication]:
// what it does not know cannot be compared.
func Ask(
	ctx context.Context,
	req *bankmux.SyncRequest,
	account string,
	from, to bankmux.Date,
	want func(*Known) bool,
) (all []Known, err error) {
	seen := map[string]bool{}
	err = each(ctx, req, account, from, to, func(k *Known) bool {
		if !seen[k.Key] && (want == nil || want(k)) {
			seen[k.Key] = true
			all = append(all, *k)
		}
		return true
	})
	return all, err
}

// Knows reports whether the application knows any row of an account. Without Known it knows none.
func Knows(ctx context.Context, req *bankmux.SyncRequest, account string) (found bool, err error) {
	err = each(
		ctx,
		req,
		account,
		bankmux.NewDate(1, time.January, 1),
		bankmux.NewDate(9999, time.December, 31),
		func(*Known) bool {
			found = true
			return false
		},
	)
	return found, err
}

// each gives the rows of an account between two days until do has had enough.
func each(
	ctx context.Context,
	req *bankmux.SyncRequest,
	account string,
	from, to bankmux.Date,
	do func(*Known) bool,
) error {
	if req.Known == nil {
		return nil
	}
	known := req.Known(ctx, account, from, to)
	if known == nil {
		return nil
	}
	for k, err := range known {
		if err != nil {
			return &bankmux.Error{
				Kind:   bankmux.ErrApplication,
				Field:  "SyncRequest.Known",
				Detail: "failed to read the application's rows",
				Err:    err,
			}
		}
		if k.Account == account && !k.Date.Before(from) && !k.Date.After(to) && !do(&k) {
			return nil
		}
	}
	return nil
}

// Names refuses names that do not tell accounts apart: their rows would be taken for one another's.
func Names(req *bankmux.SyncRequest, accounts []string) error {
	of := make(map[string]string, len(accounts))
	for _, id := range accounts {
		name := req.AccountName(id)
		if other, taken := of[name]; name == "" || (taken && other != id) {
			return &bankmux.Error{
				Kind:  bankmux.ErrInvalid,
				Field: "SyncRequest.Name",
				Detail: "gives the account " + strconv.Quote(
					id,
				) + " no name, or that of another; name it, or leave it out by naming the others in Accounts",
			}
		}
		of[name] = id
	}
	return nil
}

// Tell adds what a reading of an account changed to a page.
func (r Result) Tell(d *bankmux.Delta, account string) {
	d.Added = append(d.Added, r.Added...)
	d.Modified = append(d.Modified, r.Modified...)
	d.Replaced = append(d.Replaced, r.Replaced...)
	d.Removed = append(d.Removed, r.Removed...)
	d.Missing = append(d.Missing, r.Missing...)
	d.Suggested = append(d.Suggested, r.Suggested...)
	if r.Suspect {
		d.Suspect = append(d.Suspect, account)
	}
}
