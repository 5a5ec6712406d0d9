package bankmux

// This file keeps the addresses of requests out of causes.

import (
	"errors"
	"net/url"
	"reflect"
	"strings"
)

// withoutURL returns a cause whose text has no URL of a [*url.Error], wherever that is in its tree.
// Such a URL may hold a token. Any other cause is returned unchanged.
func withoutURL(err error) error {
	found := urlErrors(err, nil)
	if len(found) == 0 {
		return err
	}
	s := &stripped{
		text: err.Error(),
		is:   func(target error) bool { return errors.Is(err, target) },
		as:   func(target any) bool { return errors.As(err, target) },
	}
	for _, u := range found {
		if u.Err == nil { // its Error would panic
			s.text = unreadableCause
			continue
		}
		s.text = strings.ReplaceAll(s.text, u.Error(), u.Err.Error())
		s.parts = append(s.parts, withoutURL(u.Err))
	}
	for _, u := range found { // a wrapper may have written it in another way
		if address, _, _ := strings.Cut(u.URL, "?"); address != "" && strings.Contains(s.text, address) {
			s.text = unreadableCause
		}
	}
	return s
}

// unreadableCause is the text of a cause from which the URL cannot be removed.
const unreadableCause = "the text of the cause has a URL"

// urlErrors appends each [*url.Error] in the tree of err, the outer ones first.
func urlErrors(err error, found []*url.Error) []*url.Error {
	if u, ok := err.(*url.Error); ok && u != nil { //nolint:errorlint // each node is looked at
		found = append(found, u)
	}
	switch node := err.(type) { //nolint:errorlint // each node is looked at
	case interface{ Unwrap() error }:
		return urlErrors(node.Unwrap(), found)
	case interface{ Unwrap() []error }:
		for _, part := range node.Unwrap() {
			found = urlErrors(part, found)
		}
	}
	return found
}

// stripped is a cause that had the URL of a request in its text. errors.Is and errors.As find all
// of the cause but a [*url.Error]. The cause is in functions, which no verb prints.
type stripped struct {
	text  string
	is    func(error) bool
	as    func(any) bool
	parts []error // what the errors with a URL were about
}

func (s *stripped) Error() string { return s.text }

// Is reports whether errors.Is finds target in the cause.
func (s *stripped) Is(target error) bool { return s.is(target) }

// As reports whether errors.As finds a value for target in the cause.
func (s *stripped) As(target any) bool {
	if !s.as(target) {
		return false
	}
	value := reflect.ValueOf(target).Elem()
	if _, ok := reflect.TypeAssert[*url.Error](value); ok {
		value.SetZero()
		return false
	}
	return true
}

// Unwrap returns the parts, of which As may find one.
func (s *stripped) Unwrap() []error { return s.parts }
