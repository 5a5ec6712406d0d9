package bankmux

// This file has the errors about a part of a result.

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"

	"github.com/bankmux/bankmux/internal/plain"
)

// Failure is one part of a result that could not be read: an account, a product, or a single row.
// It is an error, and unwraps to its cause.
type Failure struct {
	Account string  `json:"account,omitempty"` // the provider's id of the account or card
	Product Product `json:"product,omitempty"` // if a whole product failed
	// the provider's id of a row, or its number on the page, if one row failed
	Transaction string `json:"transaction,omitempty"`
	Err         *Error `json:"error"`
}

// Error returns what is missing and why, on one line.
func (f Failure) Error() string {
	var b strings.Builder
	for _, part := range []struct{ name, value string }{
		{"account", f.Account}, {"product", string(f.Product)}, {"row", f.Transaction},
	} {
		if part.value != "" {
			b.WriteString(part.name + " " + plain.Word(part.value) + ": ")
		}
	}
	b.WriteString(f.cause().Error())
	return b.String()
}

// Unwrap returns the cause. It is an [ErrUnknown] if Err is nil, so errors.As finds an [*Error] in
// every Failure.
func (f Failure) Unwrap() error { return f.cause() }

// cause returns Err, or else an [ErrUnknown].
func (f Failure) cause() *Error {
	if f.Err == nil {
		return &Error{Kind: ErrUnknown}
	}
	return f.Err
}

// PartialError names what is missing from the result that is returned with it. The rest of the
// result is valid. errors.Is and errors.As look into all failures. They find an [ErrUnknown] in one
// that names no failure, so errors.As finds an [*Error] in every PartialError.
//
//	res, err := client.Balances(ctx, req)
//	if partial, ok := errors.AsType[*bankmux.PartialError](err); ok {
//		keep(res); remember(partial.Failed)
//	}
//
// Its text and its JSON name the first ten failures and how many more there are.
type PartialError struct {
	Op     string // operation, such as [OpBalances]
	Failed []Failure
}

// maxNamed is how many failures the text of a PartialError names, and maxFailure what it shows of
// each in bytes.
const (
	maxNamed   = 10
	maxFailure = 1 << 10
)

// named returns the failures that are shown, and how many are not.
func (e PartialError) named() (shown []Failure, more int) {
	n := min(len(e.Failed), maxNamed)
	return e.Failed[:n], len(e.Failed) - n
}

// Error names the first ten failures and how many more there are.
func (e *PartialError) Error() string { return e.text() }

func (e PartialError) text() string {
	var b strings.Builder
	b.WriteString(plain.Line(e.Op) + ": incomplete:")
	shown, more := e.named()
	for _, f := range shown {
		b.WriteString(" [" + plain.Cut(f.Error(), maxFailure) + "]")
	}
	if more > 0 {
		b.WriteString(" and " + strconv.Itoa(more) + " more")
	}
	return b.String()
}

// Format writes what [PartialError.Error] returns, whatever the verb.
func (e PartialError) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.text()) }

// LogValue returns what [PartialError.Error] returns.
func (e PartialError) LogValue() slog.Value { return slog.StringValue(e.text()) }

// MarshalJSON writes the operation, the first ten failures and the number of the others. To keep
// all of them, marshal Failed.
func (e PartialError) MarshalJSON() ([]byte, error) {
	shown, more := e.named()
	return json.Marshal(struct {
		Op     string    `json:"op"`
		Failed []Failure `json:"failed"`
		More   int       `json:"more,omitempty"`
	}{e.Op, shown, more})
}

// Unwrap returns the first ten failures. [PartialError.Is] and [PartialError.As] look into the
// others. If there are no failures, Unwrap returns an [ErrUnknown].
func (e *PartialError) Unwrap() []error {
	if len(e.Failed) == 0 {
		return []error{&Error{Kind: ErrUnknown, Op: e.Op}}
	}
	shown, _ := e.named()
	all := make([]error, len(shown))
	for i, f := range shown {
		all[i] = f
	}
	return all
}

// Is reports whether any failure is target, for errors.Is.
func (e *PartialError) Is(target error) bool {
	for i := range e.Failed {
		if err := e.Failed[i].Err; err != nil && errors.Is(err, target) {
			return true
		}
	}
	return false
}

// As finds the first failure that is a target, for errors.As.
func (e *PartialError) As(target any) bool {
	for i := range e.Failed {
		if err := e.Failed[i].Err; err != nil && errors.As(err, target) {
			return true
		}
	}
	return false
}

// partial returns an error with the failures, nil if there are none. It fills in each failure which
// call it came from.
func (c *Client) partial(op *Op, conn *Connection, failed []Failure) error {
	if len(failed) == 0 {
		return nil
	}
	return c.describeAll(op, conn.ID, failed)
}

// describeAll is partial for failures. It is not inlined, so that its copy of the op is not on the
// stack of a call that waits for its response.
//
//go:noinline
func (c *Client) describeAll(of *Op, connection string, failed []Failure) error {
	op := *of
	op.Connection = connection
	described := map[*Error]*Error{} // failures that share an error still do
	for i := range failed {
		err := failed[i].Err
		full, ok := described[err]
		if !ok {
			full = ErrorOf(c.describe(&op, failed[i].cause()))
			described[err] = full
		}
		failed[i].Err = full
	}
	return &PartialError{Op: op.Name, Failed: failed}
}
