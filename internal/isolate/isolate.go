// Package isolate calls code of the application, such as its HTTP transport, in a separate
// goroutine. A panic or [runtime.Goexit] in it becomes an error, and does not end the process or
// block others.
package isolate

import (
	"fmt"

	"github.com/bankmux/bankmux"
)

// Of runs f in a separate goroutine and returns its result. If f panics or ends its goroutine, the
// error is [bankmux.ErrApplication]. It names the code as subject, and the type of the panic. It
// does not have the panic's value, which may hold anything.
func Of[T any](subject string, f func() (T, error)) (out T, err error) {
	err = failure(subject + " ended its goroutine")
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				err = failure(fmt.Sprintf("%s panicked (%T)", subject, p))
			}
		}()
		out, err = f()
	}()
	<-done
	return out, err
}

// failure returns the error for code that did not return.
func failure(detail string) error {
	return &bankmux.Error{Kind: bankmux.ErrApplication, Detail: detail, NotSent: true}
}
