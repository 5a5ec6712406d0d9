package virtualbank

// This file has the error of the methods of a bank.

import "github.com/bankmux/bankmux/virtualbank/internal/bank"

// Refusal is the error of a [Bank] method that cannot do what was asked. It is a struct with two
// fields:
//
//	Status int    // the HTTP status that the control plane returns for it, such as 404
//	Reason string // what is wrong, as a sentence without its end
//
// The method Error returns "virtualbank: " and the reason. Find a Refusal in an error with
// errors.AsType[*virtualbank.Refusal](err).
type Refusal = bank.Refusal
