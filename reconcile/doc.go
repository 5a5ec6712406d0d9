// Package reconcile recognizes accounts and transactions that the application has stored already. A
// bank shows them again in each later reading, after a new link, and through another provider.
//
// An application that uses [bankmux.Client] needs two functions:
//
//   - [Match] pairs the accounts of an old and a new connection, so that stored rows keep their
//     account. [Fingerprint] names an account across connections.
//   - [Compare] compares stored rows with a complete list that the application read itself, for
//     example from a file. A sync with [bankmux.Client.Sync] already contains this step.
//
// An adapter that implements [bankmux.TransactionSyncer] uses one of two engines:
//
//   - [Feed] serves providers with a record of changes and a cursor of their own.
//   - [Days] serves providers that return the rows of an account between two days. It also lists
//     transactions page by page.
//
// An adapter that fits neither engine combines [Cursor], [KnownRows], [Compare] and [Result.AddTo].
//
// [Match] and [Compare] are pure functions: they use no I/O and no clock. Everything in this
// package is safe for concurrent use and may be repeated, except the methods of [Cursor] that
// change it: Advance, SameAccounts and Set.
//
// The package never merges rows on an amount alone, never drops a row, and gives a reason for each
// result. Where it is not sure, it reports a [Suggestion] or an [Ambiguity] and leaves the decision
// to the caller.
package reconcile
