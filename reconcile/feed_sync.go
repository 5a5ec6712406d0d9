package reconcile

// This file has the state of one Sync of a Feed.

import (
	"context"
	"slices"
	"strings"

	"github.com/bankmux/bankmux"
)

// feedSync is the state of one call of [Feed.Sync].
type feedSync struct {
	feed   *Feed
	req    *bankmux.SyncRequest
	cursor *Cursor
	today  bankmux.Date
	prefix string // of the provider's aliases
	delta  bankmux.Delta
	more   bool // there are more pages than were read
	full   bool // the whole record was read, from its start

	merger       *merger
	answeredCall feedStep              // the call that the user's answers were sent to
	failed       map[string]bool       // accounts that could not be fetched
	unreadable   map[string]bool       // accounts with rows that could not be read
	checked      []string              // accounts whose names were checked
	ids          []string              // of the connection's accounts, once they are known
	removed      map[accountAlias]bool // rows that the record says are removed
	shown        map[string]bool       // aliases of all rows of the record
	lookedUp     map[string]bool       // keys of known rows that were looked up
	alive        map[keyAlias]bool     // known rows by the aliases under which the list has them
	listed       map[string]bool       // the aliases of alive
	taken        map[keyAlias]bool     // known rows by the aliases under which the list has another row
	// known rows by the aliases under which the list has a row that may be it, of the same amount
	alike      map[keyAlias]bool
	foreign    map[keyAlias]bool // known rows by the aliases that now belong to another row
	underNewID map[string]bool   // keys of known rows listed under an id that no page has reported
	reported   map[string]bool   // keys of known rows that are in the delta
	emptyList  bool              // a list was empty although rows are known
	anyMissing bool              // the delta has missing rows
}

// accountAlias is an alias in an account, by the application's name; "" is any account.
type accountAlias struct{ account, alias string }

// keyAlias is the key of a known row and one of its aliases.
type keyAlias struct{ key, alias string }

func newFeedSync(f *Feed, req *bankmux.SyncRequest, cursor *Cursor) *feedSync {
	r := &feedSync{
		feed: f, req: req, cursor: cursor, today: f.today(), prefix: Alias(f.Provider, ""),
		full:   f.Stored == nil && cursor.Provider == "",
		failed: map[string]bool{}, unreadable: map[string]bool{},
		removed: map[accountAlias]bool{}, shown: map[string]bool{},
		lookedUp: map[string]bool{}, alive: map[keyAlias]bool{}, listed: map[string]bool{},
		taken: map[keyAlias]bool{}, alike: map[keyAlias]bool{}, foreign: map[keyAlias]bool{},
		underNewID: map[string]bool{}, reported: map[string]bool{},
	}
	if ids := wantedAccounts(req); len(ids) > 0 {
		r.ids = ids
	}
	return r
}

const (
	nearDays    = 12 // days before and after a row in which its other forms may lie
	pendingDays = 60 // how long a row may be pending
	lookupDays  = 31 // days of known rows that are looked up at a time
)

// aliasFor returns the alias of a provider's id.
func (r *feedSync) aliasFor(id string) string { return r.prefix + id }

// accountAliasOf returns a row of the record as the application names it.
func (r *feedSync) accountAliasOf(row FeedRow) accountAlias {
	name := accountAlias{alias: r.aliasFor(row.ID)}
	if row.Account != "" {
		name.account = r.req.AccountName(row.Account)
	}
	return name
}

// lastAlias returns the alias under which the provider last showed a known row, "" if it never did.
func (r *feedSync) lastAlias(k *Known) string {
	if i := slices.IndexFunc(k.Aliases, func(a string) bool { return strings.HasPrefix(a, r.prefix) }); i >= 0 {
		return k.Aliases[i]
	}
	return ""
}

// isRemoved reports whether the record says that a row of an account is removed.
func (r *feedSync) isRemoved(account, alias string) bool {
	return r.removed[accountAlias{"", alias}] || r.removed[accountAlias{account, alias}]
}

// knowsAnyRow reports whether the application has stored rows of the connection's accounts.
func (r *feedSync) knowsAnyRow(ctx context.Context) (bool, error) {
	if r.req.Known == nil {
		return false, nil
	}
	ids, err := r.accounts(ctx)
	for _, id := range ids {
		if found, err := KnowsAny(ctx, r.req, r.req.AccountName(id)); found || err != nil {
			return found, err
		}
	}
	return false, err
}

// knownRows returns the selected stored rows of all accounts.
func (r *feedSync) knownRows(ctx context.Context, from, to bankmux.Date, want func(*Known) bool) ([]Known, error) {
	ids, err := r.accounts(ctx)
	if err != nil {
		return nil, err
	}
	return r.knownRowsOf(ctx, ids, from, to, want)
}

// knownRowsOf returns the selected stored rows of some accounts.
func (r *feedSync) knownRowsOf(
	ctx context.Context,
	ids []string,
	from, to bankmux.Date,
	want func(*Known) bool,
) (all []Known, err error) {
	for _, id := range ids {
		rows, err := KnownRows(ctx, r.req, AccountDays{r.req.AccountName(id), from, to}, want)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	return all, nil
}
