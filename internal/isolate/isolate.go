// Package isolate calls code in which an application's own code may run, such as its HTTP transport,
// where a panic or [runtime.Goexit] would end the process or leave others waiting.
package isolate

import (
	"fmt"

	"github.com/bankmux/bankmux"
)

// Call runs f in a goroutine of its own and returns what f returned. If f panics or ends its
// goroutine, the error is [bankmux.ErrApplication] and names the type of the panic, but not its
// value, which may hold anything.
func Call[T any](f func() (T, error)) (out T, err error) {
	return Of("the HTTP client or its transport", f)
}

// Of is Call for code that the error names as subject.
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

func failure(detail string) error {
	return &bankmux.Error{Kind: bankmux.ErrApplication, Detail: detail, NotSent: true}
}
