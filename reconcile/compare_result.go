package reconcile

// This file turns what a comparison found into a Result.

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"github.com/bankmux/bankmux"
)

// removedAfter is how many complete readings in a row must lack a row before it is removed.
const removedAfter = 2

// result returns what was found, what is new and what is absent.
func (c *comparison) result() (out Result) {
	wasThere := func(k knownRow) bool { return c.wasRead(&k) && !k.Date.After(c.in.To) }
	out.Suspect = c.in.Complete && !c.hasReadableRow() && slices.ContainsFunc(c.known, wasThere)
	out.makeRoom(c)
	for i := range c.known {
		switch k := &c.known[i]; {
		case k.match == nil:
			c.addAbsent(&out, k)
		case k.replaced:
			out.Replaced = append(out.Replaced, c.toChange(k))
		case k.isChanged():
			out.Modified = append(out.Modified, c.toChange(k))
		default:
			out.Unchanged = append(out.Unchanged, k.given)
		}
	}
	var block textBlock
	for i := range c.read {
		n := &c.read[i]
		if n.paired {
			continue
		}
		k := toKnown(c.in.Account, n.base, n)
		if n.row.ID != "" {
			left := len(c.read) - i - 1
			k.Aliases = block.list(left, block.join(left, c.prefix, n.row.ID))
		}
		n.addedAt = int32Of(len(out.Added))
		out.Added = append(out.Added, Added{Row: n.row, Known: k})
	}
	c.writeSuggestions(&out)
	return out
}

// isChanged reports whether a paired known row differs from what is stored.
func (k *knownRow) isChanged() bool { return k.reason != 0 || k.Missed > 0 }

// makeRoom allocates the lists, and gives keys to the rows that need one.
func (r *Result) makeRoom(c *comparison) {
	var modified, replaced, unchanged, removed, missing, added, rekeyed int
	for i := range c.known {
		switch k := &c.known[i]; {
		case k.match == nil:
			switch c.absenceReason(r.Suspect, k) {
			case "":
			case ReasonTwice:
				removed++
			default:
				missing++
			}
			continue
		case k.replaced:
			replaced++
		case k.isChanged():
			modified++
		default:
			unchanged++
			continue
		}
		if k := &c.known[i]; k.base != k.match.base {
			k.rekeyed, k.match.rekeyed = true, true
			rekeyed++
		}
	}
	for i := range c.read {
		if !c.read[i].paired {
			added++
		}
	}
	r.Added, r.Unchanged = listFor[Added](added), listFor[*Known](unchanged)
	r.Modified, r.Replaced = listFor[Change](modified), listFor[Change](replaced)
	r.Missing, r.Removed = listFor[Absence](missing), listFor[Absence](removed)
	need := make([]needsKey, 0, added+rekeyed)
	for i := range c.read {
		if n := &c.read[i]; !n.paired || n.rekeyed {
			base := binary.BigEndian.Uint64([]byte(n.base[len(keyVersion):]))
			need = append(need, needsKey{base, int32Of(i)})
		}
	}
	c.giveKeys(need)
}

// listFor returns an empty list with room for n elements, nil for none.
func listFor[T any](n int) []T {
	if n == 0 {
		return nil
	}
	return make([]T, 0, n)
}

// hasReadableRow reports whether the reading has a readable row of its days.
func (c *comparison) hasReadableRow() bool {
	return slices.ContainsFunc(c.in.Rows, func(t bankmux.Transaction) bool { return c.isPlausible(t.Date) })
}

// absenceReason returns why an unpaired known row is missing or removed. It returns "" if the
// reading does not prove that the row is absent.
func (c *comparison) absenceReason(suspect bool, k *knownRow) string {
	switch {
	case !c.in.Complete || !c.wasRead(k):
		return ""
	case suspect:
		return ReasonEmpty
	case c.mayBeUnreadable(k, false):
		return ReasonUnreadable
	case k.Status != statusPending && k.Date.Before(c.provedFrom):
		return ReasonBefore
	case k.Missed+1 >= removedAfter:
		return ReasonTwice
	}
	return ReasonAbsent
}

