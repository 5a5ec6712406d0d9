package reconcile

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"iter"
	"slices"

	"github.com/bankmux/bankmux"
)

// cursorVersion is that of this library's cursors. A later one is refused, not guessed at.
const cursorVersion = 1

// Cursor is what [bankmux.Delta.Next] holds: dates and marks, never rows, so it stays small however many there are. It serves adapters; applications
// store the text and do not look into it.
type Cursor struct {
	Version    int    `json:"v"`
	Connection string `json:"c"`

	Provider string       `json:"p,omitempty"` // the provider's own cursor
	Fetched  int64        `json:"f,omitempty"` // when the provider had fetched what was read, in microseconds
	Marks    []Mark       `json:"m,omitempty"` // how far each account was read
	Todo     []string     `json:"t,omitempty"` // accounts left in this round, by the provider's ids
	Until    bankmux.Date `json:"u"`           // the day this round reads up to
}

// Mark is the last day that was read of an account. The account is named by a few letters of a hash.
type Mark struct {
	Account string       `json:"a"`
	Day     bankmux.Date `json:"d"`
}

// markOf names an account in a cursor.
func markOf(account string) string { return digest("mark", account)[:8] }

// Day is the last day read of an account, zero if none.
func (c *Cursor) Day(account string) bankmux.Date {
	name := markOf(account)
	i := slices.IndexFunc(c.Marks, func(m Mark) bool { return m.Account == name })
	if i < 0 {
		return bankmux.Date{}
	}
	return c.Marks[i].Day
}

// Read notes that an account was read up to a day.
func (c *Cursor) Read(account string, day bankmux.Date) {
	name := markOf(account)
	c.Marks = slices.Clone(c.Marks)
	if i := slices.IndexFunc(c.Marks, func(m Mark) bool { return m.Account == name }); i >= 0 {
		c.Marks[i].Day = day
		return
	}
	c.Marks = append(c.Marks, Mark{name, day})
}

// String is the cursor as text, with a checksum, so that one that was changed is refused.
func (c Cursor) String() string {
	c.Version = cursorVersion
	raw, _ := json.Marshal(c) // texts, numbers and days: cannot fail
	return base64.RawURLEncoding.EncodeToString(raw) + "." + digest("cursor", string(raw))[:8]
}

// ParseCursor reads a cursor of a connection; "" is a new one. The error is [bankmux.ErrInvalid] for one of another connection, of a later version, or that was changed.
func ParseCursor(text string, conn bankmux.Connection) (Cursor, error) {
	fresh := Cursor{Version: cursorVersion, Connection: conn.ID}
	if text == "" {
		return fresh, nil
	}
	refuse := func(why string) (Cursor, error) {
		return Cursor{}, &bankmux.Error{Kind: bankmux.ErrInvalid, Field: "SyncRequest.Cursor", Detail: why, NotSent: true}
	}
	const most = 8 << 10
	if len(text) > most || len(text) < 10 || text[len(text)-9] != '.' {
		return refuse("is not the Next of a Delta")
	}
	raw, err := base64.RawURLEncoding.DecodeString(text[:len(text)-9])
	if err != nil || digest("cursor", string(raw))[:8] != text[len(text)-8:] {
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

// Collect reads what the application knows. An error of its own ends the sync: what it does not know cannot be compared.
func Collect(known iter.Seq2[Known, error]) ([]Known, error) {
	var all []Known
	for k, err := range known {
		if err != nil {
			return nil, &bankmux.Error{Kind: bankmux.ErrInvalid, Field: "SyncRequest.Known", Detail: "the application's own rows could not be read", NotSent: true, Err: err}
		}
		all = append(all, k)
	}
	return all, nil
}

// Into compares a reading with what the application knows of its days and adds the outcome to a page. Without Known every row is added.
func Into(ctx context.Context, d *bankmux.Delta, req *bankmux.SyncRequest, in Reading) error {
	if req.Known == nil {
		res := Compare(nil, in)
		d.Added = append(d.Added, res.Added...)
		return nil
	}
	known, err := Collect(req.Known(ctx, in.Account, in.From, in.To))
	if err != nil {
		return err
	}
	// What Known gives of other accounts or days is not compared: it may be all there is.
	res := Compare(known, in)
	d.Added = append(d.Added, res.Added...)
	d.Modified = append(d.Modified, res.Modified...)
	d.Replaced = append(d.Replaced, res.Replaced...)
	d.Removed = append(d.Removed, res.Removed...)
	d.Missing = append(d.Missing, res.Missing...)
	d.Suggested = append(d.Suggested, res.Suggested...)
	if res.Suspect {
		d.Suspect = append(d.Suspect, in.Account)
	}
	return nil
}
