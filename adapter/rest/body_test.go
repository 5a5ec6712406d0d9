package rest_test

// This file tests responses of transports that are not net/http's.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
)

// noResponse is the length of a response that there is not.
const noResponse = -2

// returning is a transport that returns a response of a length with a body.
type returning struct {
	length int64
	body   io.Reader
}

func (t returning) RoundTrip(*http.Request) (*http.Response, error) {
	if t.length == noResponse {
		return nil, nil //nolint:nilnil // a mistake of a transport
	}
	res := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, ContentLength: t.length}
	if t.body != nil {
		res.Body = io.NopCloser(t.body)
	}
	return res, nil
}

func TestResponseOfACallersTransport(t *testing.T) {
	t.Parallel()
	const limit = 3000
	long := strings.Repeat("x", limit)
	broken := fmt.Errorf("a connection ended: %w", io.EOF)
	for name, c := range map[string]struct {
		length int64
		body   io.Reader
		want   string
		kind   bankmux.Kind
	}{
		"no response is an error":                    {noResponse, nil, "", bankmux.ErrUnavailable},
		"no body is an empty one":                    {0, nil, "", ""},
		"no body of an unknown length is an empty":   {-1, nil, "", ""},
		"no body where one is announced is an error": {5, nil, "", bankmux.ErrUnavailable},
		"a body has the announced length":            {5, strings.NewReader("12345"), "12345", ""},
		"a body arrives byte by byte":                {5, iotest.OneByteReader(strings.NewReader("12345")), "12345", ""},
		"the end comes with the last bytes":          {5, iotest.DataErrReader(strings.NewReader("12345")), "12345", ""},
		"a body is longer than announced":            {5, strings.NewReader(long), long, ""},
		"a body of an unknown length has the limit":  {-1, strings.NewReader(long), long, ""},
		"a body is larger than the limit":            {-1, strings.NewReader(long + "x"), "", bankmux.ErrMalformed},
		"a body is announced larger than the limit":  {limit + 1, strings.NewReader("1"), "", bankmux.ErrMalformed},
		"a body breaks off": {
			-1, iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("12345"))), "", bankmux.ErrMalformed,
		},
		"a timeout ends while a body arrives": {
			-1, io.MultiReader(strings.NewReader("1"), iotest.ErrReader(os.ErrDeadlineExceeded)), "",
			bankmux.ErrUnavailable,
		},
		"an error that wraps the end is a body that broke off": {
			-1, io.MultiReader(strings.NewReader("1"), iotest.ErrReader(broken)), "", bankmux.ErrMalformed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, timeout := range []time.Duration{0, time.Hour} { // with one, http.Client sends the request
				if timeout > 0 && c.body != nil {
					continue // its body was read already
				}
				hc := &http.Client{Transport: returning{c.length, c.body}, Timeout: timeout}
				client := rest.New(rest.Config{BaseURL: "https://api.example.com", HTTPClient: hc, BodyLimit: limit})
				res, err := client.Do(t.Context(), rest.Request{Method: http.MethodPost, Path: "/x", JSON: 1})
				if c.kind != "" {
					e, ok := errors.AsType[*bankmux.Error](err)
					require.True(t, ok)
					assert.Equal(t, c.kind, e.Kind)
					assert.False(t, e.NotSent, "such a transport proves nothing")
					continue
				}
				require.NoError(t, err)
				assert.True(t, bytes.Equal([]byte(c.want), res.Body), "%d bytes", len(res.Body))
			}
		})
	}
}

// measuring is a body that notes the buffers that it is read into.
type measuring struct {
	io.Reader
	buffers []int
	read    []int // before each
	total   int
}

func (m *measuring) Read(to []byte) (int, error) {
	m.buffers, m.read = append(m.buffers, len(to)), append(m.read, m.total)
	n, err := m.Reader.Read(to)
	m.total += n
	return n, err
}

// TestBodyTakesMemoryAsItArrives specifies that an announced length alone takes no memory, and that
// a body of a usual size has one buffer.
func TestBodyTakesMemoryAsItArrives(t *testing.T) {
	t.Parallel()
	const first = 32 << 10
	for name, c := range map[string]struct {
		announced int64
		arrives   int
		reads     int // 0 for any
	}{
		"nothing arrives":                   {8 << 20, 0, 1},
		"all of a usual size arrives":       {20_000, 20_000, 2},
		"all of the first buffer arrives":   {first - 1, first - 1, 2},
		"a large body arrives":              {1 << 20, 1 << 20, 0},
		"more arrives than is announced":    {100, 100_000, 0},
		"a body without a length arrives":   {-1, 100_000, 0},
		"a part of a large body arrives":    {8 << 20, 100_000, 0},
		"a length is announced as too much": {8<<20 + 1, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := &measuring{Reader: strings.NewReader(strings.Repeat("x", c.arrives))}
			hc := &http.Client{Transport: returning{c.announced, body}}
			res, err := rest.New(rest.Config{BaseURL: "https://api.example.com", HTTPClient: hc}).
				Do(t.Context(), rest.Request{Method: http.MethodGet, Path: "/x"})
			if c.announced > 8<<20 {
				require.ErrorIs(t, err, bankmux.ErrMalformed)
				assert.Empty(t, body.buffers)
				return
			}
			require.NoError(t, err)
			assert.Len(t, res.Body, c.arrives)
			for i, size := range body.buffers {
				assert.LessOrEqual(t, size, max(first, body.read[i]*2))
			}
			if c.reads > 0 {
				assert.Len(t, body.buffers, c.reads)
			}
		})
	}
}
