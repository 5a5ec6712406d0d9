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

// sealFormat begins every sealed connection. It is authenticated as well.
const sealFormat = 1

// sealed is what lies inside.
type sealed struct {
	Connection Connection `json:"connection"`
	Credential string     `json:"credential"`
}

// Seal encrypts the connection with its credential for the application's
// database. The result is bound to the connection's [Ref]: moved into another row it does not open. Sealing
// twice gives different bytes.
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
	plain, err := json.Marshal(sealed{Connection: c, Credential: c.credential.Reveal()})
	if err != nil {
		return nil, invalid("Connection", "cannot be written")
	}
	// The text of the aead's error is left out: nobody knows what it holds.
	box, err := aead.Encrypt(plain, ref.associated())
	if err != nil {
		return nil, sealError("cannot be encrypted")
	}
	return append([]byte{sealFormat}, box...), nil
}

// Open is the inverse of [Connection.Seal].
//
// Errors: [ErrInvalid] for an incomplete ref or a nil aead; [ErrSeal] for bytes that
// were changed, belong to another row, or are sealed under an unknown key. Safe for concurrent use; may
// be repeated.
func Open(aead AEAD, ref Ref, blob []byte) (Connection, error) {
	if err := checkSeal(aead, ref); err != nil {
		return Connection{}, err
	}
	if len(blob) == 0 {
		return Connection{}, sealError("is empty")
	}
	if blob[0] != sealFormat {
		return Connection{}, sealError("has an unknown format")
	}
	plain, err := aead.Decrypt(blob[1:], ref.associated())
	if err != nil {
		if e, ok := err.(*Error); ok && e.Kind == ErrSeal { //nolint:errorlint // the keyring's own, which names the key
			return Connection{}, e
		}
		return Connection{}, sealError("was changed, is of another row, or is under another key")
	}
	var in sealed
	if json.Unmarshal(plain, &in) != nil || in.Credential == "" || in.Connection.Ref() != ref {
		return Connection{}, sealError("holds something else")
	}
	in.Connection.credential = NewSecret(in.Credential)
	return in.Connection, nil
}

func checkSeal(aead AEAD, ref Ref) error {
	if v := reflect.ValueOf(aead); !v.IsValid() || (v.Kind() == reflect.Pointer && v.IsNil()) {
		return invalid("AEAD", "is nil")
	}
	if ref.Provider == "" || ref.User == "" || ref.ID == "" {
		return invalid("Ref", "lacks provider, user or id")
	}
	if !utf8.ValidString(ref.Provider + string(ref.Environment) + ref.User + ref.ID) {
		return invalid("Ref", "is not UTF-8")
	}
	return nil
}

// associated writes the ref so that no two refs give the same bytes.
func (r Ref) associated() []byte {
	b := []byte{sealFormat}
	for _, s := range []string{r.Provider, string(r.Environment), r.User, r.ID} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

func sealError(what string) *Error {
	return &Error{Kind: ErrSeal, Detail: "the sealed connection " + what, NotSent: true}
}
