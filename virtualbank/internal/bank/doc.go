// Package bank is the bank behind every wire format of package virtualbank. It holds the customers,
// the institutions, the accounts with their transactions, the clock and the sources of chance.
//
// It also defines [Provider], the interface between the bank and one wire format. A provider is a
// package of its own that implements Provider; moneykit and dapi are two. Package virtualbank
// serves requests, injects faults, keeps the journal and the outbox, and offers the control plane,
// all through this interface.
//
// # Adding a provider
//
//   - Write a package with a type that embeds *[Bank] and implements [Provider], and a function
//     Spec that returns its [Spec].
//   - Give the institutions that it serves an id of the provider: a field of [Institution], used in
//     [Institution.GoesBy], and values in the catalogue.
//   - Give [LinkRef] the member that holds the provider's id of a link in bodies of the control
//     plane.
//   - Register it in package virtualbank: in the list of providers.go and in virtualbank.New.
//   - Give the public API what callers need: an address in Start, the credentials, and the call
//     that plays the user. AccountState and Institution need the ids.
//   - Draw credentials and ids from a generator of its own, so that a seed still gives the same ids
//     to the other providers.
//
// # Locking
//
// One mutex guards the bank and everything that providers remember: [Bank.Lock]. Methods that
// expect it to be held say so.
package bank
