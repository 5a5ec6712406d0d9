// Package e2e tests clients of all adapters against the virtual bank, from the request of an
// application to the wire.
package e2e
