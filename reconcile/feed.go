package reconcile

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/bankmux/bankmux"
)

// Feed syncs with a provider that keeps a record of changes: rows that were created, updated and
// removed since a cursor. The adapter gives functions that read one page each and translate rows.
// The engine does the rest of [bankmux.TransactionSyncer.Sync]: it seals the cursor to the
// connection, filters accounts, compares with what the application knows, and reports what
// changed.
//
// With Stored and without BeginsAgain, one call of Sync reads one page of the record. Otherwise one
// call reads a whole round, up to the page after which there is no more. Then a round that must
// begin again never leaves a page behind that the application stored, and a pending row meets its
// booked one wherever that is. The deadline of the call must suffice for a round; it holds the
// round's rows in memory.
//
// Make a Feed for each call, around the connection of the request. Nothing of it is kept.
type Feed struct {
	// Provider is the name of the adapter. It is a part of each row's alias, so it must not change.
	Provider string
	// Page reads one page of the record. It is required.
	Page func(ctx context.Context, req FeedRequest) (FeedPage, error)
	// Accounts lists the connection's accounts by the provider's ids. It is required, and called at
	// most once, and only if the request names none. Accounts that could not be read are in
	// failed; nothing of them counts as absent.
	Accounts func(ctx context.Context, answers *bankmux.Answers) (ids []string, failed []bankmux.Failure, err error)
	// Stored reads one page of the rows that the provider lists between two days. Give it only if
	// the record does not report each row that is gone or got another id. The engine then looks
	// known rows up before it reports them as replaced or removed, which costs calls. nil means
	// that the record is believed.
	Stored func(ctx context.Context, req StoredRequest) (StoredPage, error)
	// BeginsAgain reports whether an error of Page says that the record changed while it was read,
	// so that the round must begin again from its first cursor (Plaid:
	// TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION). The engine begins again up to four times.
	Restarts func(*bankmux.Error) bool
	// Lost reports whether an error of Page says that the provider does not know the cursor. Sync
	// then refuses the cursor, so that the application begins without one. It is not asked about a
	// sync that began without one: that would be told to do the same again.
	CursorLost func(*bankmux.Error) bool
	// Today is the last day that a row can have. nil means the day in UTC.
	Today func() bankmux.Date
	// MaxSize is the largest page that the provider serves, 0 where it does not say.
	MaxSize int
}

// FeedRequest asks for one page of a record of changes.
type FeedRequest struct {
	Cursor  string           // the provider's; "" is the beginning of the record
	Size    int              // rows per page at most; 0 leaves it to the adapter
	Answers *bankmux.Answers // to a challenge of this very call; nil otherwise
}

// FeedPage is one page of a record of changes. The lists are applied in the order of the fields.
// Rows of accounts that were not asked for are dropped by the engine.
type FeedPage struct {
	Created []bankmux.Transaction // each with ID and Account
	Updated []bankmux.Transaction
	Removed []FeedRow
	// Failed has rows that the page names and that cannot be read, with Transaction set, and
	// accounts that could not be fetched, without it.
	Failed []bankmux.Failure

	Next string    // the cursor behind the page; "" leaves the cursor where it is
	More bool      // there is another page now
	AsOf time.Time // when the provider last fetched from the bank; zero where it does not say
	// NotReady says that the provider has not fetched the transactions yet. Without rows on the
	// page, Sync ends in [bankmux.ErrNotReady]: it is not an account without rows.
	NotReady bool
}

// FeedRow names a row of a record.
type FeedRow struct {
	ID      string
	Account string // "" where the record does not say
}

// StoredRequest asks for the rows that the provider lists between two days, both included.
type StoredRequest struct {
	Accounts []string         `json:"accounts,omitempty"` // and cards; empty means all
	From     bankmux.Date     `json:"from"`
	To       bankmux.Date     `json:"to"`
	Page     string           `json:"page,omitempty"` // [StoredPage.Next] of the page before; "" begins
	Answers  *bankmux.Answers `json:"-"`              // to a challenge of this very call; nil otherwise
}

// StoredPage is one page of a list of rows.
type StoredPage struct {
	Rows []bankmux.Transaction
	// Unread has rows that cannot be read whole, with what can be read of them. One with an ID
	// counts as that row; one without casts doubt on known rows that say the same.
	Unreadable []bankmux.Transaction
	Next       string // "" at the end
	Moved      bool   // at the end: the list changed while it was read, so a row may have been missed
}

const (
	maxRestarts     = 4    // times that a round begins again in one call
	maxRoundPages   = 1000 // pages of a round that is read in one call
	maxListPages    = 1000 // pages of a list, all readings together
	maxListReadings = 3    // of a list that changes while it is read
)

// Sync reads the changes since the cursor of the request. It may be repeated with the same cursor,
// and is safe for concurrent use if the functions are.
//
// Errors:
//   - [bankmux.ErrInvalid] for a cursor of another connection, of a later version, that was changed,
//     or that the provider does not know; for other Accounts than the cursor was made for; for names
//     that do not tell accounts apart; and for a Feed without Page or Accounts.
//   - [bankmux.ErrNotReady] where nothing was fetched yet.
//   - [bankmux.ErrUnavailable], of the connection, where the round had to begin again too often.
//   - [bankmux.ErrMalformed] for pages that repeat or do not end.
//   - [bankmux.ErrApplication] where Known fails.
//   - Errors of the functions are returned as they are. A challenge keeps which call it interrupted,
//     and the answers go to that call first.
func (f Feed) Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	if f.Page == nil || f.Accounts == nil {
		return bankmux.Delta{}, invalid("Feed", "lacks Page or Accounts")
	}
	cursor, err := ParseCursor(req.Cursor, req.Connection)
	if err != nil {
		return bankmux.Delta{}, err
	}
	if !cursor.SameAccounts(wantedAccounts(&req)) { // the cursor went past the rows of the others
		return bankmux.Delta{}, invalid(
			"SyncRequest.Accounts",
			"are others than the cursor was made for: begin again without one; with Known nothing is doubled",
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

// today is the last day that a row can have.
func (f *Feed) today() bankmux.Date {
	if f.Today == nil {
		return bankmux.DateOf(time.Now().UTC())
	}
	return f.Today()
}

// size is how many rows to ask for.
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
		Detail: "the provider says that there is more, and shows a page it has shown before or none",
	}
}

// wantedAccounts are the accounts and cards that a request asks for; none means all.
func wantedAccounts(req *bankmux.SyncRequest) []string {
	if len(req.Cards) == 0 {
		return req.Accounts
	}
	return slices.Concat(req.Accounts, req.Cards)
}

// wantsAccount reports whether an account is one of those that the request asks for.
func wantsAccount(req *bankmux.SyncRequest, account string) bool {
	return account == "" || len(req.Accounts)+len(req.Cards) == 0 ||
		slices.Contains(req.Accounts, account) || slices.Contains(req.Cards, account)
}
