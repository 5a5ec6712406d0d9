package reconcile

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/bankmux/bankmux"
)

// removedAfter is how many complete readings are without a row that is removed.
const removedAfter = 2

// result notes what was found, what is new and what was not there.
func (c *comparison) result() (out Result) {
	wasThere := func(k entry) bool { return c.inside(&k) && !k.Date.After(c.in.To) }
	out.Suspect = c.in.Complete && !c.readable() && slices.ContainsFunc(c.old, wasThere)
	out.count(c)
	for i := range c.old {
		switch k := &c.old[i]; {
		case k.now == nil:
			c.absent(&out, k)
		case k.replaced:
			out.Replaced = append(out.Replaced, c.change(k))
		case k.changed():
			out.Modified = append(out.Modified, c.change(k))
		default:
			out.Unchanged = append(out.Unchanged, k.was)
		}
	}
	for i := range c.new {
		n := &c.new[i]
		if n.known {
			continue
		}
		k := known(c.in.Account, n.base, n)
		if n.row.ID != "" {
			k.Aliases = []string{Alias(c.in.Provider, n.row.ID)}
		}
		n.added = index(len(out.Added))
		out.Added = append(out.Added, Added{Row: n.row, Known: k})
	}
	c.suggestions(&out)
	return out
}

// changed reports whether a known row that was found is not what it was.
func (k *entry) changed() bool { return k.reason != 0 || k.Missed > 0 }

// count makes room for what was found, and gives keys to rows that need one.
func (r *Result) count(c *comparison) {
	var modified, replaced, unchanged, removed, missing, added, rekeyed int
	for i := range c.old {
		switch k := &c.old[i]; {
		case k.now == nil:
			switch c.absence(r.Suspect, k) {
			case "":
			case ReasonTwice:
				removed++
			default:
				missing++
			}
			continue
		case k.replaced:
			replaced++
		case k.changed():
			modified++
		default:
			unchanged++
			continue
		}
		if k := &c.old[i]; k.base != k.now.base {
			k.rekeyed, k.now.rekeys = true, true
			rekeyed++
		}
	}
	for i := range c.new {
		if !c.new[i].known {
			added++
		}
	}
	r.Modified, r.Replaced, r.Unchanged = room[Change](modified), room[Change](replaced), room[*Known](unchanged)
	r.Added, r.Missing, r.Removed = room[Added](added), room[Absence](missing), room[Absence](removed)
	need := make([]keyless, 0, added+rekeyed)
	for i := range c.new {
		if n := &c.new[i]; !n.known || n.rekeys {
			base := binary.BigEndian.Uint64([]byte(n.base[len(keyVersion):]))
			need = append(need, keyless{base, index(i)})
		}
	}
	c.keys(need)
}

// room returns a list with room for n, nil for none.
func room[T any](n int) []T {
	if n == 0 {
		return nil
	}
	return make([]T, 0, n)
}

// readable reports whether the reading has a row of its days that could be read.
func (c *comparison) readable() bool {
	return slices.ContainsFunc(c.in.Rows, func(t bankmux.Transaction) bool { return c.proves(t.Date) })
}

// absence returns the reason why a known row that was not found is missing or removed, "" where the
// reading does not prove that it is not there.
func (c *comparison) absence(suspect bool, k *entry) string {
	switch {
	case !c.in.Complete || !c.inside(k):
		return ""
	case suspect:
		return ReasonEmpty
	case c.unread(k, false):
		return ReasonUnread
	case k.Status != statusPending && k.Date.Before(c.begins):
		return ReasonBefore
	case k.Missed+1 >= removedAfter:
		return ReasonTwice
	}
	return ReasonAbsent
}

// absent notes that a known row was not there, where the reading proves it.
func (c *comparison) absent(out *Result, k *entry) {
	switch why := c.absence(out.Suspect, k); why {
	case "":
	case ReasonTwice:
		out.Removed = append(out.Removed, Absence{Known: *k.was, Reason: why})
	default:
		out.Missing = append(out.Missing, Absence{Known: *k.was, Reason: why})
		if why == ReasonAbsent {
			out.Missing[len(out.Missing)-1].Known.Missed++
		}
	}
}

// change returns a pair as the application gets it.
func (c *comparison) change(k *entry) Change {
	n, key := k.now, k.now.base
	if !k.rekeyed {
		key = k.Key
	}
	now := known(c.in.Account, key, n)
	if now.Reference == "" {
		now.Reference = k.Reference
	}
	now.Aliases = make([]string, 0, len(k.Aliases)+2) // the new id and the old key
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
	return Change{Was: k.was, Row: n.row, Known: now, Reason: cmp.Or(reasons[k.reason], ReasonBack)}
}

// known is a row as it will be stored, but for its aliases.
func known(account, key string, n *candidate) Known {
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

// keyless is a row that needs a key, and the beginning of its base.
type keyless struct {
	base uint64
	at   int32
}

// keys gives keys to the rows that need one: numbers go on from the highest that is in use. Each
// stands where its base was.
func (c *comparison) keys(need []keyless) {
	slices.SortFunc(need, func(a, b keyless) int {
		by := cmp.Compare(a.base, b.base)
		if by == 0 {
			by = cmp.Or(cmp.Compare(c.new[a.at].base, c.new[b.at].base), cmp.Compare(a.at, b.at))
		}
		return by
	})
	last, base := 0, ""
	for _, one := range need {
		n := &c.new[one.at]
		if n.base != base {
			last, base = 0, n.base
			for at, end := c.find(n, inBase); at < end && c.old[c.order[at]].like(n, inBase) == 0; at++ {
				last = max(last, numberOf(c.old[c.order[at]].Key))
			}
		}
		last++
		n.base = numbered(base, last)
	}
}
