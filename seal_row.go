package bankmux

// This file writes the JSON of a sealed connection with few allocations.

import (
	"encoding/json"
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

// appendQuoted appends a JSON string. It escapes only what JSON demands. Package encoding/json also
// escapes what browsers misread. Nothing here is for a browser, and names of banks have a "&".
func appendQuoted[T ~string | ~[]byte](b []byte, text T) []byte {
	const digits = "0123456789abcdef"
	start := len(b)
	b = append(b, '"')
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			b = append(b, c)
		}
	}
	if utf8.Valid(b[start:]) {
		return append(b, '"')
	}
	raw, _ := json.Marshal(string(text)) // a string never fails
	return append(b[:start], raw...)
}

// appendSealed appends the JSON of a [sealed]. It reports false if a time cannot be written.
func (conn *Connection) appendSealed(b []byte) ([]byte, bool) {
	w := &rowWriter{b: b}
	w.connection(conn)
	return w.b, !w.failed
}

// connection writes the JSON of a [sealed].
func (w *rowWriter) connection(conn *Connection) {
	w.b = append(w.b, `{"connection":{`...)
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
	writeList(w, "products", conn.Products)
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
	w.b = append(w.b, '}')
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

// writeList writes a list of texts, unless it is empty.
func writeList[T ~string](w *rowWriter, name string, all []T) {
	if len(all) == 0 {
		return
	}
	w.name(name)
	w.b = append(w.b, '[')
	for i, text := range all {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = appendQuoted(w.b, text)
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
