// Package normalize turns what providers say into the model of bankmux: error codes, amounts, days,
// times, tokens. It has what serves every adapter, also those outside this repository. Each
// sub-package is one provider's part of it. It is tables and pure functions over plain strings and
// does no I/O. All of it is safe for concurrent use and for repeating.
package normalize
