// Package dapi is the Dapi side of the virtual bank: the wire format of Dapi's API and webhooks. It
// implements bank.Provider.
//
// The API follows Dapi's documentation and the requests of its Node, Go, PHP, Java and Python SDKs.
// Dapi does not publish the names and bodies of webhook events, most failure types and most TTLs.
// The bank has values of its own there, and the comments name them as the bank's choice.
//
// Data and payment calls may ask the user, or take their time. The files challenge.go and
// operation.go serve the operations that result. The file payment.go checks payments, but no money
// moves.
package dapi
