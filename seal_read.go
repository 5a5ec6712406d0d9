package bankmux

// This file reads the JSON of a sealed connection with few allocations. Package encoding/json reads
// whatever this file does not expect, such as what a later version wrote.

import (
	"bytes"
	"strings"
	"time"
	"unicode/utf8"
)

// openSealed reads what appendSealed wrote. It reports false for any other JSON, also if that is
// valid.
func (conn *Connection) openSealed(plain []byte) bool {
	r := rowReader{left: plain}
	if !r.start() {
		return false
	}
	r.connection(conn)
	return r.done()
}

// cutQuoted returns the text of the JSON string at the start, if it has no escapes but those that
// appendQuoted writes.
func cutQuoted(b []byte) (text, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, b, false
	}
	for at := 1; at < len(b); at++ {
		switch c := b[at]; {
		case c == '"':
			return b[1:at], b[at+1:], true
		case c == '\\':
			return cutEscaped(b, at)
		case c < ' ':
			return nil, b, false
		}
	}
	return nil, b, false
}

// cutEscaped is cutQuoted for a text whose first escape is at a place. The text has memory of its
// own.
func cutEscaped(b []byte, at int) (text, rest []byte, ok bool) {
	text = append(make([]byte, 0, len(b)), b[1:at]...)
	for left := b[at:]; len(left) > 1; {
		switch {
		case left[0] == '"':
			return text, left[1:], true
		case left[0] != '\\':
			if left[0] < ' ' {
				return nil, b, false
			}
			text, left = append(text, left[0]), left[1:]
		case left[1] == '"' || left[1] == '\\':
			text, left = append(text, left[1]), left[2:]
		default:
			c, ok := control(left)
			if !ok {
				return nil, b, false
			}
			text, left = append(text, c), left[6:]
		}
	}
	return nil, b, false
}

// control reads the escape of a control character, such as \u001f.
func control(b []byte) (byte, bool) {
	if len(b) < 6 || string(b[1:4]) != "u00" || b[4] != '0' && b[4] != '1' {
		return 0, false
	}
	low := strings.IndexByte("0123456789abcdef", b[5])
	return (b[4]-'0')<<4 | byte(low), low >= 0 //nolint:gosec // below 16, or not used
}

// rowReader reads JSON with the members in the order in which rowWriter writes them. The texts that
// it reads share memory, and so do the secrets, which are masked. No text shares memory with the
// JSON or with a secret.
type rowReader struct {
	left   []byte
	inside bool // an object, behind its first member
	failed bool
	texts  strings.Builder // has room for all
	found  [5]foundSecret
	n      int // of them
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
	text, rest, ok := cutQuoted(r.left)
	r.left, r.failed = rest, r.failed || !ok
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
	conn.Products = textsIfAny[Product](r, "products")
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
func textsIfAny[T ~string](r *rowReader, name string) []T {
	if !r.has(name) {
		return nil
	}
	list, _, _ := bytes.Cut(r.left, []byte("]"))
	all := make([]T, 0, 1+bytes.Count(list, []byte(",")))
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
