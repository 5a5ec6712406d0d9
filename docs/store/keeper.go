package main

import (
	"context"
	"database/sql"
	"errors"

	"github.com/bankmux/bankmux"
)

// keeper keeps sealed connections in a table of database/sql. It is a bankmux.Keeper.
type keeper struct {
	db      *sql.DB
	keyring *bankmux.Keyring
}

// Update reads, changes and writes one row under its lock.
func (k keeper) Update(ctx context.Context, conn bankmux.Connection, change bankmux.ConnectionChange) error {
	tx, err := k.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	var row []byte
	err = tx.QueryRowContext(ctx, "SELECT sealed FROM connections WHERE id = $1 FOR UPDATE", conn.ID).Scan(&row)
	if errors.Is(err, sql.ErrNoRows) {
		return bankmux.ErrGone
	}
	if err != nil {
		return err
	}
	stored, err := bankmux.Open(k.keyring, conn.Ref(), row)
	if err != nil {
		return err
	}
	next, err := change(ctx, stored)
	if err != nil {
		return err
	}
	if row, err = next.Seal(k.keyring); err != nil {
		return err
	}
	if _, err = tx.ExecContext(ctx, "UPDATE connections SET sealed = $2 WHERE id = $1", conn.ID, row); err != nil {
		return err
	}
	return tx.Commit()
}

// note stores a status beside the credential that is stored, whatever credential the caller has.
func (k keeper) note(ctx context.Context, conn bankmux.Connection, status bankmux.Status) error {
	return k.Update(ctx, conn, func(_ context.Context, stored bankmux.Connection) (bankmux.Connection, error) {
		stored.Status = status
		return stored, nil
	})
}

var _ bankmux.Keeper = keeper{}
