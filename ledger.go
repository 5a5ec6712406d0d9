package bankmux

// This file has the store of what syncs read, which the application implements.

import (
	"context"
	"iter"
	"time"
)

// Ledger stores what [Client.SyncAll] reads: accounts, transactions, and how far the syncs have
// come. The application implements it, or uses package store. Package ledgertest checks an
// implementation.
//
// Methods must be safe for concurrent use, by several processes too, and must honour ctx. Each
// method may be repeated. If the connection is not stored any more, a method returns [ErrGone] and
// stores nothing. Otherwise a sync that still runs would bring back the rows of a deleted user.
// SyncAll returns errors of a Ledger as [ErrApplication], unless they have a [Kind].
type Ledger interface {
	// SyncState returns the stored state of a connection. It is zero before the first sync.
	SyncState(ctx context.Context, conn Connection) (SyncState, error)

	// NameAccounts stores the accounts that the provider lists, and returns the application's own
	// names by the provider's ids. The names are those of these accounts and of all that were
	// listed for the connection before. With no accounts it only returns the names. Cards come as
	// accounts of [AccountCreditCard].
	//
	// No two of the listed accounts have the same name, because names are those of
	// [SyncRequest.Name]. An account that is the same as one of an older link keeps its name, so
	// that a new link keeps every row: see reconcile.Match. Leave an account out if only the user
	// can decide which one it is. Its rows are not read, and [SyncAllResult.Unnamed] has it.
	//
	// Accounts and cards ([Account.IsCard]) may come in separate lists. Their rows are apart too.
	// So a card never gets the name of an account of its connection, whatever its number.
	NameAccounts(ctx context.Context, conn Connection, accounts []Account) (map[string]string, error)

	// Known reads the stored rows of an account between two days, as [SyncRequest.Known]. The
	// account is given by the application's name.
	Known(ctx context.Context, account string, from, to Date) iter.Seq2[Known, error]

	// StoreDelta stores a page and the state after it in one transaction. It does so only if the
	// stored state still has the Version of from, which is 0 if no state is stored. Otherwise
	// another sync was faster: StoreDelta then stores nothing and returns false without an error.
	StoreDelta(ctx context.Context, conn Connection, from SyncState, delta Delta, to SyncState) (bool, error)

	// StoreSyncState stores a state without rows, under the same condition.
	StoreSyncState(ctx context.Context, conn Connection, from, to SyncState) (bool, error)
}

// SyncState is how far the syncs of a connection have come. [Client.SyncAll] reads and writes it.
// An application may read it, for example to show when the data was last read.
//
// JSON keeps all of it. Challenge may hold data of the user, so encrypt the state, or at least that
// field. The other fields have no secret.
type SyncState struct {
	// Version counts how often a state was stored. The first stored state has version 1.
	Version int64  `json:"version"`
	Cursor  string `json:"cursor,omitempty"` // [Delta.Next] of the last stored page
	// More says that the round is not at its end. The next call continues it.
	More bool `json:"more,omitempty"`
	// Failed has the accounts and products that could not be read in the last round, also if it
	// broke off. The next round reads them again.
	Failed []Failure `json:"failed,omitempty"`
	// FailedRows has the first 100 single rows that the last round could not read. A next round
	// returns such a row again only at some providers: see [Delta.Failed].
	FailedRows []Failure `json:"failed_rows,omitempty"`
	// Err is why the last round broke off. It is nil if that round reached its end. Its Challenge
	// is nil, because it is in the field below.
	Err *Error `json:"error,omitempty"`
	// Challenge is the open question of the bank. Answer it with [SyncAllRequest.Answers].
	Challenge *Challenge `json:"challenge,omitempty"`
	// AskedAt is when the bank last asked the user. It is zero if the bank did not ask in the last
	// round that reached its end.
	AskedAt time.Time `json:"asked_at,omitzero"`
	// Attempts counts consecutive rounds that failed, without those that the application's own
	// guard refused.
	Attempts int `json:"attempts,omitempty"`
	// NotBefore is when the next round may start after a failure. It is zero if there is no wait.
	// If a budget or a circuit breaker of the application refused a call, NotBefore holds only
	// rounds that no user waits for ([Presence]). The guard judges the others itself.
	NotBefore time.Time `json:"not_before,omitzero"`
	SyncedAt  time.Time `json:"synced_at,omitzero"` // end of the last round that reached its end
	// LinkedAt is the [Connection.LinkedAt] of the last round. If the connection has another one,
	// the user has reconnected, and neither Err nor NotBefore holds back the next round.
	LinkedAt time.Time `json:"linked_at,omitzero"`
}
