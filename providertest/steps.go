package providertest

// This file has the steps that most subtests share: link a user, add accounts and rows, read them.

import (
	"bytes"
	"context"
	"iter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/single"
)

// session makes a session from the harness's request.
func (b *bench) session(ctx context.Context) bankmux.Session {
	b.t.Helper()
	s, err := b.client.CreateSession(ctx, b.Request)
	require.NoError(b.t, err)
	return s
}

// keyring returns the application's keyring.
func (b *bench) keyring() *bankmux.Keyring {
	b.t.Helper()
	ring, err := bankmux.NewKeyring(bankmux.Key{ID: "suite", Material: bankmux.NewSecret(bytes.Repeat([]byte{7}, 32))})
	require.NoError(b.t, err)
	return ring
}

// reopened seals the session, as an application stores it, and opens it again.
func (b *bench) reopened(s bankmux.Session) bankmux.Session {
	b.t.Helper()
	row, err := s.Seal(b.keyring())
	require.NoError(b.t, err)
	back, err := bankmux.OpenSession(b.keyring(), s.Ref(), row)
	require.NoError(b.t, err)
	return back
}

// linked lets the user finish s and returns the request for ExchangeToken.
func (b *bench) linked(s bankmux.Session) bankmux.ExchangeRequest {
	b.t.Helper()
	payload, err := b.Link(s)
	require.NoError(b.t, err)
	b.concealPayload(payload)
	b.conceal(string(payload))
	post := bankmux.ExchangeRequest{Session: s, User: s.User, Payload: bankmux.NewSecret(payload)}
	b.show(post)
	return post
}

// connect links a user in all steps.
func (b *bench) connect(ctx context.Context) bankmux.Connection {
	b.t.Helper()
	conn, err := single.Connection(b.client.ExchangeToken(ctx, b.linked(b.session(ctx))))
	require.NoError(b.t, err)
	return conn
}

// prepared links a user and makes the stored data of the connection current.
func (b *bench) prepared(ctx context.Context) bankmux.Connection {
	b.t.Helper()
	conn := b.connect(ctx)
	b.refetch(conn)
	return conn
}

func (b *bench) refetch(conn bankmux.Connection) {
	b.t.Helper()
	if b.Data != nil && b.Data.Refetch != nil {
		require.NoError(b.t, b.Data.Refetch(conn))
	}
}

// account adds an account and returns its id.
func (b *bench) account(conn bankmux.Connection, kind bankmux.AccountKind, currency string) string {
	b.t.Helper()
	id, err := b.Data.AddAccount(conn, kind, currency)
	require.NoError(b.t, err)
	return id
}

// row adds a transaction with the date of today, unless it has another date.
func (b *bench) row(conn bankmux.Connection, account string, r Row) {
	b.t.Helper()
	if r.Date.IsZero() {
		r.Date = bankmux.DateOf(time.Now().UTC())
	}
	require.NoError(b.t, b.Data.AddTransaction(conn, account, r))
}

// read returns the rows of a request, and the errors among them.
func (b *bench) read(req bankmux.TransactionsRequest) (rows []bankmux.Transaction, failed []error) {
	b.t.Helper()
	for row, err := range b.client.Transactions(b.t.Context(), req) {
		if err != nil {
			b.show(err)
			failed = append(failed, err)
			continue
		}
		rows = append(rows, row)
	}
	return rows, failed
}

// idOf returns the id that a connection of a session must have.
func (b *bench) idOf(s bankmux.Session, conn bankmux.Connection) string {
	if b.Binds {
		return s.ConnectionID
	}
	return s.ConnectionOf(conn.Reference())
}

// firstError returns the first error of a sequence.
func firstError[T any](all iter.Seq2[T, error]) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}
