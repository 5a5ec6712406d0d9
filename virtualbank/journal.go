package virtualbank

// This file records requests and masks their secrets.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// journalSize is how many requests the journal keeps.
const journalSize = 10_000

const masked = "***"

// Request is a request to a provider's API, with its secrets masked. Requests to the control plane
// are not recorded.
type Request struct {
	Provider  string            `json:"provider"`      // "moneykit", "dapi" or "plaid"
	Time      time.Time         `json:"time,omitzero"` // on the bank's clock
	Method    string            `json:"method"`
	Path      string            `json:"path"`
	Query     string            `json:"query,omitempty"`
	Operation string            `json:"operation,omitempty"` // empty for an unknown path or method
	Header    map[string]string `json:"header,omitempty"`
	Body      string            `json:"body,omitempty"`
	Status    int               `json:"status"` // 0 while there is no response
	Fault     string            `json:"fault,omitempty"`
	Handled   bool              `json:"handled"` // false if a fault kept the request from its operation
}

type entry struct {
	Request
	header  http.Header
	query   url.Values
	body    []byte
	status  int
	fault   string
	handled bool
}

// journal holds the last requests. The bank's mutex guards it. Secrets are masked on reading, so
// that recording is cheap.
type journal struct{ entries []*entry }

func (j *journal) add(provider string, now time.Time, r *http.Request, op string, body []byte) *entry {
	e := &entry{
		Request: Request{Provider: provider, Time: now, Method: r.Method, Path: r.URL.EscapedPath(), Operation: op},
		header:  r.Header.Clone(), query: r.URL.Query(), body: body,
	}
	if len(j.entries) >= 2*journalSize {
		j.entries = append(make([]*entry, 0, 2*journalSize), j.entries[journalSize:]...)
	}
	j.entries = append(j.entries, e)
	return e
}

// Requests returns the last 10,000 requests, the oldest first. Passwords, tokens and application
// secrets are masked. Requests recognizes them by the name of their member, and those that the bank
// issued also by their value.
func (b *Bank) Requests() []Request {
	b.core.Lock()
	defer b.core.Unlock()
	last := b.journal.entries
	if len(last) > journalSize {
		last = last[len(last)-journalSize:]
	}
	out := make([]Request, len(last))
	for i, e := range last {
		out[i] = e.Request
		out[i].Status, out[i].Fault, out[i].Handled = e.status, e.fault, e.handled
		out[i].Path = b.maskText(e.Path)
		out[i].Query = b.maskValues(e.query)
		out[i].Header = b.maskHeader(e.header)
		out[i].Body = b.maskBody(e.header.Get("Content-Type"), e.body)
	}
	return out
}

// secretName reports whether a member or a header holds a secret.
func secretName(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case "password", "authorization", "proxy-authorization", "cookie":
		return true
	}
	return slices.ContainsFunc(specs(), func(s bank.Spec) bool { return slices.Contains(s.SecretNames, name) })
}

func (b *Bank) maskHeader(h http.Header) map[string]string {
	out := make(map[string]string, len(h))
	for name, values := range h {
		value := strings.Join(values, ", ")
		switch scheme, _, ok := strings.Cut(value, " "); {
		case !secretName(name):
			out[name] = b.maskText(value)
		case ok && strings.EqualFold(name, "Authorization"):
			out[name] = scheme + " " + masked
		default:
			out[name] = masked
		}
	}
	return out
}

func (b *Bank) maskValues(v url.Values) string {
	v = maps.Clone(v)
	for name, values := range v {
		values = slices.Clone(values)
		for i := range values {
			if values[i] = b.maskText(values[i]); secretName(name) {
				values[i] = masked
			}
		}
		v[name] = values
	}
	// Encode escapes the stars as percent signs, which are hard to read.
	return strings.ReplaceAll(v.Encode(), url.QueryEscape(masked), masked)
}

func (b *Bank) maskBody(contentType string, body []byte) string {
	if len(body) == 0 {
		return ""
	}
	if kind, _, _ := mime.ParseMediaType(contentType); kind == "application/x-www-form-urlencoded" {
		if form, err := url.ParseQuery(string(body)); err == nil {
			return b.maskValues(form)
		}
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var value any
	if dec.Decode(&value) != nil || !bank.Ended(dec) {
		return fmt.Sprintf("(%d bytes that are not JSON)", len(body))
	}
	text, err := json.Marshal(b.maskJSON(value))
	if err != nil {
		return fmt.Sprintf("(%d bytes)", len(body))
	}
	return string(text)
}

func (b *Bank) maskJSON(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			if secretName(name) && inner != nil {
				v[name] = masked
				continue
			}
			v[name] = b.maskJSON(inner)
		}
	case []any:
		for i := range v {
			v[i] = b.maskJSON(v[i])
		}
	case string:
		return b.maskText(v)
	}
	return value
}

// maskText masks the secrets that the bank issued, wherever they are in a text.
func (b *Bank) maskText(text string) string {
	if b.core.Gen.Secret(text) {
		return masked
	}
	for _, p := range b.providers {
		text = strings.ReplaceAll(text, p.Secret(), masked)
	}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" /?&=,;\"'", r) }) {
		if b.core.Gen.Secret(word) {
			text = strings.ReplaceAll(text, word, masked)
		}
	}
	return text
}
