package bankmux

import (
	"errors"
	"strings"
)

// Failure is one part of an answer that could not be had: an account, a
// product, or a single row. It is an error like its cause.
type Failure struct {
	Account     string  `json:"account,omitempty"`     // the provider's id of the account or card
	Product     Product `json:"product,omitempty"`     // where a whole product failed
	Transaction string  `json:"transaction,omitempty"` // the provider's id of a row, or its number on the page, where one row failed
	Err         *Error  `json:"error"`
}

// Error says what is missing and why.
func (f Failure) Error() string {
	var b strings.Builder
	for _, part := range []struct{ name, value string }{{"account", f.Account}, {"product", string(f.Product)}, {"transaction", f.Transaction}} {
		if part.value != "" {
			b.WriteString(part.name + " " + part.value + ": ")
		}
	}
	if f.Err != nil {
		b.WriteString(f.Err.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (f Failure) Unwrap() error {
	if f.Err == nil {
		return nil
	}
	return f.Err
}

// PartialError comes with a result that is good as far as it goes, and names
// what is missing from it. errors.Is finds the kinds of all failures.
//
//	res, err := client.Balances(ctx, req)
//	if partial, ok := errors.AsType[*bankmux.PartialError](err); ok {
//		keep(res); remember(partial.Failed)
//	}
type PartialError struct {
	Op     string // operation, such as "Balances"
	Failed []Failure
}

// Error lists what failed.
func (e *PartialError) Error() string {
	parts := make([]string, len(e.Failed))
	for i, f := range e.Failed {
		parts[i] = "[" + f.Error() + "]"
	}
	return e.Op + ": incomplete: " + strings.Join(parts, " ")
}

// Unwrap returns the failures.
func (e *PartialError) Unwrap() []error {
	all := make([]error, len(e.Failed))
	for i, f := range e.Failed {
		all[i] = f
	}
	return all
}

// partial makes an error of failures, nil where there are none, and says in each which call it came from.
func (c *Client) partial(op Op, conn *Connection, failed []Failure) error {
	if len(failed) == 0 {
		return nil
	}
	op.Connection = conn.ID
	for i := range failed {
		if failed[i].Err == nil {
			failed[i].Err = &Error{Kind: ErrUnknown}
		}
		failed[i].Err = asError(c.describe(&op, failed[i].Err))
	}
	return &PartialError{Op: op.Name, Failed: failed}
}

// hopeless reports whether an error of one account says that the others need not be tried: the
// connection, the application or the provider as a whole will not answer.
func hopeless(err error) bool {
	if errors.Is(err, ErrCircuitOpen) { // the provider's or the bank's
		return true
	}
	switch KindOf(err) {
	case ErrReauth, ErrGone, ErrCredentials, ErrRateLimited, ErrContextDone, ErrUserAction, ErrConsent, ErrUnsupported:
		return true
	}
	return false
}

// refusedAnswer reports whether the bank did not take what the user said. That is no failure of one account: the user is asked anew before anything
// else is.
func refusedAnswer(err error) bool {
	return errors.Is(err, ErrAnswerRejected) || errors.Is(err, ErrChallengeExpired)
}

// checkIDs refuses an id that is empty or named twice, and lists that are there but name nothing: who chose none would get all.
func checkIDs(request string, lists ...[]string) error {
	none, named := false, 0
	for _, ids := range lists {
		none = none || ids != nil
		named += len(ids)
		seen := make(map[string]bool, len(ids))
		for _, id := range ids {
			if id == "" || seen[id] {
				return invalid(request+".Accounts", "names an account twice or an empty id")
			}
			seen[id] = true
		}
	}
	if none && named == 0 {
		return invalid(request+".Accounts", "is empty: nil means all")
	}
	return nil
}
