// Package soak drives connections through a year of injected faults in virtual time. At its end
// the rows of the application must be those of the virtual bank.
//
// It has tests only: go test -run SoakAYear -v ./internal/soak
package soak
