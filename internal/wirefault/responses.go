package wirefault

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// This file has the faults that change a response, in the order of [All].

// serveFunc is the type of Fault.serve.
type serveFunc = func(Fault, http.ResponseWriter, *http.Request, http.Handler)

const jsonType = "application/json"

func status(code int) serveFunc {
	return func(f Fault, w http.ResponseWriter, r *http.Request, _ http.Handler) {
		drain(r)
		sendError(f, w, code)
	}
}

func sendError(f Fault, w http.ResponseWriter, code int) {
	body := f.Body
	if body == nil {
		body, _ = json.Marshal(map[string]string{"message": http.StatusText(code)})
	}
	send(w, code, jsonType, body)
}

func html(code int) serveFunc {
	return func(_ Fault, w http.ResponseWriter, r *http.Request, _ http.Handler) {
		drain(r)
		sendPage(w, code)
	}
}

func processedHTML(code int) serveFunc {
	return func(_ Fault, w http.ResponseWriter, r *http.Request, next http.Handler) {
		record(r, next)
		sendPage(w, code)
	}
}

func sendPage(w http.ResponseWriter, code int) {
	const page = "<!doctype html>\n<html><head><title>Service notice</title></head>" +
		"<body><h1>We will be right back</h1></body></html>\n"
	send(w, code, "text/html; charset=utf-8", []byte(page))
}

func replaced(body string) serveFunc {
	return func(_ Fault, w http.ResponseWriter, r *http.Request, next http.Handler) {
		record(r, next)
		send(w, http.StatusOK, jsonType, []byte(body))
	}
}

func noContent(_ Fault, w http.ResponseWriter, r *http.Request, next http.Handler) {
	record(r, next)
	w.WriteHeader(http.StatusNoContent)
}

func truncated(_ Fault, w http.ResponseWriter, r *http.Request, next http.Handler) {
	res := record(r, next)
	res.body = res.body[:len(res.body)/2]
	res.send(w)
}

func wrongContentType(_ Fault, w http.ResponseWriter, r *http.Request, next http.Handler) {
	res := record(r, next)
	res.header.Set("Content-Type", "text/plain; charset=utf-8")
	res.send(w)
}

// duplicateKeys repeats the members after the right ones. A decoder that uses the last one gets the
// wrong value. Only text is changed, because any decoder would notice another type.
func duplicateKeys(_ Fault, w http.ResponseWriter, r *http.Request, next http.Handler) {
	res := record(r, next)
	var members map[string]json.RawMessage
	if json.Unmarshal(res.body, &members) != nil || len(members) == 0 {
		res.send(w)
		return
	}
	for name, value := range members {
		if value[0] == '"' {
			members[name] = json.RawMessage(`"duplicate"`)
		}
	}
	again, err := json.Marshal(members)
	if err != nil {
		res.send(w)
		return
	}
	right := bytes.TrimRight(res.body, " \t\r\n")
	res.body = append(append(bytes.Clone(right[:len(right)-1]), ','), again[1:]...)
	res.send(w)
}

func oversized(_ Fault, w http.ResponseWriter, r *http.Request, next http.Handler) {
	res := record(r, next)
	res.header.Del("Content-Length")
	res.start(w)
	pad(w)
	_, _ = w.Write(res.body)
}

func gzipBomb(_ Fault, w http.ResponseWriter, r *http.Request, next http.Handler) {
	res := record(r, next)
	res.body = append(bomb(), zip(res.body)...)
	res.header.Set("Content-Encoding", "gzip")
	res.send(w)
}

// bomb returns BulkSize compressed blanks. A gzip stream may have several members, so one member of
// blanks is repeated, which takes a fraction of the time.
func bomb() []byte { return bytes.Repeat(packedBlanks(), BulkSize/bombBlock) }

const bombBlock = 1 << 20

var packedBlanks = sync.OnceValue(func() []byte { return zip(bytes.Repeat([]byte{' '}, bombBlock)) })

func corruptGzip(_ Fault, w http.ResponseWriter, r *http.Request, next http.Handler) {
	res := record(r, next)
	res.body = zip(res.body)
	// The last eight bytes are checksum and length. Only a client that reads to the end finds the
	// damage.
	for i := len(res.body) - 8; i < len(res.body); i++ {
		res.body[i] ^= 0xff
	}
	res.header.Set("Content-Encoding", "gzip")
	res.send(w)
}

func zip(plain []byte) []byte {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(plain) // a buffer takes everything
	_ = z.Close()
	return packed.Bytes()
}

// pad writes BulkSize blanks, which JSON allows before a value. A client without a limit gets the
// right response in the end.
func pad(w io.Writer) {
	blanks := bytes.Repeat([]byte{' '}, 64<<10)
	for range BulkSize / len(blanks) {
		if _, err := w.Write(blanks); err != nil {
			return
		}
	}
}

func rateLimited(hint string) serveFunc {
	return func(f Fault, w http.ResponseWriter, r *http.Request, _ http.Handler) {
		drain(r)
		switch hint {
		case "seconds":
			w.Header().Set("Retry-After", strconv.Itoa(int(RetryAfter/time.Second)))
		case "date":
			w.Header().Set("Retry-After", time.Now().Add(RetryAfter).UTC().Format(http.TimeFormat))
		case "skewed":
			w.Header().Set("Date", time.Now().Add(Skew).UTC().Format(http.TimeFormat))
			w.Header().Set("Retry-After", time.Now().Add(Skew+RetryAfter).UTC().Format(http.TimeFormat))
		}
		sendError(f, w, http.StatusTooManyRequests)
	}
}

func clockSkew(_ Fault, w http.ResponseWriter, r *http.Request, next http.Handler) {
	res := record(r, next)
	res.header.Set("Date", time.Now().Add(Skew).UTC().Format(http.TimeFormat))
	res.send(w)
}

func redirect(f Fault, w http.ResponseWriter, r *http.Request, _ http.Handler) {
	drain(r)
	w.Header().Set("Location", f.Location)
	w.WriteHeader(http.StatusTemporaryRedirect)
}
