package bankmux

// This file writes and reads the JSON of a sealed connection with few allocations. Package
// encoding/json reads whatever this file does not expect, such as what a later version wrote.

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"
)

// rowWriter appends JSON.
type rowWriter struct {
	b      []byte
	failed bool // a time cannot be written
}

// name starts a member of an object.
func (w *rowWriter) name(name string) {
	if w.b[len(w.b)-1] != '{' {
		w.b = append(w.b, ',')
	}
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, '"', ':')
}

func (w *rowWriter) text(name, text string) {
	w.name(name)
	w.b = appendQuoted(w.b, text)
}

func (w *rowWriter) textUnlessEmpty(name, text string) {
	if text != "" {
		w.text(name, text)
	}
}

// moment writes a time, unless it is zero.
func (w *rowWriter) moment(name string, t time.Time) {
	if t.IsZero() {
		return
	}
	w.name(name)
	var err error
	w.b, err = t.AppendText(append(w.b, '"'))
	w.b, w.failed = append(w.b, '"'), w.failed || err != nil
}

// secret writes a secret as a [sealedText].
func (w *rowWriter) secret(name string, s Secret) {
	w.name(name)
	var short [512]byte
	text := s.appendText(short[:0])
	if utf8.Valid(text) {
		w.b = appendQuoted(w.b, text)
		return
	}
	raw, err := sealedText(text).MarshalJSON()
	w.b, w.failed = append(w.b, raw...), w.failed || err != nil
}

// appendQuoted appends a JSON string.
func appendQuoted[T ~string | ~[]byte](b []byte, text T) []byte {
	start := len(b)
	b = append(b, '"')
	b = append(b, text...)
	if written := b[start+1:]; !asItIs(written) {
		raw, _ := json.Marshal(string(written)) // a string never fails
		return append(b[:start], raw...)
	}
	return append(b, '"')
}

// asItIs reports whether JSON needs no escapes for the text. Package encoding/json also escapes
// what browsers misread. Nothing here is for a browser, and names of banks have a "&".
func asItIs(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c == '"' || c == '\\' {
			return false
		}
	}
	return utf8.Valid(text)
}

// appendSealed appends the JSON of conn.inside(). It reports false if a time cannot be written.
func (conn *Connection) appendSealed(b []byte) ([]byte, bool) {
	w := &rowWriter{b: append(b, `{"connection":{`...)}
	w.text("id", conn.ID)
	w.text("provider", conn.Provider)
	w.text("client", conn.Client)
	w.textUnlessEmpty("environment", string(conn.Environment))
	w.text("user", conn.User)
	w.name("institution")
	w.institution(&conn.Institution)
	w.textUnlessEmpty("reference_key", conn.ReferenceKey)
	w.name("status")
	w.status(&conn.Status)
	if len(conn.Products) > 0 {
		w.name("products")
		w.products(conn.Products)
	}
	if conn.Consent != (Consent{}) {
		w.name("consent")
		w.consent(&conn.Consent)
	}
	w.moment("created_at", conn.CreatedAt)
	w.moment("updated_at", conn.UpdatedAt)
	w.moment("linked_at", conn.LinkedAt)
	w.secret("reference", conn.reference)
	w.b = append(w.b, '}')
	w.secret("credential", conn.credential)
	return append(w.b, '}'), !w.failed
}

// sealedSize is about as many bytes as appendSealed appends.
func (conn *Connection) sealedSize() int {
	const names, moment, product = 512, 40, 24
	return names + 8*moment + product*len(conn.Products) + 2*len(conn.ID) + len(conn.Provider) + len(conn.Client) +
		len(conn.User) + len(conn.Institution.Name) + len(conn.Institution.LogoURL) + len(conn.Institution.ID) +
		conn.reference.size() + conn.credential.size()
}

func (w *rowWriter) institution(i *Institution) {
	w.b = append(w.b, '{')
	w.textUnlessEmpty("id", i.ID)
	w.textUnlessEmpty("name", i.Name)
	w.textUnlessEmpty("country", i.Country)
	w.textUnlessEmpty("bic", i.BIC)
	w.textUnlessEmpty("logo_url", i.LogoURL)
	w.b = append(w.b, '}')
}

func (w *rowWriter) status(s *Status) {
	w.b = append(w.b, '{')
	w.text("state", string(s.State))
	w.textUnlessEmpty("code", s.Code)
	w.moment("at", s.At)
	w.moment("asked_at", s.AskedAt)
	w.b = append(w.b, '}')
}

func (w *rowWriter) products(all []Product) {
	w.b = append(w.b, '[')
	for i, p := range all {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = appendQuoted(w.b, string(p))
	}
	w.b = append(w.b, ']')
}

func (w *rowWriter) consent(c *Consent) {
	w.b = append(w.b, '{')
	w.moment("expires_at", c.ExpiresAt)
	w.moment("reconfirm_by", c.ReconfirmBy)
	w.moment("renew_from", c.RenewFrom)
	w.b = append(w.b, '}')
}

