package main

// This file finds the accounts of a new link among those known before.

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// carry gives the accounts of a new link the names of the accounts known before. It renames all of
// them or none. Ambiguous accounts are an error here; an application would ask its user.
func (s *store) carry(ctx context.Context, provider string, now []bankmux.Account) (carried, fresh int, err error) {
	before, ids, err := s.accounts(ctx)
	if err != nil {
		return 0, 0, err
	}
	m := reconcile.Match(before, now)
	if len(m.Ambiguous) > 0 {
		return 0, 0, fmt.Errorf("%d accounts are ambiguous: %s", len(m.Ambiguous[0].New), m.Ambiguous[0].Reason)
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	for _, p := range m.Pairs {
		if p.Confidence < reconcile.Likely {
			return 0, 0, fmt.Errorf("%s may be %s: %s", p.New.Name, p.Old.Name, p.Reason)
		}
		if err := attach(ctx, tx, provider, ids[p.Old], p.New); err != nil {
			return 0, 0, err
		}
	}
	for _, a := range m.OnlyNew {
		res, err := tx.ExecContext(ctx, "INSERT INTO account (name, seen) VALUES (?, '{}')", a.Name)
		if err != nil {
			return 0, 0, err
		}
		id, err := res.LastInsertId()
		if err != nil {
			return 0, 0, err
		}
		if err := attach(ctx, tx, provider, id, a); err != nil {
			return 0, 0, err
		}
	}
	if err := tx.Commit(); err != nil {
		return 0, 0, err
	}
	return len(m.Pairs), len(m.OnlyNew), s.readNames(ctx)
}

// attach stores which account of the application a provider's account is.
func attach(ctx context.Context, tx *sql.Tx, provider string, account int64, a bankmux.Account) error {
	seen, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE account SET seen = ? WHERE id = ?", seen, account); err != nil {
		return err
	}
	_, err = tx.ExecContext(
		ctx,
		"INSERT INTO provider_account VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET account = excluded.account",
		provider,
		a.ID,
		account,
	)
	return err
}

// accounts returns the application's accounts as last seen, and its own ids of them.
func (s *store) accounts(ctx context.Context) ([]bankmux.Account, map[bankmux.Account]int64, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT id, seen FROM account")
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	var all []bankmux.Account
	ids := map[bankmux.Account]int64{}
	for rows.Next() {
		var id int64
		var seen []byte
		var a bankmux.Account
		if err := rows.Scan(&id, &seen); err != nil {
			return nil, nil, err
		}
		if err := json.Unmarshal(seen, &a); err != nil {
			return nil, nil, err
		}
		all = append(all, a)
		ids[a] = id
	}
	return all, ids, rows.Err()
}

// asAccount turns a card into an account. A provider that lists cards as accounts then matches it.
func asAccount(c bankmux.Card) bankmux.Account {
	return bankmux.Account{
		ID:       c.ID,
		Kind:     bankmux.AccountCreditCard,
		Name:     c.Name,
		Number:   c.Number,
		Currency: c.Currency,
	}
}
