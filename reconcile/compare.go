package reconcile

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bankmux/bankmux"
)

// Reading is what a provider showed of one account.
type Reading struct {
	Provider string                // name of the adapter
	Account  string                // the application's own name of the account, as in [Known]
	From, To bankmux.Date          // the days that were read, both included
	Rows     []bankmux.Transaction // in any order, an id at most once, as [bankmux.Client.Transactions] gives them
	// Complete says that Rows are all there is between From and To. Without it nothing is ever missing.
	Complete bool
	// Gone says, of the [Alias] of a known row, that the provider has no row of that id any more. Only such a row may have become another where the reading is
	// not complete: what a part of a list does not show may well be there. nil means that none is gone.
	Gone func(alias string) bool
}

// Result says what a reading changed. Every row is in exactly one of Added, Modified, Replaced and Unchanged, and every known row
// between the days that were read in exactly one of Modified, Replaced, Unchanged, Missing and Removed. The lists are sorted by day and key.
type Result struct {
	Added     []Added
	Modified  []Change     // the same row with another content
	Replaced  []Change     // the same movement as another row: posted, or under another id
	Missing   []Absence    // not there in this reading; perhaps in the next
	Removed   []Absence    // not there in two complete readings in a row
	Suggested []Suggestion // perhaps replaced; nothing was merged
	Unchanged []*Known

	// Suspect says that the reading was empty where rows were known. They are missing, and the reading does not count towards their removal.
	Suspect bool
}

// The reasons.
const (
	ReasonContent  = "the provider changed the row"
	ReasonPosted   = "the pending row was posted"
	ReasonAmount   = "the pending row was posted with another amount"
	ReasonID       = "the provider gave the same row another id"
	ReasonMoved    = "the same amount and text a few days later"
	ReasonAbsent   = "it was not there in a complete reading"
	ReasonTwice    = "it was not there in two complete readings in a row"
	ReasonEmpty    = "the reading was empty"
	ReasonSeveral  = "several rows may be it"
	ReasonDiffers  = "the text agrees and the amount does not"
	ReasonText     = "another provider: the amount and the days agree, the text does not"
	ReasonBefore   = "the reading begins with a later row; the bank may serve fewer days"
	postedWithin   = 10 // days between a pending row and its posting
	removedAfter   = 2  // complete readings without a row
	retoldWithin   = 3  // days between two providers' dates of one row
	statusPending  = bankmux.StatusPending
	sameRowNothing = ""
)

// Compare compares what the application knows of an account with a reading. known may hold rows of other days; those stay as they
// are. It takes time and memory in proportion to the rows, and its result does not depend on their order.
func Compare(known []Known, in Reading) Result {
	c := comparison{in: in, prefix: Alias(in.Provider, ""), taken: make(map[string]bool, len(known)), numbers: map[string]int{}}
	c.old = make([]entry, 0, len(known))
	for i := range known {
		if known[i].Account == in.Account {
			c.old = append(c.old, entry{Known: &known[i]})
		}
	}
	c.new = make([]candidate, len(in.Rows))
	for i := range in.Rows {
		text := Text(&in.Rows[i])
		c.new[i] = candidate{row: &in.Rows[i], text: text, base: base(in.Account, &in.Rows[i], text)}
	}
	slices.SortFunc(c.old, func(a, b entry) int {
		return cmp.Or(a.Date.Compare(b.Date), cmp.Compare(a.Missed, b.Missed), cmp.Compare(a.Status, b.Status), cmp.Compare(a.Key, b.Key))
	})
	slices.SortStableFunc(c.new, func(a, b candidate) int {
		return cmp.Or(
			a.row.Date.Compare(b.row.Date), cmp.Compare(a.row.Status, b.row.Status), cmp.Compare(a.text, b.text),
			a.row.Amount.Decimal().Cmp(b.row.Amount.Decimal()), cmp.Compare(a.row.Reference, b.row.Reference), cmp.Compare(a.row.ID, b.row.ID),
		)
	})
	for i := range c.old {
		c.taken[c.old[i].Key] = true
	}
	c.byID()
	c.byContent()
	c.byLooseContent()
	c.byPosting()
	c.byAmount()
	c.rest()
	return c.out
}

// entry is a known row, and whether it was found.
type entry struct {
	*Known
	found bool
}

// candidate is a row that was read, and whether it is known.
type candidate struct {
	row   *bankmux.Transaction
	text  string
	base  string // of its key
	known bool
}

type comparison struct {
	in      Reading
	prefix  string // of the provider's ids
	old     []entry
	new     []candidate
	taken   map[string]bool // keys that are in use
	numbers map[string]int  // the last number given to a base
	out     Result
}

