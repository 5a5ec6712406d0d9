package bankmux

// This file has the keys by which an application finds a connection, an account or a session.

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
)

// Reference returns the provider's id of the connection, such as MoneyKit's link_id or Dapi's
// connectionID. It may change with a reconnect. It is "" for a connection from plain JSON, which
// leaves it out.
//
// At some providers the reference gives access to the connection. Treat it like a credential: do
// not print, log or show it. [Connection.ReferenceKey] may be shown.
func (conn Connection) Reference() string { return conn.reference.Reveal() }

// ReferenceKey returns the [Connection.ReferenceKey] of the connection with that reference at the
// client's provider, and "" for no reference. Use it to find a connection whose reference a
// function of an adapter's package returned, or the provider's support named. It sends nothing.
func (c *Client) ReferenceKey(reference Secret) string {
	return referenceKey(c.desc.Provider, c.desc.Environment, reference)
}

// referenceFormat is the version of [Connection.ReferenceKey] and a part of what is digested.
const referenceFormat = "1"

// referenceKey returns the digest of a provider's id of a connection, "" for none: 160 bits of
// SHA-256 in capitals and digits. Each part is prefixed with its length, so no two sets of parts
// are the same bytes.
func referenceKey(provider string, environment Environment, reference Secret) string {
	if reference.IsZero() {
		return ""
	}
	sum := referenceDigest(provider, environment, reference)
	return string(sum[:])
}

func referenceDigest(provider string, environment Environment, reference Secret) [32]byte {
	var short [256]byte
	b := appendParts(short[:0], referenceFormat, provider, string(environment))
	b = binary.BigEndian.AppendUint64(b, uint64(reference.size())) //nolint:gosec // a length
	return digest(reference.appendText(b))
}

// setReferenceKey sets the ReferenceKey of a connection that was opened. It keeps the text if that
// is right, which saves an allocation.
func (conn *Connection) setReferenceKey() {
	sum := referenceDigest(conn.Provider, conn.Environment, conn.reference)
	switch {
	case conn.reference.IsZero():
		conn.ReferenceKey = ""
	case conn.ReferenceKey != string(sum[:]):
		conn.ReferenceKey = string(sum[:])
	}
}

// appendParts appends each part behind its length, so that no two lists of parts give the same
// bytes.
func appendParts(b []byte, parts ...string) []byte {
	for _, part := range parts {
		b = binary.BigEndian.AppendUint64(b, uint64(len(part)))
		b = append(b, part...)
	}
	return b
}

// digest is 160 bits of the SHA-256 of b, in letters and digits.
func digest(b []byte) (text [32]byte) {
	sum := sha256.Sum256(b)
	base32.StdEncoding.Encode(text[:], sum[:20])
	return text
}
