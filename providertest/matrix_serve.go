package providertest

// This file serves requests with a fault.

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"time"
)

// serve responds to a request with the fault.
func (f matrixFault) serve(w http.ResponseWriter, r *http.Request, words Words, next http.Handler) {
	switch {
	case f.paced:
		step(w, r, next)
	case f.words != nil:
		_, _ = io.Copy(io.Discard, r.Body)
		f.words(words)(w, r)
	case f.class == classReworded:
		rewrite(w, r, f.members(words), unknownWord, next)
	case f.flag != nil:
		rewrite(w, r, words.Pending, func(any) (any, bool) { return f.flag, true }, next)
	case f.wire != "":
		mustLookup(f.wire).Serve(w, r, next)
	default:
		next.ServeHTTP(w, r)
	}
}

func either(own http.HandlerFunc, status int, body string) http.HandlerFunc {
	if own != nil {
		return own
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// unknownWord replaces a text by an unknown word.
func unknownWord(old any) (any, bool) {
	_, text := old.(string)
	return unheard, text
}

// rewrite puts other values into the members of a response. It gets the new value of a member from
// with, and false if the old one stays.
func rewrite(
	w http.ResponseWriter, r *http.Request, members []string, with func(old any) (any, bool), next http.Handler,
) {
	rec := httptest.NewRecorder()
	next.ServeHTTP(rec, r)
	body := rec.Body.Bytes()
	var answer any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if dec.Decode(&answer) == nil {
		wanted := map[string]bool{}
		for _, m := range members {
			wanted[m] = true
		}
		reworded, err := json.Marshal(rewritten(answer, "", wanted, with))
		if err == nil {
			body = reworded
		}
	}
	maps.Copy(w.Header(), rec.Header())
	w.Header().Del("Content-Length")
	w.WriteHeader(rec.Code)
	if len(body) > 0 {
		_, _ = w.Write(body)
	}
}

// rewritten returns a value of JSON with other values of the wanted members.
func rewritten(v any, parent string, wanted map[string]bool, with func(old any) (any, bool)) any {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if wanted[name] || wanted[parent+"."+name] {
				if other, ok := with(inner); ok {
					v[name] = other
					continue
				}
			}
			v[name] = rewritten(inner, name, wanted, with)
		}
	case []any:
		for i := range v {
			v[i] = rewritten(v[i], parent, wanted, with)
		}
	}
	return v
}

// pace is the time of each step of a paced call: to connect, to respond, to send the rest.
const pace = time.Second

// step serves a request in steps. It processes the request at once, starts the response after one
// pace, and ends it after another.
func step(w http.ResponseWriter, r *http.Request, next http.Handler) {
	m := &paused{ResponseWriter: w, r: r}
	next.ServeHTTP(m, r)
	m.finish()
}

// paused delays what a handler writes.
type paused struct {
	http.ResponseWriter
	r      *http.Request
	status int
	body   []byte
}

func (p *paused) WriteHeader(status int) { p.status = status }

func (p *paused) Write(b []byte) (int, error) {
	p.body = append(p.body, b...)
	return len(b), nil
}

func (p *paused) finish() {
	if !p.wait() {
		return
	}
	if p.status != 0 {
		p.ResponseWriter.WriteHeader(p.status)
	}
	if len(p.body) == 0 {
		return
	}
	half := len(p.body) / 2
	_, _ = p.ResponseWriter.Write(p.body[:half])
	_ = http.NewResponseController(p.ResponseWriter).Flush()
	if p.wait() {
		_, _ = p.ResponseWriter.Write(p.body[half:])
	}
}

func (p *paused) wait() bool {
	timer := time.NewTimer(pace)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.r.Context().Done():
		return false
	}
}