// inside reports whether a known row lies in the days that were read.
func (c *comparison) inside(k *entry) bool {
	return !k.Date.Before(c.in.From) && !k.Date.After(c.in.To)
}

// key is the first free key for a row.
func (c *comparison) key(n *candidate) string {
	for i := c.numbers[n.base] + 1; ; i++ {
		if key := numbered(n.base, i); !c.taken[key] {
			c.numbers[n.base] = i
			c.taken[key] = true
			return key
		}
	}
}

// pair notes that a known row and one that was read are one.
func (c *comparison) pair(k *entry, n *candidate, reason string, replaced bool) {
	k.found, n.known = true, true
	key := k.Key
	if baseOf(key) != n.base {
		key = c.key(n)
	}
	if reason == sameRowNothing && k.Missed == 0 {
		c.out.Unchanged = append(c.out.Unchanged, k.Known)
		return
	}
	now := known(c.in.Provider, c.in.Account, key, n.row, n.text)
	if now.Reference == "" {
		now.Reference = k.Reference
	}
	now.Aliases = slices.Grow(now.Aliases, len(k.Aliases)+1)
	for i := -1; i < len(k.Aliases); i++ {
		a := k.Key
		if i >= 0 {
			a = k.Aliases[i]
		}
		if a != key && !slices.Contains(now.Aliases, a) {
			now.Aliases = append(now.Aliases, a)
		}
	}
	switch change := (Change{Was: k.Known, Row: n.row, Known: now, Reason: reason}); {
	case replaced:
		c.out.Replaced = append(c.out.Replaced, change)
	default:
		if reason == sameRowNothing {
			change.Reason = "it is there again"
		}
		c.out.Modified = append(c.out.Modified, change)
	}
}

// byID pairs rows whose provider's id is known: by the ids they have now, then by those they had before.
func (c *comparison) byID() {
	now, before := make(map[string]int, len(c.old)), map[string]int{}
	for i := range c.old {
		ids := now
		for _, a := range c.old[i].Aliases {
			if id, ok := strings.CutPrefix(a, c.prefix); ok {
				ids[id] = i
				ids = before
			}
		}
	}
	for pass, ids := range []map[string]int{now, before} {
		for i := range c.new {
			n := &c.new[i]
			if n.row.ID == "" || n.known {
				continue
			}
			at, ok := ids[n.row.ID]
			if !ok || c.old[at].found {
				continue
			}
			if k := &c.old[at]; pass == 0 || c.free(k) {
				c.pair(k, n, changeOf(k, n), false)
			}
		}
	}
}

// changeOf is the reason why a row is not what it was under the same id.
func changeOf(k *entry, n *candidate) string {
	switch {
	case k.Status == statusPending && n.row.Status == bankmux.StatusBooked && k.Amount.Equal(n.row.Amount):
		return ReasonPosted
	case k.Status == statusPending && n.row.Status == bankmux.StatusBooked:
		return ReasonAmount
	case k.Date != n.row.Date || !k.Amount.Equal(n.row.Amount) || k.Text != n.text || k.Status != n.row.Status || (k.Reference != n.row.Reference && n.row.Reference != ""):
		return ReasonContent
	}
	return sameRowNothing
}

// byContent pairs rows of the same day, amount, text and reference: as many as there are on both sides. Equal rows are as many rows. Among
// equals those go together first that agree in status, and in having an id or none, and were there the last time; so that the same reading again finds the same pairs.
func (c *comparison) byContent() {
	type bucket struct {
		base   string
		status bankmux.TransactionStatus
		id     bool
	}
	for _, alike := range []func(bucket) bucket{
		func(b bucket) bucket { return b },
		func(b bucket) bucket { return bucket{base: b.base, status: b.status} },
		func(b bucket) bucket { return bucket{base: b.base} },
	} {
		same := make(map[bucket][]int, len(c.old))
		for i := range c.old {
			if k := &c.old[i]; !k.found && c.free(k) {
				b := alike(bucket{baseOf(k.Key), k.Status, k.hasID()})
				same[b] = append(same[b], i)
			}
		}
		if len(same) == 0 {
			return
		}
		for i := range c.new {
			n := &c.new[i]
			if n.known {
				continue
			}
			b := alike(bucket{n.base, n.row.Status, n.row.ID != ""})
			if list := same[b]; len(list) > 0 {
				same[b] = list[1:]
				c.pairEqual(&c.old[list[0]], n)
			}
		}
	}
}

