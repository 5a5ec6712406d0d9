package bankmux

// This file reads the JSON of a sealed connection with few allocations. Package encoding/json reads
// whatever this file does not expect, such as what a later version wrote.

import (
	"bytes"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bankmux/bankmux/internal/jsonscan"
)

// openSealed reads what appendSealed wrote, also with other escapes. It reports false for any other
// JSON, also if that is valid.
func (conn *Connection) openSealed(plain []byte) bool {
	r := rowReader{left: plain}
	if !r.start() {
		return false
	}
	r.connection(conn)
	return r.done()
}

// rowReader reads JSON with the members in the order in which rowWriter writes them. The texts that
// it reads share memory, and so do the secrets, which are masked. No text shares memory with the
// JSON or with a secret.
type rowReader struct {
	left   []byte
	inside bool // an object, behind its first member
	failed bool
	texts  strings.Builder // has room for all
	free   struct {        // of a readRoom
		products  []Product
		countries []string
	}
	found [5]foundSecret
	n     int // of them
}

// readRoom is memory for what a session points to, in one allocation.
type readRoom struct {
	reconnect Connection
	products  [6]Product
	countries [2]string
}

// take returns an empty list with a capacity of n, of the memory that is free if that is enough.
func take[T any](free *[]T, n int) []T {
	if n > len(*free) {
		return make([]T, 0, n)
	}
	list := (*free)[:0:n]
	*free = (*free)[n:]
	return list
}

// foundSecret is a text that becomes a secret when all was read.
type foundSecret struct {
	to   *Secret
	text []byte
}

// start prepares to read, and reports whether the text is UTF-8.
func (r *rowReader) start() bool {
	if !utf8.Valid(r.left) {
		return false
	}
	r.texts.Grow(len(r.left))
	return true
}

// done makes the secrets. It reports whether all was read as expected.
func (r *rowReader) done() bool {
	if len(r.left) > 0 || r.failed {
		return false
	}
	size := 0
	for _, s := range r.found[:r.n] {
		size += maskedSize(len(s.text))
	}
	var masked strings.Builder
	masked.Grow(size)
	for _, s := range r.found[:r.n] {
		*s.to = mask(&masked, s.text)
	}
	return true
}

// at reports whether a punctuation mark is next.
func (r *rowReader) at(mark byte) bool { return len(r.left) > 0 && r.left[0] == mark }

// skip reads a punctuation mark.
func (r *rowReader) skip(mark byte) {
	if !r.at(mark) {
		r.failed = true
		return
	}
	r.left = r.left[1:]
}

// open reads the start of an object.
func (r *rowReader) open() {
	r.skip('{')
	r.inside = false
}

// end reads the end of an object.
func (r *rowReader) end() {
	r.skip('}')
	r.inside = true
}

// has reads the start of a member, if it is the next one.
func (r *rowReader) has(name string) bool {
	rest := r.left
	if r.inside {
		if !r.at(',') {
			return false
		}
		rest = rest[1:]
	}
	n := len(name)
	if len(rest) < n+3 || rest[0] != '"' || string(rest[1:1+n]) != name || rest[1+n] != '"' || rest[2+n] != ':' {
		return false
	}
	r.left, r.inside = rest[n+3:], true
	return true
}

// must reads the start of a member.
func (r *rowReader) must(name string) { r.failed = !r.has(name) || r.failed }

// quoted reads a text. Without escapes, it shares the memory of the JSON.
func (r *rowReader) quoted() []byte {
	if !r.at('"') {
		r.failed = true
		return nil
	}
	scanner := jsonscan.New(r.left)
	text, plain, err := scanner.Text()
	if err != nil {
		r.failed = true
		return nil
	}
	r.left = r.left[scanner.Offset():]
	if !plain {
		return jsonscan.AppendUnquoted(make([]byte, 0, len(text)), text)
	}
	return text
}

// text reads a text.
func (r *rowReader) text() string {
	start := r.texts.Len()
	r.texts.Write(r.quoted())
	return r.texts.String()[start:]
}

// secret reads a text that becomes a secret.
func (r *rowReader) secret(to *Secret) {
	r.found[r.n] = foundSecret{to, r.quoted()}
	r.n++
}

// textIfAny reads a member that is a text, if it is the next one.
func (r *rowReader) textIfAny(name string) (text string) {
	if r.has(name) {
		text = r.text()
	}
	return text
}

// moment reads a member that is a time, if it is the next one.
func (r *rowReader) moment(name string) (t time.Time) {
	if r.has(name) {
		r.failed = t.UnmarshalText(r.quoted()) != nil || r.failed
	}
	return t
}

// connection reads a connection with its secrets.
func (r *rowReader) connection(conn *Connection) {
	r.open()
	r.must("connection")
	r.open()
	r.must("id")
	conn.ID = r.text()
	r.must("provider")
	conn.Provider = r.text()
	r.must("client")
	conn.Client = r.text()
	conn.Environment = Environment(r.textIfAny("environment"))
	r.must("user")
	conn.User = r.text()
	r.must("institution")
	conn.Institution = r.institution()
	conn.ReferenceKey = r.textIfAny("reference_key")
	r.must("status")
	conn.Status = r.status()
	conn.Products = textsIfAny(r, "products", &r.free.products)
	if r.has("consent") {
		conn.Consent = r.consent()
	}
	conn.CreatedAt = r.moment("created_at")
	conn.UpdatedAt = r.moment("updated_at")
	conn.LinkedAt = r.moment("linked_at")
	r.must("reference")
	r.secret(&conn.reference)
	r.end()
	r.must("credential")
	r.secret(&conn.credential)
	r.end()
}

func (r *rowReader) institution() (i Institution) {
	r.open()
	i.ID = r.textIfAny("id")
	i.Name = r.textIfAny("name")
	i.Country = r.textIfAny("country")
	i.BIC = r.textIfAny("bic")
	i.LogoURL = r.textIfAny("logo_url")
	r.end()
	return i
}

func (r *rowReader) status() (s Status) {
	r.open()
	r.must("state")
	s.State = State(r.text())
	s.Code = r.textIfAny("code")
	s.At = r.moment("at")
	s.AskedAt = r.moment("asked_at")
	r.end()
	return s
}

// textsIfAny reads a member that is a list with at least one text, if it is the next one.
func textsIfAny[T ~string](r *rowReader, name string, free *[]T) []T {
	if !r.has(name) {
		return nil
	}
	list, _, _ := bytes.Cut(r.left, []byte("]"))
	all := take(free, 1+bytes.Count(list, []byte(",")))
	for r.skip('['); ; r.skip(',') {
		all = append(all, T(r.text()))
		if r.failed || !r.at(',') {
			break
		}
	}
	r.skip(']')
	return all
}

func (r *rowReader) consent() (c Consent) {
	r.open()
	c.ExpiresAt = r.moment("expires_at")
	c.ReconfirmBy = r.moment("reconfirm_by")
	c.RenewFrom = r.moment("renew_from")
	r.end()
	return c
}
