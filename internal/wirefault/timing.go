package wirefault

import (
	"net/http"
	"strconv"
	"time"
)

// This file has the faults that delay a response or cut the connection.

func slow(_ Fault, w http.ResponseWriter, r *http.Request, next http.Handler) {
	res := record(r, next)
	if !wait(r, SlowDelay) {
		cut()
	}
	res.send(w)
}

func slowBody(_ Fault, w http.ResponseWriter, r *http.Request, next http.Handler) {
	res := record(r, next)
	res.header.Set("Content-Length", strconv.Itoa(len(res.body)))
	res.start(w)
	for i := range res.body {
		if _, err := w.Write(res.body[i : i+1]); err != nil {
			cut()
		}
		flush(w)
		if !wait(r, time.Second) {
			cut()
		}
	}
}

func hang(_ Fault, _ http.ResponseWriter, r *http.Request, _ http.Handler) {
	drain(r)
	wait(r, MaxHang)
	cut()
}

func hangAfter(_ Fault, _ http.ResponseWriter, r *http.Request, next http.Handler) {
	record(r, next)
	wait(r, MaxHang)
	cut()
}

func hangBody(_ Fault, w http.ResponseWriter, r *http.Request, next http.Handler) {
	record(r, next).sendHalf(w)
	wait(r, MaxHang)
	cut()
}

func resetBefore(Fault, http.ResponseWriter, *http.Request, http.Handler) {
	cut()
}

func resetAfter(_ Fault, _ http.ResponseWriter, r *http.Request, next http.Handler) {
	record(r, next)
	cut()
}

func cutBody(_ Fault, w http.ResponseWriter, r *http.Request, next http.Handler) {
	record(r, next).sendHalf(w)
	cut()
}

// wait waits for d and reports false if the client left earlier.
func wait(r *http.Request, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// cut ends the connection without another byte. The server of net/http recovers this value
// silently.
func cut() {
	panic(http.ErrAbortHandler)
}

// flush sends what was written so far.
func flush(w http.ResponseWriter) {
	// A writer that cannot flush sends everything at the end.
	_ = http.NewResponseController(w).Flush()
}
