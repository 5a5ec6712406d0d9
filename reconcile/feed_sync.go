package reconcile

import (
	"context"
	"slices"
	"strings"

	"github.com/bankmux/bankmux"
)

// feedReading is a page or a round of a record of changes on its way into a delta.
type feedReading struct {
	feed   *Feed
	req    *bankmux.SyncRequest
	cursor *Cursor
	today  bankmux.Date
	prefix string // of the provider's aliases
	delta  bankmux.Delta
	more   bool // there are more pages than were read
	full   bool // the reading is the whole record, from its beginning

	rows      *merger
	answered  feedStep          // the call that the user's answers went to
	failed    map[string]bool   // accounts that could not be fetched
	unread    map[string]bool   // accounts with rows that could not be read
	named     []string          // accounts with rows
	ids       []string          // of the connection's accounts, once they are asked for
	removed   map[feedName]bool // what the record says is removed
	shown     map[string]bool   // aliases of all rows
	looked    map[string]bool   // keys of known rows that were looked for
	alive     map[rowName]bool  // names under which the provider still lists them
	listed    map[string]bool   // the same, by the alias alone
	taken     map[rowName]bool  // names under which the provider lists another row
	alike     map[rowName]bool  // names under which it lists a row of the same amount that may be it
	foreign   map[rowName]bool  // names under which the record or the list shows another row
	elsewhere map[string]bool   // keys of known rows that it lists under an id it has not reported
	kept      map[string]bool   // keys of known rows that were reported on
	empty     bool              // a list was empty where rows are known
	missed    bool              // there are missing rows
}

// feedName is an alias in an account, by the application's name. "" is any account.
type feedName struct{ account, alias string }

// rowName is a known row, by its key, under one of its aliases.
type rowName struct{ key, alias string }

func newFeedReading(f *Feed, req *bankmux.SyncRequest, cursor *Cursor) *feedReading {
	r := &feedReading{
		feed: f, req: req, cursor: cursor, today: f.today(), prefix: Alias(f.Provider, ""),
		full:   f.Stored == nil && cursor.Provider == "",
		failed: map[string]bool{}, unread: map[string]bool{}, removed: map[feedName]bool{}, shown: map[string]bool{},
		looked: map[string]bool{}, alive: map[rowName]bool{}, listed: map[string]bool{}, taken: map[rowName]bool{},
		alike: map[rowName]bool{}, foreign: map[rowName]bool{},
		elsewhere: map[string]bool{}, kept: map[string]bool{},
	}
	if ids := named(req); len(ids) > 0 {
		r.ids = ids
	}
	return r
}

const (
	around      = 12 // days before and after a row where its other forms may lie
	pendingDays = 60 // how long a row may be pending
	lookDays    = 31 // days of known rows that are looked for at a time
)

// alias is a row's id as the application stores it.
func (r *feedReading) alias(id string) string { return r.prefix + id }

// nameOf names a row as the application stores it.
func (r *feedReading) nameOf(row FeedRow) feedName {
	name := feedName{alias: r.alias(row.ID)}
	if row.Account != "" {
		name.account = r.req.AccountName(row.Account)
	}
	return name
}

// aliasOf is the alias under which the provider last showed a known row, "" if it never did.
func (r *feedReading) aliasOf(k *Known) string {
	if i := slices.IndexFunc(k.Aliases, func(a string) bool { return strings.HasPrefix(a, r.prefix) }); i >= 0 {
		return k.Aliases[i]
	}
	return ""
}

// isRemoved reports whether the record says that a row of an account is removed.
func (r *feedReading) isRemoved(account, alias string) bool {
	return r.removed[feedName{"", alias}] || r.removed[feedName{account, alias}]
}

// anyKnown reports whether the application knows rows of the connection's accounts.
func (r *feedReading) anyKnown(ctx context.Context) (bool, error) {
	if r.req.Known == nil {
		return false, nil
	}
	ids, err := r.accounts(ctx)
	for _, id := range ids {
		if found, err := Knows(ctx, r.req, r.req.AccountName(id)); found || err != nil {
			return found, err
		}
	}
	return false, err
}

// known are the rows of all accounts that the application knows and that are wanted.
func (r *feedReading) known(ctx context.Context, from, to bankmux.Date, want func(*Known) bool) ([]Known, error) {
	ids, err := r.accounts(ctx)
	if err != nil {
		return nil, err
	}
	return r.knownOf(ctx, ids, from, to, want)
}

// knownOf are the rows of some accounts that the application knows and that are wanted.
func (r *feedReading) knownOf(
	ctx context.Context,
	ids []string,
	from, to bankmux.Date,
	want func(*Known) bool,
) (all []Known, err error) {
	for _, id := range ids {
		rows, err := Ask(ctx, r.req, AccountDays{r.req.AccountName(id), from, to}, want)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	return all, nil
}