// openSealed reads what appendSealed wrote. It reports false for any other JSON, also if that is
// valid. Texts of the connection share one string, which has neither reference nor credential.
func (conn *Connection) openSealed(plain []byte) bool {
	// In valid JSON this starts a member: a quote within a string has a backslash before it.
	head, tail, ok := bytes.Cut(plain, []byte(`,"reference":`))
	if !ok || !utf8.Valid(plain) {
		return false
	}
	reference, tail, ok := cutQuoted(tail)
	tail, found := bytes.CutPrefix(tail, []byte(`},"credential":`))
	if !ok || !found {
		return false
	}
	credential, tail, ok := cutQuoted(tail)
	if !ok || string(tail) != "}" {
		return false
	}
	r := rowReader{text: string(head)}
	r.connection(conn)
	if r.text != "" || r.failed {
		return false
	}
	conn.reference, conn.credential = NewSecret(reference), NewSecret(credential)
	return true
}

// cutQuoted returns the text of the JSON string at the start, if it has no escapes.
func cutQuoted[T string | []byte](b T) (text, rest T, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return text, b, false
	}
	for at := 1; at < len(b); at++ {
		switch c := b[at]; {
		case c == '"':
			return b[1:at], b[at+1:], true
		case c == '\\' || c < ' ':
			return text, b, false
		}
	}
	return text, b, false
}

// rowReader reads JSON with the members in the order in which rowWriter writes them.
type rowReader struct {
	text   string // what is left
	inside bool   // an object, behind its first member
	failed bool
}

// skip reads a punctuation mark.
func (r *rowReader) skip(mark string) {
	rest, ok := strings.CutPrefix(r.text, mark)
	r.text, r.failed = rest, r.failed || !ok
}

// open reads the start of an object.
func (r *rowReader) open() {
	r.skip("{")
	r.inside = false
}

// end reads the end of an object.
func (r *rowReader) end() {
	r.skip("}")
	r.inside = true
}

// has reads the start of a member, if it is the next one.
func (r *rowReader) has(name string) bool {
	rest := r.text
	ok := true
	if r.inside {
		rest, ok = strings.CutPrefix(rest, ",")
	}
	rest, quote := strings.CutPrefix(rest, `"`)
	rest, named := strings.CutPrefix(rest, name)
	rest, colon := strings.CutPrefix(rest, `":`)
	if !ok || !quote || !named || !colon {
		return false
	}
	r.text, r.inside = rest, true
	return true
}

// must reads the start of a member.
func (r *rowReader) must(name string) { r.failed = !r.has(name) || r.failed }

// quoted reads a text.
func (r *rowReader) quoted() string {
	text, rest, ok := cutQuoted(r.text)
	r.text, r.failed = rest, r.failed || !ok
	return text
}

// textIfAny reads a member that is a text, if it is the next one.
func (r *rowReader) textIfAny(name string) (text string) {
	if r.has(name) {
		text = r.quoted()
	}
	return text
}

// moment reads a member that is a time, if it is the next one.
func (r *rowReader) moment(name string) (t time.Time) {
	if r.has(name) {
		r.failed = t.UnmarshalText([]byte(r.quoted())) != nil || r.failed
	}
	return t
}

// connection reads a connection up to its reference.
func (r *rowReader) connection(conn *Connection) {
	r.open()
	r.must("connection")
	r.open()
	r.must("id")
	conn.ID = r.quoted()
	r.must("provider")
	conn.Provider = r.quoted()
	r.must("client")
	conn.Client = r.quoted()
	conn.Environment = Environment(r.textIfAny("environment"))
	r.must("user")
	conn.User = r.quoted()
	r.must("institution")
	conn.Institution = r.institution()
	conn.ReferenceKey = r.textIfAny("reference_key")
	r.must("status")
	conn.Status = r.status()
	if r.has("products") {
		conn.Products = r.products()
	}
	if r.has("consent") {
		conn.Consent = r.consent()
	}
	conn.CreatedAt = r.moment("created_at")
	conn.UpdatedAt = r.moment("updated_at")
	conn.LinkedAt = r.moment("linked_at")
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
	s.State = State(r.quoted())
	s.Code = r.textIfAny("code")
	s.At = r.moment("at")
	s.AskedAt = r.moment("asked_at")
	r.end()
	return s
}

// products reads a list with at least one element.
func (r *rowReader) products() []Product {
	list, _, _ := strings.Cut(r.text, "]")
	all := make([]Product, 0, 1+strings.Count(list, ","))
	for r.skip("["); ; r.skip(",") {
		all = append(all, Product(r.quoted()))
		if r.failed || !strings.HasPrefix(r.text, ",") {
			break
		}
	}
	r.skip("]")
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
