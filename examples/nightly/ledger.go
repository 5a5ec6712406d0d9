package main

// This file compares the ledgers with the bank.

import (
	"context"
	"slices"
	"strings"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/schedule"
)

// compared is what a comparison found.
type compared struct {
	connections int
	rows        int
	again       int      // that needed a second reading
	different   []string // connections
}

// compare compares the ledger of each connection that is well with the bank, by the day and the
// amount of each row.
func (n *nights) compare(ctx context.Context) (c compared, err error) {
	plans, err := n.plans(ctx)
	if err != nil {
		return c, err
	}
	for _, conn := range n.conns {
		// The last run of the others has failed, so they lack what came since.
		if plan := plans[conn.ID]; plan.State != schedule.Due || plan.Reason != schedule.ReasonSlot {
			continue
		}
		rows, same, err := n.same(ctx, &conn)
		if err == nil && !same && conn.Provider == dapi.Name {
			// A row that a bank of Dapi no longer returns is removed after two readings.
			c.again++
			rows, same, err = n.readAgain(ctx, conn)
		}
		if err != nil {
			return c, err
		}
		c.connections++
		c.rows += rows
		if !same {
			c.different = append(c.different, conn.Provider+" "+conn.ID)
		}
	}
	return c, nil
}

// readAgain syncs a connection once more, and compares again.
func (n *nights) readAgain(ctx context.Context, conn bankmux.Connection) (rows int, same bool, err error) {
	client, err := n.member.registry.For(conn)
	if err != nil {
		return 0, false, err
	}
	request := bankmux.SyncAllRequest{Connection: conn, Ledger: n.member.store}
	if _, err := client.SyncAll(bankmux.WithoutUser(ctx), request); err != nil {
		return 0, false, err
	}
	return n.same(ctx, &conn)
}

// same compares one ledger with the bank.
func (n *nights) same(ctx context.Context, conn *bankmux.Connection) (rows int, same bool, err error) {
	bank, err := n.bankRows(conn)
	if err != nil {
		return 0, false, err
	}
	ledger, err := n.ledgerRows(ctx, conn)
	return len(bank), slices.Equal(bank, ledger), err
}

// bankRows returns the rows of a connection at the bank, sorted.
func (n *nights) bankRows(conn *bankmux.Connection) (rows []string, err error) {
	all, err := n.bank.Transactions(conn.Reference())
	for _, row := range all {
		rows = append(rows, row.Date+" "+plain(row.Amount))
	}
	slices.Sort(rows)
	return rows, err
}

// ledgerRows returns the rows of a connection in the store, sorted. Each user has one connection.
func (n *nights) ledgerRows(ctx context.Context, conn *bankmux.Connection) (rows []string, err error) {
	for query := (bankhttp.Query{User: conn.User, Limit: 1000}); ; {
		page, err := n.member.store.Transactions(ctx, query)
		if err != nil {
			return nil, err
		}
		for _, row := range page.Transactions {
			rows = append(rows, row.Row.Date.String()+" "+plain(row.Row.Amount.Amount()))
		}
		if query.After = page.Next; page.Next == "" {
			slices.Sort(rows)
			return rows, nil
		}
	}
}

// plain writes an amount without the zeros that do not count.
func plain(amount string) string {
	if strings.Contains(amount, ".") {
		amount = strings.TrimRight(strings.TrimRight(amount, "0"), ".")
	}
	return amount
}
