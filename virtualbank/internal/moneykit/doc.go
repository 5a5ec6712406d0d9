// Package moneykit is the MoneyKit side of the virtual bank: the wire format of MoneyKit's API and
// webhooks. It implements bank.Provider.
//
// The API follows MoneyKit's documentation, its API description, recorded responses of its sandbox,
// and the requests of its Ruby and Python SDKs. Where these do not say what happens, the bank
// decides, and a comment says so.
//
// MoneyKit stores what it fetches from an institution. A link therefore keeps a history of the
// states of its transactions. Reads return the last state, and a sync returns the changes between
// two states.
package moneykit
