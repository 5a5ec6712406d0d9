package wirefault

// This file has the faults of HTTP/2.

import (
	"context"
	"encoding/binary"
	"net"
	"net/http"
	"sync"
)

// HTTP2 returns the faults that only HTTP/2 has, in a fixed order. They need a server whose
// connections are made by [HTTP2Conn] and whose ConnContext is [ConnContext]. On other servers they
// cut the connection. The caller owns the slice.
func HTTP2() []Fault {
	return []Fault{
		{
			Name:    "http2_refused",
			Summary: "RST_STREAM with REFUSED_STREAM once the request was read",
			serve:   reset(codeRefused),
		},
		{
			Name:    "http2_protocol_error",
			Summary: "RST_STREAM with PROTOCOL_ERROR once the request was read",
			serve:   reset(codeProtocol),
		},
		{
			Name:    "http2_calm",
			Summary: "RST_STREAM with ENHANCE_YOUR_CALM once the request was read",
			serve:   reset(codeCalm),
		},
		{
			Name:    "http2_goaway_before",
			Summary: "GOAWAY that excludes the stream",
			serve:   goAway(codeNone, false, false),
		},
		{
			Name:    "http2_goaway_before_cut",
			Summary: "GOAWAY that excludes the stream, then the connection is cut",
			serve:   goAway(codeNone, false, true),
		},
		{
			Name:    "http2_goaway_calm",
			Summary: "GOAWAY with ENHANCE_YOUR_CALM that excludes the stream, then the connection is cut",
			serve:   goAway(codeCalm, false, true),
		},
		{
			Name:      "http2_goaway_after_cut",
			Summary:   "the request is carried out, then GOAWAY that includes the stream, and the connection is cut",
			Processed: true,
			serve:     goAway(codeNone, true, true),
		},
		{
			Name:      "http2_goaway_graceful",
			Summary:   "GOAWAY that includes the stream, then the right response",
			Processed: true,
			serve:     graceful,
		},
		{Name: "http2_reset_body", Summary: "RST_STREAM in the middle of the body", Processed: true, serve: cutBody},
	}
}

// Frame types and error codes of RFC 9113.
const (
	frameHeaders = 0x1
	frameReset   = 0x3
	frameGoAway  = 0x7

	codeNone     = 0x0
	codeProtocol = 0x1
	codeRefused  = 0x7
	codeCalm     = 0xb

	frameHeader = 9 // bytes
)

// reset reads the request and resets its stream.
func reset(code uint32) serveFunc {
	return func(_ Fault, _ http.ResponseWriter, r *http.Request, _ http.Handler) {
		drain(r)
		replaceReset(r, func(id uint32) []byte { return frame(frameReset, id, code) }, false)
		cut()
	}
}

// goAway reads the request and sends GOAWAY instead of a response.
func goAway(code uint32, includes, closes bool) serveFunc {
	return func(_ Fault, _ http.ResponseWriter, r *http.Request, next http.Handler) {
		if includes {
			record(r, next)
		}
		drain(r)
		replaceReset(r, func(id uint32) []byte {
			if !includes {
				id = max(id, 2) - 2
			}
			return frame(frameGoAway, 0, id, code)
		}, closes)
		cut()
	}
}

// graceful sends GOAWAY before the response.
func graceful(_ Fault, w http.ResponseWriter, r *http.Request, next http.Handler) {
	res := record(r, next)
	if c, ok := r.Context().Value(connKey{}).(*conn); ok {
		c.replaceNext(
			frameHeaders,
			func(id uint32, whole []byte) []byte { return append(frame(frameGoAway, 0, id, codeNone), whole...) },
			false,
		)
	}
	res.send(w)
}

// replaceReset replaces the RST_STREAM that net/http sends for an aborted handler by other frames.
func replaceReset(r *http.Request, with func(id uint32) []byte, closes bool) {
	if c, ok := r.Context().Value(connKey{}).(*conn); ok {
		c.replaceNext(frameReset, func(id uint32, _ []byte) []byte { return with(id) }, closes)
	}
}

// frame returns a frame without flags whose payload is a list of 32-bit numbers.
func frame(kind byte, stream uint32, payload ...uint32) []byte {
	out := []byte{0, 0, byte(4 * len(payload)), kind, 0} //nolint:gosec // a few numbers
	for _, n := range append([]uint32{stream}, payload...) {
		out = binary.BigEndian.AppendUint32(out, n)
	}
	return out
}

// HTTP2Conn returns a server's connection for the HTTP/2 faults. It must carry only HTTP/2. If c is
// TLS, configure the server for HTTP/2 without TLS.
func HTTP2Conn(c net.Conn) net.Conn { return &conn{Conn: c} }

// ConnContext is for [http.Server]. It lets the faults find the connection.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// connKey finds the connection in a context.
type connKey struct{}

// conn reads the frames that a server writes, and can replace one.
type conn struct {
	net.Conn

	mu     sync.Mutex
	held   []byte // an incomplete frame
	kind   byte   // of the frame to replace
	with   func(id uint32, whole []byte) []byte
	closes bool
}

// replaceNext replaces the next frame of a kind.
func (c *conn) replaceNext(kind byte, with func(id uint32, whole []byte) []byte, closes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kind, c.with, c.closes = kind, with, closes
}

// Write writes complete frames.
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = append(c.held, p...)
	var out []byte
	over := false
	for len(c.held) >= frameHeader && !over {
		n := frameHeader + int(c.held[0])<<16 + int(c.held[1])<<8 + int(c.held[2])
		if len(c.held) < n {
			break
		}
		whole := c.held[:n:n]
		c.held = c.held[n:]
		if c.with != nil && whole[3] == c.kind {
			whole = c.with(binary.BigEndian.Uint32(whole[5:]), whole)
			over, c.with = c.closes, nil
		}
		out = append(out, whole...)
	}
	if _, err := c.Conn.Write(out); err != nil {
		return 0, err
	}
	if over {
		_ = c.Close()
		return 0, net.ErrClosed
	}
	return len(p), nil
}
