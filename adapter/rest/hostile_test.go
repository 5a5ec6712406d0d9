package rest_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
)

// hostile is a server that reads each request and then writes what respond does.
func hostile(t *testing.T, respond func(net.Conn)) (base string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	t.Cleanup(func() {
		assert.NoError(t, l.Close())
		<-done
	})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				respond(c)
			}
			_ = c.Close()
		}
	}()
	return "http://" + l.Addr().String()
}

// text writes a response as it is.
func text(response string) func(net.Conn) {
	return func(c net.Conn) { _, _ = io.WriteString(c, strings.ReplaceAll(response, "\n", "\r\n")) }
}

// endless writes a text after the start of a response until the client has had enough.
func endless(start, repeated string) func(net.Conn) {
	block := strings.Repeat(repeated, 1000)
	return func(c net.Conn) {
		_, err := io.WriteString(c, start)
		for err == nil {
			_, err = io.WriteString(c, block)
		}
	}
}

const (
	okay = "HTTP/1.1 200 OK\nContent-Type: application/json\n"
	half = `{"ok":`
)

// TestHostileServer specifies that a response that breaks HTTP is an error that leaves the outcome
// open, or the response that it says. It is never one with another body.
func TestHostileServer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		respond func(net.Conn)
		kind    bankmux.Kind
		status  int
		body    string
	}{
		"nothing":               {text(""), bankmux.ErrUnavailable, 0, ""},
		"no HTTP":               {text("220 mail.example ESMTP\n\n"), bankmux.ErrUnavailable, 0, ""},
		"half of a header":      {text(okay), bankmux.ErrUnavailable, 0, ""},
		"a status that is none": {text("HTTP/1.1 2000 OK\n\n"), bankmux.ErrUnavailable, 0, ""},
		"two lengths":           {text(okay + "Content-Length: 2\nContent-Length: 11\n\n" + `{"ok":true}`), bankmux.ErrUnavailable, 0, ""},
		"two equal lengths":     {text(okay + "Content-Length: 2\nContent-Length: 2\n\n{}"), "", 200, "{}"},
		"a negative length":     {text(okay + "Content-Length: -1\n\n{}"), bankmux.ErrUnavailable, 0, ""},
		"a length with a sign":  {text(okay + "Content-Length: +2\n\n{}"), bankmux.ErrUnavailable, 0, ""},
		"a length that is too long": {
			text(okay + "Content-Length: 12\n\n" + half), bankmux.ErrMalformed, 200, "",
		},
		"a length beyond the limit": {text(okay + "Content-Length: 9999999999\n\n" + half), bankmux.ErrMalformed, 200, ""},
		"chunks and a length": {
			text(okay + "Content-Length: 1\nTransfer-Encoding: chunked\n\n2\n{}\n0\n\n"), "", 200, "{}",
		},
		"a chunk without a size": {text(okay + "Transfer-Encoding: chunked\n\nzz\n{}\n"), bankmux.ErrMalformed, 200, ""},
		"chunks without an end":  {text(okay + "Transfer-Encoding: chunked\n\n2\n{}\n"), bankmux.ErrMalformed, 200, ""},
		"an encoding that is not known": {
			text(okay + "Transfer-Encoding: br\n\n{}"), bankmux.ErrUnavailable, 0, "",
		},
		"a compressed body that is not": {
			text(okay + "Content-Encoding: gzip\nContent-Length: 2\n\n{}"), bankmux.ErrMalformed, 200, "",
		},
		"an endless header": {endless("HTTP/1.1 200 OK\r\n", "X-A: b\r\n"), bankmux.ErrUnavailable, 0, ""},
		"an endless field":  {endless("HTTP/1.1 200 OK\r\nX-A: ", "b"), bankmux.ErrUnavailable, 0, ""},
		"endless interim responses": {
			endless("", "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"), bankmux.ErrUnavailable, 0, "",
		},
		"an endless body": {endless(strings.ReplaceAll(okay, "\n", "\r\n")+"\r\n", " "), bankmux.ErrMalformed, 200, ""},
		"another protocol": {
			text("HTTP/1.1 101 Switching Protocols\nUpgrade: x\nConnection: Upgrade\n\n{}"), "", 101, "{}",
		},
		"a redirect": {text("HTTP/1.1 308 Permanent Redirect\nLocation: http://%zz\nContent-Length: 2\n\n{}"), "", 308, "{}"},
	} {
		for _, way := range []string{"", " by resty"} {
			t.Run(name+way, func(t *testing.T) {
				t.Parallel()
				cfg := rest.Config{BaseURL: hostile(t, c.respond)}
				if way != "" {
					cfg.Resty = func(*resty.Client) {}
				}
				res, err := rest.New(cfg).Do(t.Context(), rest.Request{Method: http.MethodPost, Path: "/x", JSON: 1})
				if c.kind == "" {
					require.NoError(t, err)
					assert.Equal(t, c.status, res.Status)
					assert.Equal(t, c.body, string(res.Body))
					return
				}
				require.ErrorIs(t, err, c.kind)
				assert.False(t, bankmux.ErrorOf(err).NotSent)
				assert.False(t, bankmux.OutcomeKnown(err))
				assert.Equal(t, c.status, bankmux.ErrorOf(err).Status)
			})
		}
	}
	t.Run("a response before the request proves nothing", aResponseBeforeTheRequest)
}

// aResponseBeforeTheRequest has a server that responds as soon as a connection is open. Whether
// net/http takes it as the response or closes the connection depends on the moment.
func aResponseBeforeTheRequest(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	arrived := make(chan bool, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				close(arrived)
				return
			}
			_, _ = fmt.Fprint(c, strings.ReplaceAll(okay, "\n", "\r\n"), "Content-Length: 2\r\n\r\n{}")
			_, err = http.ReadRequest(bufio.NewReader(c))
			arrived <- err == nil
			_ = c.Close()
		}
	}()
	c := rest.New(rest.Config{BaseURL: "http://" + l.Addr().String()})
	notSent, calls := 0, 20
	for range calls {
		_, err := c.Do(t.Context(), rest.Request{Method: http.MethodPost, Path: "/x", JSON: 1})
		if err == nil {
			continue
		}
		assert.Contains(t, []bankmux.Kind{bankmux.ErrUnavailable, bankmux.ErrMalformed}, bankmux.KindOf(err))
		if bankmux.ErrorOf(err).NotSent {
			notSent++
		}
	}
	require.NoError(t, l.Close())
	requests := 0
	for one := range arrived {
		if one {
			requests++
		}
	}
	assert.LessOrEqual(t, requests, calls-notSent, "what was not sent did not arrive, and nothing arrived twice")
}
