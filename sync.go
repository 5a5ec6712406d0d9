package bankmux

import (
	"context"
	"iter"
	"slices"
)

// SyncRequest asks what changed.
type SyncRequest struct {
	Connection Connection
	// [Delta.Next] of the page before, stored with the rows of that page in one transaction; "" begins
	Cursor string
	// the provider's ids; without Cards, none means all accounts. Keep to the same, or begin without a cursor
	Accounts []string
	Cards    []string // the provider's ids of cards, where it keeps them apart; else [ErrUnsupported]

	// Name is the application's own name for an account or card. It is part of every key, so it
	// must survive a new link. nil means the provider's id, which does not survive one. "" and one
	// name for two accounts of a connection are [ErrInvalid]: leave accounts out that have none
	// yet. Accounts of two connections may have one name, where both lead to the same account at
	// the bank.
	Name func(account string) string
	// Known reads what the application stored of an account, by its own name, between two days,
	// both included, in any order. It is called several times a page, always before Sync returns.
	// An error that it yields ends the sync as [ErrApplication], and errors.Is finds it. Rows of
	// other accounts or days are ignored. Without Known, rows under new ids and rows that were
	// posted cannot be recognised, and a provider that keeps no record of changes (Dapi) can only
	// say what is there.
	Known func(ctx context.Context, account string, from, to Date) iter.Seq2[Known, error]

	PageSize int      // rows a page at most; 0 leaves it to the adapter
	Answers  *Answers // to a [Challenge] of an earlier try
}

func (r *SyncRequest) prepare(c *Client, op *Op) error {
	if err := r.Connection.prepare(c, op); err != nil {
		return err
	}
	if err := checkIDs("SyncRequest", r.Accounts, r.Cards); err != nil {
		return err
	}
	if err := c.checkCards("SyncRequest", r.Cards); err != nil {
		return err
	}
	if r.PageSize < 0 {
		return invalid("SyncRequest.PageSize", "is negative")
	}
	return r.Answers.prepare(op)
}

// Delta is one page of changes. Store them and Next in one transaction; a crash in between then
// loses nothing and repeats nothing.
type Delta struct {
	Added     []Added
	Modified  []Change     // the same row with another content
	Replaced  []Change     // the same movement as another row: posted, or under another id
	Removed   []Absence    // the provider said so, or it was not there in two complete readings
	Missing   []Absence    // not there in this reading; perhaps in the next
	Suggested []Suggestion // perhaps replaced; nothing was merged

	// Failed has accounts that could not be read, which the next round asks for again, and single
	// rows that could not. A row that a record of changes (MoneyKit) told of is not told of again:
	// read its days with [Client.Transactions].
	Failed  []Failure
	Covered []Covered // days that were read in full, where days are read (Dapi); a row outside is never missing
	// Gaps are days that no reading has: those between the last one and this one that the bank does
	// not serve any more, and those that it promises and refuses.
	Gaps    []Covered
	Outside int // rows dropped because the provider returned days that were not asked for

	// AddedOnly says that without Known nothing but Added could be told: store rows by their key.
	// Where it is false without Known, store them by the provider's id, their first alias: keys
	// number equal rows again on each page.
	AddedOnly bool
	// Suspect names accounts, by the application's name, whose reading was empty where rows are
	// known. Nothing of them counts as removed.
	Suspect []string

	// Next is the cursor behind this page, never empty. It may be stored and printed: it has dates,
	// counters and account ids, and no credential of the connection. For MoneyKit it also has the
	// provider's own cursor, which is opaque. Keep it at the back end.
	Next string
	More bool // there is another page now
}

// Sync returns one page of what changed since a cursor: call it until More is false. It may be
// repeated with the same cursor.
//
// What could not be read is in [Delta.Failed]. Where that is an account, one or all of them, a
// [*PartialError] beside the page names it, as for balances; single rows are in Failed alone, as a
// row that stays unreadable would fail every sync for weeks. In both cases the page is complete but
// for those: store it with its Next, as any other. With any other error there is no page, and the
// cursor stays where it was. For those errors see [TransactionSyncer].
func (c *Client) Sync(ctx context.Context, req SyncRequest) (Delta, error) {
	d, err := call(ctx, c, opSync, req, TransactionSyncer.Sync)
	if err != nil {
		return d, err
	}
	partial := c.partial(opSync, &req.Connection, d.Failed)
	if slices.ContainsFunc(d.Failed, func(f Failure) bool { return f.Transaction == "" }) {
		return d, partial
	}
	return d, nil
}

// Known is a transaction as the application stored it. Take it from [Added], [Change] and their
// likes, and keep it beside the application's own columns.
type Known struct {
	Key string `json:"key"` // ours; stays the same whatever ids the provider gives
	// other names of the same row: ids of providers, the present one first, and keys it had before
	Aliases []string `json:"aliases,omitempty"`
	// the application's own name of the account; it must survive a new link
	Account   string            `json:"account"`
	Status    TransactionStatus `json:"status,omitempty"`
	Date      Date              `json:"date"`
	Amount    Money             `json:"amount"`
	Text      string            `json:"text,omitempty"`
	Reference string            `json:"reference,omitempty"`
	Missed    int               `json:"missed,omitempty"` // complete readings in a row that did not have it
}

// Change is one row that was known and is there again: as it was and as it is. Known is what to
// store in place of Was. Without [SyncRequest.Known], Was has nothing but the provider's id, the
// first alias.
type Change struct {
	Was    *Known
	Row    *Transaction
	Known  Known
	Reason string
}

// Added is a row nobody knew. Known is what to store.
type Added struct {
	Row   *Transaction
	Known Known
}

// Absence is a row that was known and was not there. Known is what to store, with the reading
// counted, unless it is removed. Without [SyncRequest.Known] it has nothing but the provider's id,
// the first alias.
type Absence struct {
	Known  Known
	Reason string
}

// Suggestion is a row that was known and is not there, and rows that may be it. Nothing was merged:
// Was is also in Missing, where a reading proves its absence, and the rows of May are also in
// Added. The application decides, or asks.
type Suggestion struct {
	Was *Known
	// May are at most 16 rows that may be it. They point into Added.
	May    []*Known
	More   int // rows that may be it beyond those of May
	Reason string
}
