// Package postgres opens a [store.Store] in PostgreSQL, with the driver jackc/pgx.
package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/store"
)

// maxConnections is how many connections a store opens at most.
const maxConnections = 20

// Open connects to PostgreSQL and returns a store in it. Call [store.Store.Migrate] before anything
// else, and close it with [store.Store.Close].
//
// The server may be behind a pooler that shares connections between transactions, such as
// PgBouncer. So statements are not prepared, unless the url has a default_query_exec_mode of pgx.
//
// The url is one of pgx, such as "postgres://user:password@host:5432/database". No error shows it.
// A url that is not one is [bankmux.ErrInvalid]. A server that cannot be reached is a
// [*store.Error].
func Open(ctx context.Context, url string, aead bankmux.AEAD, options ...store.Option) (*store.Store, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil { // it quotes the URL
		return nil, &bankmux.Error{
			Op: "postgres.Open", Kind: bankmux.ErrInvalid, NotSent: true,
			Field: "url", Detail: "is not a URL of PostgreSQL",
		}
	}
	if !strings.Contains(url, "default_query_exec_mode") {
		cfg.DefaultQueryExecMode = pgx.QueryExecModeExec // one round trip, as a prepared statement takes
	}
	db := stdlib.OpenDB(*cfg)
	db.SetMaxOpenConns(maxConnections)
	db.SetMaxIdleConns(maxConnections / 2)
	return store.Open(ctx, db, store.Postgres, aead, options...)
}
