package reconcile

// This file has Feed, the engine for providers that keep a record of changes, and its types.

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/bankmux/bankmux"
)

// Feed syncs with a provider that keeps a record of changes: rows that were created, updated and
// removed since a cursor. The adapter supplies functions that read one page each and translate
// rows. The engine does the rest of [bankmux.TransactionSyncer.Sync]. It binds the cursor to the
// connection, filters accounts, compares with the rows that the application knows, and reports what
// changed.
//
// How much one call of Sync reads depends on two functions:
//
//   - With Stored and without Restarts it reads one page of the record.
//   - Otherwise it reads a whole round, up to the last page.
//
// Reading a whole round has two advantages. If the round must start again, the application has
// stored none of its pages. A pending row is compared with its booked row, even if that is on
// another page. The call's deadline must suffice for a round, whose rows are held in memory.
//
// Make a Feed for each call, with functions that use the connection of the request. Feed keeps
// nothing between calls.
type Feed struct {
	// Provider is the name of the adapter. It is a part of each row's alias, so it must not change.
	Provider string
	// Page reads one page of the record. It is required.
	Page func(ctx context.Context, req FeedRequest) (FeedPage, error)
	// Accounts lists the connection's accounts by the provider's ids. It is required. The engine
	// calls it at most once, and only if the request names no accounts. Accounts that could not be
	// read are in failed, and their known rows do not count as absent.
	Accounts func(ctx context.Context, answers *bankmux.Answers) (ids []string, failed []bankmux.Failure, err error)
	// Stored reads one page of the rows that the provider lists between two days. Set it only if
	// the record does not report every row that was removed or got another id. The engine then
	// looks up known rows before it reports them as replaced or removed, which costs calls. If
	// Stored is nil, the engine treats the record as complete.
	Stored func(ctx context.Context, req StoredRequest) (StoredPage, error)
	// Restarts reports whether an error of Page says that the record changed while it was read. The
	// round must then start again from its first cursor, which the engine does up to four times. At
	// Plaid this is TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION.
	Restarts func(*bankmux.Error) bool
	// CursorLost reports whether an error of Page says that the provider does not know the cursor.
	// Sync then returns [bankmux.ErrInvalid], and the application starts again without a cursor.
	// CursorLost is not called in a sync that started without one.
	CursorLost func(*bankmux.Error) bool
	// OneRowPerID says that an id is one row, and that the lists of a page have an order. The last
	// row of an id counts then. Otherwise two payments under one id are two rows.
	OneRowPerID bool
	// Today returns the last day that a row can have. A nil Today stands for the current day in
	// UTC.
	Today func() bankmux.Date
	// MaxSize is the largest page that the provider serves, 0 if it does not say.
	MaxSize int
}

// FeedRequest asks for one page of a record of changes.
type FeedRequest struct {
	Cursor  string           // the provider's cursor; "" is the start of the record
	Size    int              // rows per page at most; 0 leaves it to the adapter
	Answers *bankmux.Answers // to a challenge of exactly this call; nil otherwise
}

// FeedPage is one page of a record of changes. The engine applies Created first, then Updated, then
// Removed. The engine drops rows of accounts that were not asked for.
type FeedPage struct {
	Created []bankmux.Transaction // each with ID and Account
	Updated []bankmux.Transaction
	Removed []FeedRow
	// Failed has the rows of the page that cannot be read, with Transaction set. It also has the
	// accounts that could not be fetched, with only Account set.
	Failed []bankmux.Failure

	Next string    // the cursor after the page; "" keeps the cursor
	More bool      // another page is ready
	AsOf time.Time // when the provider last fetched from the bank; zero if it does not say
	// NotReady says that the provider has not fetched the transactions yet. If the page has no
	// rows, Sync returns [bankmux.ErrNotReady], so that the account does not look empty.
	NotReady bool
}

// FeedRow names a removed row of a record of changes.
type FeedRow struct {
	ID      string
	Account string // "" if the record does not say
}

// StoredRequest asks for the rows that the provider lists between two days, both included.
type StoredRequest struct {
	Accounts []string     `json:"accounts,omitempty"` // accounts and cards; empty means all
	From     bankmux.Date `json:"from"`
	To       bankmux.Date `json:"to"`
	// Page is [StoredPage.Next] of the previous page; "" is the first page.
	Page    string           `json:"page,omitempty"`
	Answers *bankmux.Answers `json:"-"` // to a challenge of exactly this call; nil otherwise
}

