package bankmux

// This file describes changes of transactions and the call that reads them.

import (
	"context"
	"iter"
	"slices"
)

// SyncRequest asks for the changes since a cursor.
type SyncRequest struct {
	Connection Connection
	// Cursor is [Delta.Next] of the previous page, stored in one transaction with the rows of that
	// page. "" starts a new sync.
	Cursor string
	// Accounts has the provider's ids of accounts. Without Cards, nil means all accounts. To change
	// the accounts, start without a cursor.
	Accounts []string
	// Cards has the provider's ids of cards. If the provider does not keep cards apart from
	// accounts, the error is [ErrUnsupported].
	Cards []string

	// Name returns the application's own name for an account or card. The name is part of every
	// key, so it must survive a new link. nil means the provider's id, which does not survive one.
	//
	// If Name returns "", or the same name for two accounts of the connection, the error is
	// [ErrInvalid]. Leave accounts without a name out of Accounts. Accounts of two connections may
	// have the same name, if they are the same account at the bank.
	Name func(account string) string
	// Known reads the stored rows of an account between two days. The account is given by the
	// application's name. Both days are included, and the order does not matter. Rows of other
	// accounts or days are ignored. Known is called several times per page, always before Sync
	// returns. If it yields an error, Sync returns [ErrApplication], and errors.Is finds the error
	// of Known.
	//
	// Without Known, Sync does not recognize rows under new ids and rows that were posted. For a
	// provider without a record of changes (Dapi) it then reports every row as Added.
	Known func(ctx context.Context, account string, from, to Date) iter.Seq2[Known, error]

	PageSize int      // rows per page at most; 0 leaves it to the adapter
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

// Delta is one page of changes. Store the changes and Next in one transaction. A crash between two
// pages then loses nothing and repeats nothing.
type Delta struct {
	Added     []Added      // rows that were not known
	Modified  []Change     // the same row with other content
	Replaced  []Change     // the same movement of money, as another row: posted, or under another id
	Removed   []Absence    // the provider removed it, or two complete readings did not have it
	Missing   []Absence    // this reading does not have it, but the next one may
	Suggested []Suggestion // perhaps replaced; nothing was merged

	// Failed has accounts that could not be read, and single rows that could not be read. The next
	// sync asks for these accounts again. A provider with a record of changes (MoneyKit, Plaid)
	// does not return a failed row again: read its days with [Client.Transactions].
	Failed []Failure
	// Covered has the days that were read in full, at a provider that is read by days (Dapi).
	// There, a row of another day is never missing.
	Covered []Covered
	// Gaps are days that no reading covers. Some are days after the last reading that the bank no
	// longer serves. Others are days that the bank should serve, but refuses.
	Gaps    []Covered
	Outside int // rows dropped because the provider returned days that were not asked for

	// AddedOnly says that the page can only have Added, because there is no Known to compare with.
	// Store rows by their key then. If AddedOnly is false and there is no Known, store rows by the
	// provider's id, which is their first alias. Their keys are not unique then, because each page
	// numbers equal rows from 1.
	AddedOnly bool
	// Suspect has accounts, by the application's name, whose reading was empty although rows are
	// known. No row of these accounts is removed.
	Suspect []string

	// Next is the cursor after this page. It is never empty. It has dates, counters and account
	// ids, and no credential of the connection. For MoneyKit and Plaid it also has the provider's
	// own cursor, which is opaque. It may be stored and printed, but keep it at the back end.
	Next string
	More bool // another page is ready
}

// Sync returns one page of the changes since a cursor. Call it until More is false. It may be
// repeated with the same cursor.
//
// [Delta.Failed] has what could not be read. If that includes an account, Sync returns the page and
// a [*PartialError] that names the failures. If Failed has only rows, Sync returns no error,
// because one unreadable row would fail every sync for weeks. In both cases the rest of the page is
// complete: store it with its Next, like any other page. With any other error there is no page, and
// the cursor stays the same. For those errors see [TransactionSyncer].
func (c *Client) Sync(ctx context.Context, req SyncRequest) (Delta, error) {
	d, err := call(ctx, c, &opSync, &req, TransactionSyncer.Sync)
	if err != nil {
		return d, err
	}
	partial := c.partial(&opSync, &req.Connection, d.Failed)
	if slices.ContainsFunc(d.Failed, func(f Failure) bool { return f.Transaction == "" }) {
		return d, partial
	}
	return d, nil
}

// Known is a transaction as the application stored it. Take it from [Added], [Change], [Absence] or
// [Suggestion], and store it beside the application's own columns.
type Known struct {
	Key string `json:"key"` // the library's; never changes, even if the provider's id does
	// other names of the row: ids of providers, the current one first, and earlier keys
	Aliases []string `json:"aliases,omitempty"`
	// the application's own name of the account; it must survive a new link
	Account   string            `json:"account"`
	Status    TransactionStatus `json:"status,omitempty"`
	Date      Date              `json:"date"`
	Amount    Money             `json:"amount"`
	Text      string            `json:"text,omitempty"`
	Reference string            `json:"reference,omitempty"`
	Missed    int               `json:"missed,omitempty"` // consecutive complete readings without it
}

// Change is a stored row that was returned with changes. Store Known in place of Was. Without
// [SyncRequest.Known], Was has only the provider's id, as its first alias.
type Change struct {
	Was    *Known
	Row    *Transaction
	Known  Known
	Reason string
}

// Added is a row that was not stored. Store Known.
type Added struct {
	Row   *Transaction
	Known Known
}

// Absence is a stored row that the reading did not have. If it is in [Delta.Missing], store Known
// in place of the row, because its Missed may count this reading. If it is in [Delta.Removed],
// delete the row. Without [SyncRequest.Known], Known has only the provider's id, as its first
// alias.
type Absence struct {
	Known  Known
	Reason string
}

// Suggestion is a stored row that the reading did not have, with new rows that may be the same.
// Nothing was merged. Was is also in Missing or Removed, if the reading proves its absence. The
// rows of May are also in Added. The application decides, or asks the user.
type Suggestion struct {
	Was *Known
	// May has at most 16 rows that may be the same. They point into Added.
	May    []*Known
	More   int // how many further rows may be the same
	Reason string
}