// byLooseContent pairs rows of one content of which only one has the bank's reference: not every provider passes it on.
func (c *comparison) byLooseContent() {
	same := map[string][]*entry{}
	for i := range c.old {
		if k := &c.old[i]; !k.found && c.free(k) {
			b := baseWithout(k.Account, k.Date, k.Amount, k.Text)
			same[b] = append(same[b], k)
		}
	}
	for i := range c.new {
		n := &c.new[i]
		if n.known || len(same) == 0 {
			continue
		}
		b := baseWithout(c.in.Account, n.row.Date, n.row.Amount, n.text)
		at := slices.IndexFunc(same[b], func(k *entry) bool {
			return k.Reference == "" || n.row.Reference == "" || k.Reference == n.row.Reference
		})
		if at >= 0 {
			c.pairEqual(same[b][at], n)
			same[b] = slices.Delete(same[b], at, at+1)
		}
	}
}

// hasID reports whether a known row has a provider's id.
func (k *entry) hasID() bool {
	return slices.ContainsFunc(k.Aliases, func(a string) bool { return strings.HasPrefix(a, "id:") })
}

// pairEqual pairs two rows of one content.
func (c *comparison) pairEqual(k *entry, n *candidate) {
	sameID := n.row.ID == "" // an id that is known was found before
	switch {
	case k.Status == statusPending && n.row.Status == bankmux.StatusBooked:
		c.pair(k, n, ReasonPosted, true)
	case !sameID:
		c.pair(k, n, ReasonID, true)
	case k.Status != n.row.Status && n.row.Status != "", k.Reference != n.row.Reference && n.row.Reference != "":
		c.pair(k, n, ReasonContent, false)
	default:
		c.pair(k, n, sameRowNothing, false)
	}
}

// byPosting pairs rows that were pending, or may have been, with rows of the same text some days later. Where the amount is the same as well, or the
// text names one row on either side, it is sure; else it is suggested.
func (c *comparison) byPosting() {
	texts := map[string][]*candidate{}
	waiting := map[string]int{} // known rows that may have been posted, by text
	for i := range c.old {
		if k := &c.old[i]; c.open(k) {
			waiting[k.Text]++
		}
	}
	if len(waiting) == 0 {
		return
	}
	for i := range c.new {
		if n := &c.new[i]; !n.known && waiting[n.text] > 0 {
			texts[n.text] = append(texts[n.text], n)
		}
	}
	for i := range c.old {
		k := &c.old[i]
		if !c.open(k) {
			continue
		}
		var exact, others []*candidate
		for _, n := range texts[k.Text] {
			if n.known || !c.follows(k, n) {
				continue
			}
			if k.Amount.Equal(n.row.Amount) {
				exact = append(exact, n)
			} else {
				others = append(others, n)
			}
		}
		pending := k.Status == statusPending
		switch {
		case len(exact) > 0 && (pending || len(exact) == 1):
			reason := ReasonMoved
			if pending {
				reason = ReasonPosted
			}
			c.pair(k, exact[0], reason, true) // of rows that agree in all, the first is as good as another
		case len(exact) > 0:
			c.suggest(k, exact, ReasonSeveral)
		case len(others) == 1 && pending && waiting[k.Text] == 1:
			c.pair(k, others[0], ReasonAmount, true)
		case len(others) > 0:
			c.suggest(k, others, ReasonDiffers)
		}
	}
}

// free reports whether a known row that was not found by its id may be a row of another id: the reading is complete, or the provider has no such id any more,
// or never gave one.
func (c *comparison) free(k *entry) bool {
	if c.in.Complete {
		return true
	}
	id := c.idOf(k)
	return id == "" || (c.in.Gone != nil && c.in.Gone(id))
}

// idOf is the alias under which the provider last showed a known row, "" if it never did.
func (c *comparison) idOf(k *entry) string {
	if i := slices.IndexFunc(k.Aliases, func(a string) bool { return strings.HasPrefix(a, c.prefix) }); i >= 0 {
		return k.Aliases[i]
	}
	return ""
}

// open reports whether a known row may have been posted as another: pending ones, and those of a provider that does not tell.
func (c *comparison) open(k *entry) bool {
	if k.found || k.Text == "" || k.Status == bankmux.StatusBooked || !c.inside(k) {
		return false
	}
	return c.in.Complete || (k.Status == statusPending && c.free(k))
}

// follows reports whether a row may be the posting of a known one.
func (c *comparison) follows(k *entry, n *candidate) bool {
	if k.Status != statusPending && k.Reference != "" && n.row.Reference != "" && k.Reference != n.row.Reference {
		return false
	}
	days := n.row.Date.DaysSince(k.Date)
	return days >= 0 && days <= postedWithin && k.Amount.Currency() == n.row.Amount.Currency() && k.Amount.Sign() == n.row.Amount.Sign()
}

