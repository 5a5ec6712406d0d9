// Package reconcile tells what is the same when a bank shows it a second time: accounts after a new
// link or through another provider, transactions under new ids, pending ones that were posted.
//
// [Match] and [Compare] are for applications and adapters. They are pure: values in, values out, no
// I/O and no clock. [Feed] and [Days] are for adapters: engines that sync with any provider by the
// functions that the adapter gives them. Everything may be used by any number of goroutines and
// repeated at will.
//
// The package never merges on an amount alone, never drops a row, and says why it did what it did.
// What it is not sure of it leaves to the caller.
package reconcile
