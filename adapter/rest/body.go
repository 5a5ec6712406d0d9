package rest

// This file reads the body of a response.

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
)

// errTooLarge ends the reading of a body.
var errTooLarge = errors.New("the body is larger than the limit")

// maxFirstRead is the largest buffer before a body has started. Larger ones need bytes that have
// arrived, not a length that is announced. Most responses are smaller.
const maxFirstRead = 32 << 10

// body reads a response's body up to the limit, which applies after decompression. The transport
// decompresses what it requested. body decompresses what a server compresses without a request.
func (c *Client) body(res *http.Response) ([]byte, error) {
	defer res.Body.Close()
	var from io.Reader = res.Body
	size := res.ContentLength
	if !res.Uncompressed && strings.EqualFold(res.Header.Get("Content-Encoding"), "gzip") {
		unzip, err := gzip.NewReader(res.Body)
		switch {
		case err == io.EOF: //nolint:errorlint // an empty body; one that broke off may wrap it
			return []byte{}, nil
		case err != nil:
			return nil, err
		}
		from, size = unzip, -1
	}
	if size > int64(c.limit) {
		return nil, errTooLarge
	}
	if size < 0 {
		size = bytes.MinRead
	}
	whole := int(size) + 1 // one more byte, so that a body of that size does not grow
	body := make([]byte, 0, min(whole, maxFirstRead))
	for {
		n, err := from.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > c.limit:
			return nil, errTooLarge
		case err == io.EOF: // an error that wraps it is one of a body that broke off
			return body, nil
		case err != nil:
			return body, err
		case len(body) == cap(body):
			body = slices.Grow(body, more(len(body), whole))
		}
	}
}

// more returns how much a full buffer grows: it doubles, but not beyond the announced length.
func more(full, whole int) int {
	if full < whole {
		return min(full, whole-full)
	}
	return full
}
