package virtualbank

import "github.com/bankmux/bankmux/virtualbank/internal/bank"

// Refusal is why the bank would not do what a test asked it to: an HTTP Status, which is what the
// control plane answers, and a Reason in words.
type Refusal = bank.Refusal
