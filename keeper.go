package bankmux

// This file has the store of connections that an adapter updates.

import (
	"context"
	"sync"
)

// ConnectionChange returns the next version of a stored connection. See [Keeper].
type ConnectionChange func(ctx context.Context, stored Connection) (Connection, error)

// Keeper stores connections whose credential changes while they are used. The application
// implements it. A provider such as TrueLayer renews a user's tokens every hour, and a renewal may
// end the previous tokens. An adapter for such a provider has a Keeper in its Config. It renews a
// credential only inside Update, so two processes that share a database renew it once.
//
// Make every other write of a stored connection inside Update too, and keep the credential of
// stored. A copy that was read before a renewal has the old credential. Only the result of
// ExchangeToken replaces the whole row.
type Keeper interface {
	// Update locks the row of conn.Ref, opens it, calls change once, and writes the result. The
	// caller's copy is conn, and stored must come from the row.
	//
	// The row stays locked from before it is read until the write is committed, against other
	// processes too (SELECT … FOR UPDATE). Update returns nil only after the commit. If change
	// fails, Update writes nothing and returns that error. Without a row it returns [ErrGone].
	//
	// Update must be safe for concurrent use and must honour ctx. change may take as long as a
	// request to the provider. If a write failed, Update may call change again with the current
	// row. change sends nothing the second time.
	Update(ctx context.Context, conn Connection, change ConnectionChange) error
}

// MemoryKeeper is a [Keeper] for tests and trials in one process. It loses everything when the
// process ends, so it is not for production. Its zero value is an empty keeper. It is safe for
// concurrent use.
type MemoryKeeper struct {
	mu   sync.Mutex
	rows map[Ref]*memoryRow
}

type memoryRow struct {
	lock chan struct{} // holds one value while the row is free
	conn Connection
	gone bool
}

// NewMemoryKeeper returns an empty keeper.
func NewMemoryKeeper() *MemoryKeeper { return &MemoryKeeper{} }

// row returns the row of a connection. It adds one with conn if there is none.
func (k *MemoryKeeper) row(ref Ref, conn Connection) *memoryRow {
	k.mu.Lock()
	defer k.mu.Unlock()
	row := k.rows[ref]
	if row == nil {
		row = &memoryRow{lock: make(chan struct{}, 1), conn: conn}
		row.lock <- struct{}{}
		if k.rows == nil {
			k.rows = map[Ref]*memoryRow{}
		}
		k.rows[ref] = row
	}
	return row
}

// Put stores a connection in place of what its row holds, as after ExchangeToken. It waits for an
// Update of the row to end.
func (k *MemoryKeeper) Put(conn Connection) {
	row := k.row(conn.Ref(), conn)
	<-row.lock
	defer func() { row.lock <- struct{}{} }()
	k.mu.Lock()
	defer k.mu.Unlock()
	row.conn, row.gone = conn, false
}

// Get returns the stored connection, and false if there is none.
func (k *MemoryKeeper) Get(ref Ref) (Connection, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	row := k.rows[ref]
	if row == nil || row.gone {
		return Connection{}, false
	}
	return row.conn, true
}

// Delete removes the row. Update then returns [ErrGone] until the next Put.
func (k *MemoryKeeper) Delete(ref Ref) {
	row := k.row(ref, Connection{})
	<-row.lock
	defer func() { row.lock <- struct{}{} }()
	k.mu.Lock()
	defer k.mu.Unlock()
	row.conn, row.gone = Connection{}, true
}

// Update is [Keeper.Update]. A connection that was never put is stored as the caller has it. A
// change that returns another connection is [ErrInvalid].
func (k *MemoryKeeper) Update(ctx context.Context, conn Connection, change ConnectionChange) error {
	row := k.row(conn.Ref(), conn)
	select {
	case <-row.lock:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { row.lock <- struct{}{} }()
	k.mu.Lock()
	stored, gone := row.conn, row.gone
	k.mu.Unlock()
	if gone {
		return &Error{Kind: ErrGone, Detail: "the connection was deleted from the keeper", NotSent: true}
	}
	next, err := change(ctx, stored)
	if err != nil {
		return err
	}
	if next.Ref() != conn.Ref() {
		return invalid("Connection", "is not the one of this row")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	row.conn = next
	return nil
}

var _ Keeper = (*MemoryKeeper)(nil)
