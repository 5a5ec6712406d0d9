// Package store keeps sessions, connections, results of exchanges, accounts, transactions, open
// challenges and webhook events in a database of the application. It uses database/sql with SQLite
// or PostgreSQL, and has one schema for both. Packages store/sqlite and store/postgres open them. A
// program has the driver of the one that it imports.
//
//	s, err := sqlite.Open(ctx, "bank.db", keyring)
//	…
//	err = s.Migrate(ctx)
//
// # What is promised
//
// Each method is one transaction, unless it says otherwise. After an error nothing of it is stored.
// The exception is a connection to the database that breaks during a commit: the outcome is unknown
// then. Each method may be repeated. [Store.In] joins a transaction of the application.
//
// Several processes may use one database. All methods are safe for concurrent use.
//
// # What is sealed
//
// Every secret is encrypted with the [bankmux.AEAD] and bound to its row. These are sealed:
//
//   - sessions, connections with their credential, and results of exchanges
//   - open challenges, states of syncs, and exchange payloads of webhooks
//   - accounts with their numbers, and the full rows of transactions
//
// Some personal data is in clear, because pages search and sort by it. These are the user's id, the
// user's notes, and of a transaction the day, the amount, the bank's texts and its reference.
// Balances and the names of banks are in clear too. Encrypt the disk of the database and its dumps.
//
// # Errors
//
// A missing row is [bankmux.ErrNotFound]. A wrong argument is [bankmux.ErrInvalid]. A sealed value
// that does not open is [bankmux.ErrSeal]. If the context ends, the error is
// [bankmux.ErrContextDone]. If the database fails, the error is an [*Error], which has the code of
// the database and no value of a row.
package store
