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
	// More says that another reading may show rows of the same days yet: none is taken for another of another amount.
	More bool
	// Gone says, of the [Alias] of a known row, that the provider has no row of that id any more. Only such a row may have become another where the reading is
	// not complete: what a part of a list does not show may well be there. nil means that none is gone.
	Gone func(alias string) bool
}

// Result says what a reading changed. Every row is in exactly one of Added, Modified, Replaced and Unchanged, and every known row
// between the days that were read in exactly one of Modified, Replaced, Unchanged, Missing and Removed. The lists go by day: changes and absences by that of the known row.
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
	ReasonText     = "another provider: the amount agrees, and the days nearly"
	ReasonBack     = "it is there again"
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
	c := comparison{in: in, prefix: Alias(in.Provider, ""), old: make([]entry, 0, len(known)), new: make([]candidate, len(in.Rows))}
	for i := range known {
		if known[i].Account == in.Account {
			c.old = append(c.old, entry{Known: &known[i]})
		}
	}
	var bases strings.Builder // one piece of memory for all; keys are copies
	bases.Grow(len(in.Rows) * baseLen)
	for i := range in.Rows {
		text := Text(&in.Rows[i])
		b := base(in.Account, &in.Rows[i], text)
		bases.Write(b[:])
		c.new[i] = candidate{row: &in.Rows[i], text: text, base: bases.String()[i*baseLen:]}
	}
	slices.SortFunc(c.old, func(a, b entry) int {
		return cmp.Or(a.Date.Compare(b.Date), cmp.Compare(a.Missed, b.Missed), cmp.Compare(a.Status, b.Status), cmp.Compare(a.Key, b.Key))
	})
	slices.SortFunc(c.new, func(a, b candidate) int {
		return cmp.Or(
			a.row.Date.Compare(b.row.Date), cmp.Compare(a.row.Status, b.row.Status), cmp.Compare(a.text, b.text),
			a.row.Amount.Decimal().Cmp(b.row.Amount.Decimal()), cmp.Compare(a.row.Reference, b.row.Reference), cmp.Compare(a.row.ID, b.row.ID),
		)
	})
	c.byID()
	c.byContent()
	c.byLooseContent()
	c.byPosting()
	c.byAmount()
	return c.result()
}

// entry is a known row, and the row that was read it was found to be.
type entry struct {
	*Known
	now      *candidate // nil while it was not found
	reason   string
	replaced bool
}

// candidate is a row that was read, and whether it is known.
type candidate struct {
	row   *bankmux.Transaction
	text  string
	base  string // of its key
	known bool
}

type comparison struct {
	in     Reading
	prefix string // of the provider's ids
	old    []entry
	new    []candidate
	order  []int32  // old by what its rows say, see sorted
	day    struct { // the one that find looked for last
		date     bankmux.Date
		from, to int
	}
	numbers   map[string]int // the last number given to a base
	suggested []suggestion
}

// suggestion is a [Suggestion] whose rows have no keys yet.
type suggestion struct {
	was    *entry
	may    []*candidate
	reason string
}

// inside reports whether a known row lies in the days that were read.
func (c *comparison) inside(k *entry) bool {
	return !k.Date.Before(c.in.From) && !k.Date.After(c.in.To)
}

// pair notes that a known row and one that was read are one.
func (c *comparison) pair(k *entry, n *candidate, reason string, replaced bool) {
	k.now, k.reason, k.replaced = n, reason, replaced
	n.known = true
}

// sorted is the order of the known rows by day, as they are, then base, then status, then whether they have an id: rows that are alike in more
// stand together among those that are alike in less.
func (c *comparison) sorted() []int32 {
	if c.order != nil {
		return c.order
	}
	c.order = make([]int32, len(c.old))
	for i := range c.order {
		c.order[i] = int32(i) //nolint:gosec // nobody has two thousand million rows in memory
	}
	for from := 0; from < len(c.old); {
		to := from + 1
		for to < len(c.old) && c.old[to].Date == c.old[from].Date {
			to++
		}
		slices.SortFunc(c.order[from:to], func(a, b int32) int {
			return cmp.Or(c.old[a].alike(baseOf(c.old[b].Key), c.old[b].Status, c.old[b].hasID(), inAll), cmp.Compare(a, b))
		})
		from = to
	}
	return c.order
}

