package rest

// This file makes the request that is sent, of the adapter's request and of what middleware adds.

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// together returns a context with the values of a request of resty's. It is done when that of the
// request is, and when the call's is, whatever middleware has made of it.
func (s *sending) together(of context.Context) (ctx context.Context, release func()) {
	ctx, cancel := context.WithCancel(of)
	stop := context.AfterFunc(s.Context, cancel)
	return ctx, func() { stop(); cancel() }
}

// ended returns why a request of resty's was cancelled. A context of together does not say it.
func (s *sending) ended(of context.Context, err error) error {
	if errors.Is(err, context.Canceled) {
		return cmp.Or(s.Err(), of.Err(), err)
	}
	return err
}

// compose returns the adapter's request with what middleware may add: header fields, values of the
// query, Close and a context. It refuses any other difference that concerns what is sent.
func (s *sending) compose(r *http.Request) (*http.Request, error) {
	own := s.own.WithContext(r.Context())
	query, ok := queryWith(own.URL.RawQuery, r.URL.RawQuery)
	switch {
	case r.Context().Err() != nil && s.Err() == nil:
		return nil, unusable("has middleware whose context ended before the request was sent")
	case s.moved(r):
		return nil, unusable(movedAway)
	case !ok:
		return nil, unusable("has middleware that changes the query of a request, to which it may only add")
	case s.changed(r):
		return nil, unusable("has middleware or a setting that changes the body of a request")
	case s.reframed(r):
		return nil, unusable("has middleware that changes the length, the encoding or the trailer of a request")
	case s.relabeled(r.Header):
		return nil, unusable("has middleware or a setting that changes the adapter's header fields or credential")
	case !sendable(r.Header):
		return nil, invalid(unsendable)
	}
	own.URL.RawQuery, own.Header, own.Close = query, r.Header, r.Close
	if own.Body != nil {
		own.Body = s.body() // middleware has read it
	}
	return own, nil
}

const movedAway = "has middleware that changes the method or the address of a request"

// neverSent reports whether every http.Client refuses a request, before its transport has it.
func neverSent(r *http.Request) bool { return r.URL == nil || r.RequestURI != "" }

// moved reports whether middleware has changed the method or the address of a request.
func (s *sending) moved(r *http.Request) bool {
	own := s.own
	return r.Method != own.Method || r.Host != own.Host ||
		r.URL.Scheme != own.URL.Scheme || r.URL.Host != own.URL.Host || r.URL.Opaque != "" || r.URL.User != nil ||
		r.URL.EscapedPath() != own.URL.EscapedPath() || r.URL.EscapedFragment() != own.URL.EscapedFragment() ||
		r.URL.RawQuery == "" && r.URL.ForceQuery != own.URL.ForceQuery
}

// queryWith returns the adapter's query with what middleware has added to it. It reports false if a
// value of the adapter's is not there, or another one has its name.
func queryWith(own, got string) (query string, ok bool) {
	if got == own {
		return own, true
	}
	want, err := url.ParseQuery(own)
	if err != nil {
		return "", false
	}
	have, query := url.Values{}, own
	for pair := range strings.SplitSeq(got, "&") {
		name, value, _ := strings.Cut(pair, "=")
		key, err := url.QueryUnescape(name)
		if _, known := want[key]; err == nil && known {
			if value, err = url.QueryUnescape(value); err != nil {
				return "", false
			}
			have.Add(key, value)
		} else if pair != "" {
			query = joinQuery(query, pair)
		}
	}
	return query, maps.EqualFunc(want, have, slices.Equal)
}

// framing are the header fields that net/http writes itself. It ignores those with these names, but
// would send one that is written in another way.
var framing = []string{"Content-Length", "Transfer-Encoding", "Trailer"}

// relabeled reports whether middleware has changed a header field of the adapter, or has set the
// credential or the host.
func (s *sending) relabeled(header http.Header) bool {
	for name, values := range header {
		key := http.CanonicalHeaderKey(name)
		switch {
		case s.fixed(key):
			if name != key || !slices.Equal(values, s.own.Header[key]) {
				return true
			}
		case key == "Authorization", key == "Host", name != key && slices.Contains(framing, key):
			return true
		}
	}
	for key := range s.own.Header {
		if s.fixed(key) && header[key] == nil {
			return true
		}
	}
	return false
}

// fixed reports whether a header field has a value of the adapter that is not a default.
func (s *sending) fixed(key string) bool {
	_, own := s.own.Header[key]
	return own && !slices.Contains(s.defaults, key)
}

// reframed reports whether middleware has set how the body of a request is sent. A length of 0 is
// not set: resty has no other one for a reader of another type, and for methods without a body.
func (s *sending) reframed(r *http.Request) bool {
	return r.ContentLength != 0 && r.ContentLength != s.own.ContentLength ||
		len(r.TransferEncoding)+len(r.Trailer) > 0
}

// changed reports whether middleware has changed the body of a request. Resty sends no body with
// some methods.
func (s *sending) changed(r *http.Request) bool {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	built, err := io.ReadAll(io.LimitReader(r.Body, int64(len(s.payload))+1))
	if err != nil {
		return true
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return len(built) > 0 && !bytes.Equal(built, s.payload)
	}
	return !bytes.Equal(built, s.payload)
}