// byAmount suggests what a row of another provider may be called by this one. An amount alone merges nothing.
func (c *comparison) byAmount() {
	amounts := map[string][]*candidate{}
	for i := range c.old {
		k := &c.old[i]
		if k.found || !c.inside(k) || !c.free(k) || c.idOf(k) != "" {
			continue
		}
		if len(amounts) == 0 {
			for i := range c.new {
				if n := &c.new[i]; !n.known {
					amounts[n.row.Amount.String()] = append(amounts[n.row.Amount.String()], n)
				}
			}
		}
		var may []*candidate
		for _, n := range amounts[k.Amount.String()] {
			foreign := n.row.ID != "" || k.hasID()
			if days := n.row.Date.DaysSince(k.Date); foreign && n.text != k.Text && days <= retoldWithin && days >= -retoldWithin {
				may = append(may, n)
			}
		}
		if len(may) > 0 {
			c.suggest(k, may, ReasonText)
		}
	}
}

// suggest is completed once the rows have their keys.
func (c *comparison) suggest(k *entry, may []*candidate, reason string) {
	s := Suggestion{Was: k.Known, Reason: reason}
	for _, n := range may {
		s.May = append(s.May, Known{Key: n.base}) // completed once the rows have their keys
	}
	c.out.Suggested = append(c.out.Suggested, s)
}

// rest notes what is new and what was not there.
func (c *comparison) rest() {
	for i := range c.new {
		if n := &c.new[i]; !n.known {
			c.out.Added = append(c.out.Added, Added{Row: n.row, Known: known(c.in.Provider, c.in.Account, c.key(n), n.row, n.text)})
		}
	}
	c.out.Suspect = c.in.Complete && len(c.in.Rows) == 0 && slices.ContainsFunc(c.old, func(k entry) bool { return c.inside(&k) })
	for i := range c.old {
		k := &c.old[i]
		switch {
		case k.found || !c.in.Complete || !c.inside(k):
		case c.out.Suspect:
			c.out.Missing = append(c.out.Missing, Absence{Known: *k.Known, Reason: ReasonEmpty})
		case k.Status != statusPending && len(c.new) > 0 && k.Date.Before(c.new[0].row.Date):
			c.out.Missing = append(c.out.Missing, Absence{Known: *k.Known, Reason: ReasonBefore})
		case k.Missed+1 >= removedAfter:
			c.out.Removed = append(c.out.Removed, Absence{Known: *k.Known, Reason: ReasonTwice})
		default:
			missed := *k.Known
			missed.Missed++
			c.out.Missing = append(c.out.Missing, Absence{Known: missed, Reason: ReasonAbsent})
		}
	}
	c.complete()
}

// complete gives suggested rows the keys they got as added ones, drops those that were paired after all, and sorts.
func (c *comparison) complete() {
	keys := map[string][]Known{}
	for _, a := range c.out.Added {
		if len(c.out.Suggested) == 0 {
			break
		}
		b := baseOf(a.Known.Key)
		keys[b] = append(keys[b], a.Known)
	}
	kept := c.out.Suggested[:0]
	for _, s := range c.out.Suggested {
		var may []Known
		seen := map[string]bool{}
		for _, m := range s.May {
			for _, k := range keys[m.Key] {
				if !seen[k.Key] {
					seen[k.Key] = true
					may = append(may, k)
				}
			}
		}
		if len(may) > 0 {
			s.May = may
			kept = append(kept, s)
		}
	}
	c.out.Suggested = kept
	change := func(a, b Change) int {
		return cmp.Or(a.Known.Date.Compare(b.Known.Date), cmp.Compare(a.Known.Key, b.Known.Key))
	}
	slices.SortFunc(c.out.Modified, change)
	slices.SortFunc(c.out.Replaced, change)
	slices.SortFunc(c.out.Added, func(a, b Added) int {
		return cmp.Or(a.Known.Date.Compare(b.Known.Date), cmp.Compare(a.Known.Key, b.Known.Key))
	})
	slices.SortFunc(c.out.Unchanged, func(a, b *Known) int { return cmp.Or(a.Date.Compare(b.Date), cmp.Compare(a.Key, b.Key)) })
}

// Apply returns what the application knows after a result: the rows that were added and changed as they are now, without those removed. Rows of other
// days and accounts stay.
func (r Result) Apply(before []Known) []Known {
	now := map[string]*Known{} // by the key of before; nil is gone
	for _, ch := range slices.Concat(r.Modified, r.Replaced) {
		now[ch.Was.Key] = &ch.Known
	}
	for _, m := range r.Missing {
		now[m.Known.Key] = &m.Known
	}
	for _, m := range r.Removed {
		now[m.Known.Key] = nil
	}
	after := make([]Known, 0, len(before)+len(r.Added))
	for _, k := range before {
		next, changed := now[k.Key]
		switch {
		case !changed:
			after = append(after, k)
		case next != nil:
			after = append(after, *next)
		}
	}
	for _, a := range r.Added {
		after = append(after, a.Known)
	}
	return after
}