// find is where in the order the known rows of a day begin that are alike, and where the day ends.
func (c *comparison) find(n *candidate, in int) (at, end int) {
	if order := c.sorted(); n.row.Date != c.day.date || c.day.to == 0 {
		c.day.date = n.row.Date
		c.day.from, _ = slices.BinarySearchFunc(order, n.row.Date, func(i int32, d bankmux.Date) int { return c.old[i].Date.Compare(d) })
		c.day.to, _ = slices.BinarySearchFunc(order, n.row.Date.AddDays(1), func(i int32, d bankmux.Date) int { return c.old[i].Date.Compare(d) })
	}
	at, _ = slices.BinarySearchFunc(c.order[c.day.from:c.day.to], n, func(i int32, n *candidate) int { return c.old[i].like(n, in) })
	return c.day.from + at, c.day.to
}

// How much rows are alike in.
const (
	inBase = iota
	inStatus
	inAll // in having an id or none, too
)

// alike compares a known row with what another says.
func (k *entry) alike(base string, status bankmux.TransactionStatus, hasID bool, in int) int {
	by := cmp.Compare(baseOf(k.Key), base)
	if by == 0 && in >= inStatus {
		by = cmp.Compare(k.Status, status)
	}
	if by == 0 && in >= inAll && k.hasID() != hasID {
		by = 1
		if hasID {
			by = -1
		}
	}
	return by
}

func (k *entry) like(n *candidate, in int) int {
	return k.alike(n.base, n.row.Status, n.row.ID != "", in)
}

// key is a free key for a row: numbers go on from the highest that is in use.
func (c *comparison) key(n *candidate) string {
	last, ok := c.numbers[n.base]
	if !ok {
		for at, end := c.find(n, inBase); at < end && c.old[c.order[at]].like(n, inBase) == 0; at++ {
			last = max(last, numberOf(c.old[c.order[at]].Key))
		}
	}
	if c.numbers == nil {
		c.numbers = map[string]int{}
	}
	c.numbers[n.base] = last + 1
	return numbered(n.base, last+1)
}

// change is a pair as the application gets it.
func (c *comparison) change(k *entry) Change {
	n, key := k.now, k.Key
	if baseOf(key) != n.base {
		key = c.key(n)
	}
	now := known(c.in.Account, key, n.row, n.text)
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
	return Change{Was: k.Known, Row: n.row, Known: now, Reason: cmp.Or(k.reason, ReasonBack)}
}

