package bankmux

// Known is a transaction as the application stored it. Take it from [Added], [Change] and their
// likes, and keep it beside the application's own columns.
type Known struct {
	Key string `json:"key"` // ours; stays the same whatever ids the provider gives
	// other names of the same row: ids of providers, the present one first, and keys it had before
	Aliases []string `json:"aliases,omitempty"`
	// the application's own name of the account; it must survive a new link
	Account   string            `json:"account"`
	Status    TransactionStatus `json:"status,omitempty"`
	Date      Date              `json:"date"`
	Amount    Money             `json:"amount"`
	Text      string            `json:"text,omitempty"`
	Reference string            `json:"reference,omitempty"`
	Missed    int               `json:"missed,omitempty"` // complete readings in a row that did not have it
}

// Change is one row that was known and is there again: as it was and as it is. Known is what to
// store in place of Was. Without [SyncRequest.Known], Was has nothing but the provider's id, the
// first alias.
type Change struct {
	Was    *Known
	Row    *Transaction
	Known  Known
	Reason string
}

// Added is a row nobody knew. Known is what to store.
type Added struct {
	Row   *Transaction
	Known Known
}

// Absence is a row that was known and was not there. Known is what to store, with the reading
// counted, unless it is removed. Without [SyncRequest.Known] it has nothing but the provider's id,
// the first alias.
type Absence struct {
	Known  Known
	Reason string
}

// Suggestion is a row that was known and is not there, and rows that may be it. Nothing was merged:
// Was is also in Missing, where a reading proves its absence, and the rows of May are also in
// Added. The application decides, or asks.
type Suggestion struct {
	Was *Known
	// May are at most 16 rows that may be it. They point into Added.
	May    []*Known
	More   int // rows that may be it beyond those of May
	Reason string
}