// StoredPage is one page of a list of rows.
type StoredPage struct {
	Rows []bankmux.Transaction
	// Unreadable has rows of which only some parts can be read, with those parts. One with an ID
	// counts as the known row of that ID. One without an ID may be any known row with the same
	// content.
	Unreadable []bankmux.Transaction
	Next       string // "" on the last page
	// Moved says on the last page that the list changed while it was read, so a row may have been
	// missed.
	Moved bool
}

const (
	maxRestarts     = 4    // restarts of a round in one call
	maxRoundPages   = 1000 // pages of a round that is read in one call
	maxListPages    = 1000 // pages of a list, all readings together
	maxListReadings = 3    // readings of a list that changes while it is read
)

// Sync reads the changes since the cursor of the request. It may be repeated with the same cursor.
// It is safe for concurrent use if the functions are.
//
// Errors:
//
//   - [bankmux.ErrInvalid] if the cursor is from another connection, from a newer version, altered,
//     or unknown to the provider.
//   - [bankmux.ErrInvalid] if Accounts differ from those the cursor was made for, if two accounts
//     have one name, or if Feed lacks Page or Accounts.
//   - [bankmux.ErrNotReady] if the provider has fetched nothing yet.
//   - [bankmux.ErrUnavailable], with the scope of the connection, if the round had to start again
//     too often.
//   - [bankmux.ErrMalformed] if pages repeat or do not end.
//   - [bankmux.ErrApplication] if Known fails.
//   - Errors of the functions are returned as they are. A challenge records which call it
//     interrupted, and the answers are sent to that call first.
func (f Feed) Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	if f.Page == nil || f.Accounts == nil {
		return bankmux.Delta{}, invalid("Feed", "lacks Page or Accounts")
	}
	cursor, err := ParseCursor(req.Cursor, req.Connection)
	if err != nil {
		return bankmux.Delta{}, err
	}
	if !cursor.SameAccounts(wantedAccounts(&req)) { // the cursor has passed the rows of the others
		return bankmux.Delta{}, invalid(
			"SyncRequest.Accounts",
			"differ from those of the cursor: omit the cursor, and set Known to avoid duplicates",
		)
	}
	r := newFeedSync(&f, &req, &cursor)
	if err := r.resume(ctx); err != nil {
		return bankmux.Delta{}, err
	}
	end, err := r.fetch(ctx)
	if err != nil {
		return bankmux.Delta{}, err
	}
	if req.Cursor == "" {
		if cursor.Carried, err = r.knowsAnyRow(ctx); err != nil {
			return bankmux.Delta{}, err
		}
	}
	r.more = end.More
	if err := r.compare(ctx); err != nil {
		return bankmux.Delta{}, err
	}
	if end.More {
		if !cursor.Advance(end.Next) {
			return bankmux.Delta{}, pagesRepeat()
		}
	} else {
		fetched := end.AsOf.UnixMicro()
		if err := r.finishRound(ctx, end.AsOf.IsZero() || fetched != cursor.Fetched); err != nil {
			return bankmux.Delta{}, err
		}
		cursor.Fetched, cursor.Pages, cursor.Anchor = fetched, 0, ""
		if end.Next != "" {
			cursor.Provider = end.Next
		}
	}
	r.delta.More, r.delta.Next = end.More, cursor.String()
	return r.delta, nil
}

// byPage reports whether one call reads one page rather than a round.
func (f *Feed) byPage() bool { return f.Stored != nil && f.Restarts == nil }

// today returns the last day that a row can have.
func (f *Feed) today() bankmux.Date {
	if f.Today == nil {
		return bankmux.DateOf(time.Now().UTC())
	}
	return f.Today()
}

// size returns how many rows to ask for.
func (f *Feed) size(asked int) int {
	if f.MaxSize > 0 && (asked == 0 || asked > f.MaxSize) {
		return f.MaxSize
	}
	return asked
}

func invalid(field, why string) *bankmux.Error {
	return &bankmux.Error{Kind: bankmux.ErrInvalid, Field: field, NotSent: true, Detail: why}
}

func pagesRepeat() error {
	return &bankmux.Error{
		Kind: bankmux.ErrMalformed, Scope: bankmux.ScopeCall, Status: http.StatusOK,
		Detail: "the provider announced another page, then repeated one or named none",
	}
}

// wantedAccounts returns the accounts and cards that a request asks for; none means all.
func wantedAccounts(req *bankmux.SyncRequest) []string {
	if len(req.Cards) == 0 {
		return req.Accounts
	}
	return slices.Concat(req.Accounts, req.Cards)
}

// wantsAccount reports whether a request asks for an account.
func wantsAccount(req *bankmux.SyncRequest, account string) bool {
	return account == "" || len(req.Accounts)+len(req.Cards) == 0 ||
		slices.Contains(req.Accounts, account) || slices.Contains(req.Cards, account)
}
