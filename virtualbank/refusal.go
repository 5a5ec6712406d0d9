package virtualbank

// This file has the error of the methods of a bank.

import "github.com/bankmux/bankmux/virtualbank/internal/bank"

// Refusal is the error of a [Bank] method that cannot do what was asked. Status is the HTTP status
// that the control plane returns for it, and Reason is the text.
type Refusal = bank.Refusal