// byID pairs rows whose provider's id is known: by the ids they have now, then by those they had before.
func (c *comparison) byID() {
	now, before := make(map[string]int32, len(c.old)), map[string]int32{}
	for i := range c.old {
		ids := now
		for _, a := range c.old[i].Aliases {
			if id, ok := strings.CutPrefix(a, c.prefix); ok {
				ids[id] = int32(i) //nolint:gosec // as in sorted
				ids = before
			}
		}
	}
	for pass, ids := range []map[string]int32{now, before} {
		if len(ids) == 0 {
			continue
		}
		for i := range c.new {
			n := &c.new[i]
			if n.row.ID == "" || n.known {
				continue
			}
			at, ok := ids[n.row.ID]
			if !ok || c.old[at].now != nil {
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
	if !slices.ContainsFunc(c.new, func(n candidate) bool { return !n.known }) {
		return
	}
	order := c.sorted()
	next := make([]int32, len(order)+1) // the first row from here on that may be taken
	for p := range next {
		next[p] = int32(p) //nolint:gosec // as in sorted
		if p < len(order) && (c.old[order[p]].now != nil || !c.free(&c.old[order[p]])) {
			next[p]++
		}
	}
	for in := inAll; in >= inBase; in-- {
		for i := range c.new {
			n := &c.new[i]
			if n.known {
				continue
			}
			p, end := c.find(n, in)
			if p = skip(next, p); p < end && c.old[order[p]].like(n, in) == 0 {
				next[p]++
				c.pairEqual(&c.old[order[p]], n)
			}
		}
	}
}

// skip follows the marks of rows that are taken, and shortens the way for those who come after.
func skip(next []int32, p int) int {
	end := p
	for int(next[end]) != end {
		end = int(next[end])
	}
	for p != end {
		p, next[p] = int(next[p]), int32(end) //nolint:gosec // as in sorted
	}
	return end
}

// byLooseContent pairs rows of one content of which only one has the bank's reference: not every provider passes it on.
func (c *comparison) byLooseContent() {
	if !slices.ContainsFunc(c.new, func(n candidate) bool { return !n.known }) {
		return
	}
	same := map[[baseLen]byte][]*entry{}
	for i := range c.old {
		if k := &c.old[i]; k.now == nil && c.free(k) {
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
		case pending && waiting[k.Text] == 1 && !c.in.More && booked(others) == 1: // one that is pending yet is a posting of nothing
			at := slices.IndexFunc(others, func(n *candidate) bool { return n.row.Status != statusPending })
			c.pair(k, others[at], ReasonAmount, true)
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
	if k.now != nil || k.Text == "" || k.Status == bankmux.StatusBooked || !c.inside(k) {
		return false
	}
	return c.in.Complete || (k.Status == statusPending && c.free(k))
}

// booked counts the rows that are not pending.
func booked(list []*candidate) (n int) {
	for _, one := range list {
		if one.row.Status != statusPending {
			n++
		}
	}
	return n
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
		if k.now != nil || !c.inside(k) || !c.free(k) || c.idOf(k) != "" {
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
			apart := k.Reference != "" && n.row.Reference != "" && k.Reference != n.row.Reference
			if days := n.row.Date.DaysSince(k.Date); foreign && !apart && days <= retoldWithin && days >= -retoldWithin {
				may = append(may, n)
			}
		}
		if len(may) > 0 {
			c.suggest(k, may, ReasonText)
		}
	}
}

// suggest notes what a row may have become. The rows have no keys yet.
func (c *comparison) suggest(k *entry, may []*candidate, reason string) {
	c.suggested = append(c.suggested, suggestion{k, may, reason})
}

// result notes what was found, what is new and what was not there.
func (c *comparison) result() (out Result) {
	var modified, replaced, unchanged, added int
	for i := range c.old {
		switch k := &c.old[i]; {
		case k.now == nil:
		case k.replaced:
			replaced++
		case k.reason != sameRowNothing || k.Missed > 0:
			modified++
		default:
			unchanged++
		}
	}
	for i := range c.new {
		if !c.new[i].known {
			added++
		}
	}
	out = Result{Modified: room[Change](modified), Replaced: room[Change](replaced), Unchanged: room[*Known](unchanged), Added: room[Added](added)}
	out.Suspect = c.in.Complete && len(c.in.Rows) == 0 && slices.ContainsFunc(c.old, func(k entry) bool { return c.inside(&k) })
	for i := range c.old {
		switch k := &c.old[i]; {
		case k.now == nil:
			c.absent(&out, k)
		case k.replaced:
			out.Replaced = append(out.Replaced, c.change(k))
		case k.reason != sameRowNothing || k.Missed > 0:
			out.Modified = append(out.Modified, c.change(k))
		default:
			out.Unchanged = append(out.Unchanged, k.Known)
		}
	}
	keys := map[*candidate]Known{}
	for i := range c.new {
		n := &c.new[i]
		if n.known {
			continue
		}
		k := known(c.in.Account, c.key(n), n.row, n.text)
		if n.row.ID != "" {
			k.Aliases = []string{Alias(c.in.Provider, n.row.ID)}
		}
		out.Added = append(out.Added, Added{Row: n.row, Known: k})
		if len(c.suggested) > 0 {
			keys[n] = k
		}
	}
	for _, s := range c.suggested {
		one := Suggestion{Was: s.was.Known, Reason: s.reason}
		for _, n := range s.may {
			if k, ok := keys[n]; ok { // it was not found to be another row after all
				one.May = append(one.May, k)
			}
		}
		if len(one.May) > 0 {
			out.Suggested = append(out.Suggested, one)
		}
	}
	return out
}

// room is a list with room for n, nil for none.
func room[T any](n int) []T {
	if n == 0 {
		return nil
	}
	return make([]T, 0, n)
}

// absent notes that a known row was not there, where the reading proves it.
func (c *comparison) absent(out *Result, k *entry) {
	missing := *k.Known
	switch {
	case !c.in.Complete || !c.inside(k):
	case out.Suspect:
		out.Missing = append(out.Missing, Absence{Known: missing, Reason: ReasonEmpty})
	case k.Status != statusPending && len(c.new) > 0 && k.Date.Before(c.new[0].row.Date):
		out.Missing = append(out.Missing, Absence{Known: missing, Reason: ReasonBefore})
	case k.Missed+1 >= removedAfter:
		out.Removed = append(out.Removed, Absence{Known: missing, Reason: ReasonTwice})
	default:
		missing.Missed++
		out.Missing = append(out.Missing, Absence{Known: missing, Reason: ReasonAbsent})
	}
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
