package rest

// This file signs requests.

import (
	"bytes"
	"errors"
	"net/http"

	"github.com/bankmux/bankmux"
)

// sign calls [Config.Sign]. The signer gets a copy of the body, and its use of the request's reader
// is undone. So the request is sent with its original body.
func (s *sending) sign(r *http.Request) error {
	method, scheme, host, field, body := r.Method, r.URL.Scheme, r.URL.Host, r.Host, r.Body
	err := s.client.sign(r, bytes.Clone(s.payload))
	r.Body = body
	s.reader.Reset(s.payload)
	switch e, ok := errors.AsType[*bankmux.Error](err); {
	case err == nil:
	case r.Context().Err() != nil:
		return &bankmux.Error{
			Kind:    bankmux.ErrContextDone,
			Detail:  "the request was not signed in time",
			NotSent: true,
			Err:     r.Context().Err(),
		}
	case ok:
		unsent := *e
		unsent.NotSent = true
		return &unsent
	default:
		return invalid("the request cannot be signed")
	}
	if r.Method != method || r.URL.Scheme != scheme || r.URL.Host != host || r.Host != field {
		return invalid("the signer changed the method or the host of a request")
	}
	if !sendable(r.Header) {
		return invalid(unsendable)
	}
	return nil
}

// invalid returns the error for a request that cannot be sent.
func invalid(detail string) *bankmux.Error {
	return &bankmux.Error{Kind: bankmux.ErrInvalid, Detail: detail, NotSent: true}
}