// addAbsent adds an unpaired known row to Missing or Removed, if the reading proves it absent.
func (c *comparison) addAbsent(out *Result, k *knownRow) {
	switch why := c.absenceReason(out.Suspect, k); why {
	case "":
	case ReasonTwice:
		out.Removed = append(out.Removed, Absence{Known: *k.given, Reason: why})
	default:
		out.Missing = append(out.Missing, Absence{Known: *k.given, Reason: why})
		if why == ReasonAbsent {
			out.Missing[len(out.Missing)-1].Known.Missed++
		}
	}
}

// toChange returns a pair as the application gets it.
func (c *comparison) toChange(k *knownRow) Change {
	n, key := k.match, k.match.base
	if !k.rekeyed {
		key = k.Key
	}
	now := toKnown(c.in.Account, key, n)
	if now.Reference == "" {
		now.Reference = k.Reference
	}
	now.Aliases = make([]string, 0, len(k.Aliases)+2) // room for the new id and the old key
	if n.row.ID != "" {
		now.Aliases = append(now.Aliases, Alias(c.in.Provider, n.row.ID))
	}
	for i := -1; i < len(k.Aliases); i++ {
		a := k.Key
		if i >= 0 {
			a = k.Aliases[i]
		}
		if a != key && !slices.Contains(now.Aliases, a) {
			now.Aliases = append(now.Aliases, a)
		}
	}
	return Change{Was: k.given, Row: n.row, Known: now, Reason: cmp.Or(reasons[k.reason], ReasonBack)}
}

// toKnown returns a row as it is stored, without its aliases.
func toKnown(account, key string, n *readRow) Known {
	return Known{
		Key:       key,
		Account:   account,
		Status:    n.row.Status,
		Date:      n.row.Date,
		Amount:    n.row.Amount,
		Text:      n.text,
		Reference: n.ref,
	}
}

// textBlock is memory for keys and aliases of new rows. Some rows share an allocation, so that a
// row that is kept alone does not keep a page.
type textBlock struct {
	text  strings.Builder
	lists []string
}

// blockRows is how many rows share an allocation.
const blockRows = 32

// join returns the joined parts. left is how many more texts may follow.
func (b *textBlock) join(left int, parts ...string) string {
	length := 0
	for _, part := range parts {
		length += len(part)
	}
	if b.text.Cap()-b.text.Len() < length {
		b.text = strings.Builder{}
		b.text.Grow(length * min(blockRows, left+1))
	}
	from := b.text.Len()
	for _, part := range parts {
		b.text.WriteString(part)
	}
	return b.text.String()[from:]
}

// list returns a list of one text.
func (b *textBlock) list(left int, one string) []string {
	if len(b.lists) == 0 {
		b.lists = make([]string, min(blockRows, left+1))
	}
	list := b.lists[:1:1]
	list[0], b.lists = one, b.lists[1:]
	return list
}

// needsKey is a row that needs a key, and the first bytes of its key without number.
type needsKey struct {
	base uint64
	at   int32
}

// giveKeys gives keys to the rows that need one. Numbers continue after the highest one in use. The
// key replaces the base of the row.
func (c *comparison) giveKeys(need []needsKey) {
	slices.SortFunc(need, func(a, b needsKey) int {
		by := cmp.Compare(a.base, b.base)
		if by == 0 {
			by = cmp.Or(cmp.Compare(c.read[a.at].base, c.read[b.at].base), cmp.Compare(a.at, b.at))
		}
		return by
	})
	var block textBlock
	last, base := 0, ""
	for i, one := range need {
		n := &c.read[one.at]
		if n.base != base {
			last, base = 0, n.base
			for at, end := c.findAlike(n, alikeInContent); at < end; at++ {
				k := &c.known[c.contentOrder[at]]
				if k.compareRow(n, alikeInContent) != 0 {
					break
				}
				last = max(last, keyNumberOf(k.Key))
			}
		}
		last++
		n.base = block.join(len(need)-i-1, base, "#", strconv.Itoa(last))
	}
}
