package bankmux

// This file seals and opens connections for storage.

import (
	"encoding/json"
	"reflect"
	"unicode/utf8"
)

// AEAD encrypts a connection for storage. It has the methods of tink.AEAD, so a key management
// system that implements those fits. [Keyring] is the implementation of this package.
// Implementations must be safe for concurrent use.
type AEAD interface {
	Encrypt(plaintext, associatedData []byte) ([]byte, error)
	Decrypt(ciphertext, associatedData []byte) ([]byte, error)
}

// Ref says to which row a sealed connection belongs. The application knows it from its own table,
// before it opens the connection. All fields are required. Only an adapter without environments
// leaves Environment empty.
type Ref struct {
	Provider    string
	Environment Environment
	User        string
	ID          string
}

// Ref returns the Ref of the connection.
func (conn Connection) Ref() Ref {
	return Ref{Provider: conn.Provider, Environment: conn.Environment, User: conn.User, ID: conn.ID}
}

// The first byte of a sealed value. It is authenticated, so neither kind opens as the other.
const (
	sealedConnection = 1
	sealedSession    = 2
)

// sealed is the plaintext of a sealed connection: its JSON, and what that leaves out.
type sealed struct {
	Connection sealedRow  `json:"connection"`
	Credential sealedText `json:"credential"`
}

type sealedRow struct {
	Connection
	Reference sealedText `json:"reference"`
}

// sealedText is a text of an adapter. JSON would replace bytes that are not UTF-8, so such a text
// is a JSON object.
type sealedText string

type sealedBytes struct {
	Bytes []byte `json:"bytes"`
}

// MarshalJSON writes a string, or an object if the text is not UTF-8.
func (t sealedText) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		return json.Marshal(string(t))
	}
	return json.Marshal(sealedBytes{[]byte(t)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (t *sealedText) UnmarshalJSON(raw []byte) error {
	if len(raw) == 0 || raw[0] != '{' {
		return json.Unmarshal(raw, (*string)(t))
	}
	var in sealedBytes
	err := json.Unmarshal(raw, &in)
	*t = sealedText(in.Bytes)
	return err
}

// outside returns the connection without its ReferenceKey. The credential may be missing.
func (in *sealed) outside() Connection {
	conn := in.Connection.Connection
	conn.credential = NewSecret(in.Credential)
	conn.reference = NewSecret(in.Connection.Reference)
	return conn
}

// Seal encrypts the connection with its credential for the application's database. The result is
// bound to the connection's [Ref], so it does not open in another row. Sealing twice gives
// different bytes. Seal may be repeated.
//
// The error is [ErrInvalid] for a connection that did not come from ExchangeToken or [Open], and
// for a nil aead. It is [ErrSeal] if the aead fails.
func (conn Connection) Seal(aead AEAD) ([]byte, error) {
	ref := conn.Ref()
	if err := checkSeal(aead, ref); err != nil {
		return nil, err
	}
	if conn.credential.IsZero() {
		return nil, invalid("Connection", "has no credential: use what ExchangeToken or Open returned")
	}
	plain, ok := conn.appendSealed(make([]byte, 0, conn.sealedSize()))
	if !ok {
		return nil, invalid("Connection", "cannot be written as JSON")
	}
	return encrypt(aead, sealedConnection, plain, ref.associated())
}

// encrypt encrypts the JSON of a connection or session.
func encrypt(aead AEAD, format byte, plain, associated []byte) ([]byte, error) {
	// The text of the aead's error is left out: it may hold anything.
	box, err := aead.Encrypt(plain, associated)
	if err != nil {
		return nil, sealError(format, "cannot be encrypted")
	}
	return append(append(make([]byte, 0, 1+len(box)), format), box...), nil
}

// decrypt is the inverse of encrypt.
func decrypt(aead AEAD, format byte, blob, associated []byte) ([]byte, error) {
	if len(blob) == 0 {
		return nil, sealError(format, "is empty")
	}
	if blob[0] != format {
		return nil, sealError(format, "has an unknown format")
	}
	plain, err := aead.Decrypt(blob[1:], associated)
	if err != nil {
		//nolint:errorlint // the keyring's own error, which names the key
		if e, ok := err.(*Error); ok && e.Field == ringField {
			return nil, sealError(format, e.Detail)
		}
		return nil, sealError(format, "was changed, is of another row, or is under another key")
	}
	return plain, nil
}

// Open is the inverse of [Connection.Seal]. It may be repeated.
//
// The error is [ErrInvalid] for an incomplete ref, and for a nil aead or zero Keyring. It is
// [ErrSeal] for bytes that were changed, belong to another row, or are sealed under an unknown key.
func Open(aead AEAD, ref Ref, blob []byte) (Connection, error) {
	if err := checkSeal(aead, ref); err != nil {
		return Connection{}, err
	}
	plain, err := decrypt(aead, sealedConnection, blob, ref.associated())
	if err != nil {
		return Connection{}, err
	}
	var conn Connection
	if !conn.openSealed(plain) {
		if conn, err = openJSON(plain); err != nil {
			return Connection{}, err
		}
	}
	if conn.credential.IsZero() || conn.Ref() != ref {
		return Connection{}, sealError(sealedConnection, "belongs to another connection")
	}
	conn.setReferenceKey()
	return conn, nil
}

// openJSON reads the JSON of any version.
func openJSON(plain []byte) (Connection, error) {
	var in sealed
	if json.Unmarshal(plain, &in) != nil {
		return Connection{}, sealError(sealedConnection, "has unreadable content")
	}
	return in.outside(), nil
}

func checkSeal(aead AEAD, ref Ref) error {
	if err := checkAEAD(aead); err != nil {
		return err
	}
	if ref.Provider == "" || ref.User == "" || ref.ID == "" {
		return invalid("Ref", "lacks provider, user or id")
	}
	for _, text := range [...]string{ref.Provider, string(ref.Environment), ref.User, ref.ID} {
		if !utf8.ValidString(text) {
			return invalid("Ref", "is not UTF-8")
		}
	}
	return nil
}

func checkAEAD(aead AEAD) error {
	if v := reflect.ValueOf(aead); !v.IsValid() || (v.Kind() == reflect.Pointer && v.IsNil()) {
		return invalid("AEAD", "is nil")
	}
	if ring, ok := aead.(*Keyring); ok && ring.IsZero() {
		return noKeys()
	}
	return nil
}

// associated returns different bytes for different refs.
func (r Ref) associated() []byte {
	return lengthPrefixed(sealedConnection, r.Provider, string(r.Environment), r.User, r.ID)
}

func lengthPrefixed(format byte, parts ...string) []byte {
	size := 1
	for _, s := range parts {
		size += 8 + len(s)
	}
	return appendParts(append(make([]byte, 0, size), format), parts...)
}

func sealError(format byte, what string) *Error {
	subject := "the sealed connection "
	if format == sealedSession {
		subject = "the sealed session "
	}
	return &Error{Kind: ErrSeal, Detail: subject + what, NotSent: true}
}
