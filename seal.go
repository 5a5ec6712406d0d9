package bankmux

import (
	"encoding/binary"
	"encoding/json"
	"reflect"
	"unicode/utf8"
)

// AEAD encrypts a connection for storage. It is the method set of tink.AEAD, so
// a key management system fits without an adapter; [Keyring] is the embedded one.
// Implementations must be safe for concurrent use.
type AEAD interface {
	Encrypt(plaintext, associatedData []byte) ([]byte, error)
	Decrypt(ciphertext, associatedData []byte) ([]byte, error)
}

// Ref is whose row a sealed connection is: what the application knows from its
// own table, before anything is opened. All fields are required, save the environment of an adapter
// that has none.
type Ref struct {
	Provider    string
	Environment Environment
	User        string
	ID          string
}

// Ref returns the connection's.
func (c Connection) Ref() Ref {
	return Ref{Provider: c.Provider, Environment: c.Environment, User: c.User, ID: c.ID}
}

// The first byte of what is sealed. It is authenticated as well, so neither opens as the other.
const (
	sealedConnection = 1
	sealedSession    = 2
)

// sealed is what lies inside: the connection's JSON and what that leaves out.
type sealed struct {
	Connection sealedRow  `json:"connection"`
	Credential sealedText `json:"credential"`
}

type sealedRow struct {
	Connection
	Reference sealedText `json:"reference"`
}

// sealedText is a text of an adapter's. JSON would replace bytes that are not UTF-8, so such a text
// is an object there.
type sealedText string

type sealedBytes struct {
	Bytes []byte `json:"bytes"`
}

// MarshalJSON writes a string, or an object where the text is not UTF-8.
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

func (c Connection) inside() sealed {
	return sealed{
		Connection: sealedRow{Connection: c, Reference: sealedText(c.Reference())},
		Credential: sealedText(c.credential.Reveal()),
	}
}

// outside is the inverse of inside, and false where the credential is missing.
func (in *sealed) outside() (Connection, bool) {
	conn := in.Connection.Connection
	conn.credential = NewSecret(in.Credential)
	conn.reference = NewSecret(in.Connection.Reference)
	conn.ReferenceKey = referenceKey(conn.Provider, conn.Environment, conn.reference)
	return conn, in.Credential != ""
}

// Seal encrypts the connection with its credential for the application's database. The result is
// bound to the connection's [Ref]: moved into another row it does not open. Sealing twice gives
// different bytes.
//
// Errors: [ErrInvalid] for a connection that did not come from ExchangeToken or [Open], or a
// nil aead; [ErrSeal] if the aead fails. Safe for concurrent use; may be repeated.
func (c Connection) Seal(aead AEAD) ([]byte, error) {
	ref := c.Ref()
	if err := checkSeal(aead, ref); err != nil {
		return nil, err
	}
	if c.credential.IsZero() {
		return nil, invalid("Connection", "has no credential: use what ExchangeToken or Open returned")
	}
	return seal(aead, sealedConnection, "Connection", c.inside(), ref.associated())
}

// seal encrypts what is inside.
func seal(aead AEAD, format byte, field string, inside any, associated []byte) ([]byte, error) {
	plain, err := json.Marshal(inside)
	if err != nil {
		return nil, invalid(field, "cannot be written as JSON")
	}
	// The text of the aead's error is left out: it may hold anything.
	box, err := aead.Encrypt(plain, associated)
	if err != nil {
		return nil, sealError(format, "cannot be encrypted")
	}
	return append([]byte{format}, box...), nil
}

// unseal decrypts into inside, which is a pointer.
func unseal(aead AEAD, format byte, blob, associated []byte, inside any) error {
	if len(blob) == 0 {
		return sealError(format, "is empty")
	}
	if blob[0] != format {
		return sealError(format, "has an unknown format")
	}
	plain, err := aead.Decrypt(blob[1:], associated)
	if err != nil {
		if e, ok := err.(*ringError); ok { //nolint:errorlint // the keyring's own, which names the key
			return sealError(format, e.says)
		}
		return sealError(format, "was changed, is of another row, or is under another key")
	}
	if json.Unmarshal(plain, inside) != nil {
		return sealError(format, "holds something else")
	}
	return nil
}

// Open is the inverse of [Connection.Seal].
//
// Errors: [ErrInvalid] for an incomplete ref or a nil aead; [ErrSeal] for bytes that were changed,
// belong to another row, or are sealed under an unknown key. Safe for concurrent use; may be
// repeated.
func Open(aead AEAD, ref Ref, blob []byte) (Connection, error) {
	if err := checkSeal(aead, ref); err != nil {
		return Connection{}, err
	}
	var in sealed
	if err := unseal(aead, sealedConnection, blob, ref.associated(), &in); err != nil {
		return Connection{}, err
	}
	conn, ok := in.outside()
	if !ok || conn.Ref() != ref {
		return Connection{}, sealError(sealedConnection, "holds something else")
	}
	return conn, nil
}

func checkSeal(aead AEAD, ref Ref) error {
	if err := checkAEAD(aead); err != nil {
		return err
	}
	if ref.Provider == "" || ref.User == "" || ref.ID == "" {
		return invalid("Ref", "lacks provider, user or id")
	}
	if !utf8.ValidString(ref.Provider + string(ref.Environment) + ref.User + ref.ID) {
		return invalid("Ref", "is not UTF-8")
	}
	return nil
}

func checkAEAD(aead AEAD) error {
	if v := reflect.ValueOf(aead); !v.IsValid() || (v.Kind() == reflect.Pointer && v.IsNil()) {
		return invalid("AEAD", "is nil")
	}
	return nil
}

// associated writes the ref so that no two refs give the same bytes.
func (r Ref) associated() []byte {
	return lengthPrefixed(sealedConnection, r.Provider, string(r.Environment), r.User, r.ID)
}

func lengthPrefixed(format byte, parts ...string) []byte {
	b := []byte{format}
	for _, s := range parts {
		b = binary.BigEndian.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

func sealError(format byte, what string) *Error {
	subject := "the sealed connection "
	if format == sealedSession {
		subject = "the sealed session "
	}
	return &Error{Kind: ErrSeal, Detail: subject + what, NotSent: true}
}
