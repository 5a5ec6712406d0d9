package bankmux

// This file has the keys that seal connections and sessions.

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Key is an AES-256 key with an id. Every row that was sealed under the key has the id.
type Key struct {
	ID       string // 1 to 32 letters, digits, _ . -; not secret
	Material Secret // 32 random bytes: NewSecret(bytes)
}

// keySize is the length of a key in bytes.
const keySize = 32

// ParseKey reads a key from one line of text, such as an environment variable: its ID, a colon, and
// 32 random bytes in base64. Both alphabets of base64 are read, with or without padding. Space
// around the text is ignored.
//
//	BANKMUX_KEY="2026-11:$(openssl rand -base64 32)"
//
// The error is [ErrInvalid]. It never quotes the text.
func ParseKey(text string) (Key, error) {
	id, encoded, ok := strings.Cut(strings.TrimSpace(text), ":")
	if !ok || !keyID(id) {
		return Key{}, invalid("Key", "does not have the form id:key, with an id of 1 to 32 letters, digits, _ . -")
	}
	encoding := base64.StdEncoding
	if strings.ContainsAny(encoded, "-_") {
		encoding = base64.URLEncoding
	}
	if len(encoded) == base64.RawStdEncoding.EncodedLen(keySize) {
		encoding = encoding.WithPadding(base64.NoPadding)
	}
	material, err := encoding.Strict().DecodeString(encoded)
	if err != nil || encoding.EncodedLen(keySize) != len(encoded) {
		return Key{}, invalid("Key", "does not have 32 bytes in base64 behind its id")
	}
	key := Key{ID: id, Material: NewSecret(material)}
	if err := key.check(); err != nil {
		return Key{}, err
	}
	return key, nil
}

// String returns the key's ID, without its material.
func (k Key) String() string { return "key " + quote(k.ID) }

// Format writes the key's ID, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue returns the key's ID, without its material.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText returns the key's ID, without its material.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Keyring is an [AEAD] of AES-256-GCM keys. It encrypts under the primary key and decrypts under
// every key. It is immutable and safe for concurrent use. The zero Keyring has no key, so whatever
// takes an AEAD refuses it.
//
// To replace a key, make a keyring with the new key as the primary one and the old key behind it.
// Open and seal again each row for which [Keyring.NeedsReseal] is true. If all of them opened, drop
// the old key.
type Keyring struct {
	primary string
	keys    map[string]cipher.AEAD
}

// NewKeyring returns a keyring. The error is [ErrInvalid] for a key that does not have 32 bytes, or
// is all zero. It is also ErrInvalid for an ID that is empty, too long or used twice.
func NewKeyring(primary Key, old ...Key) (*Keyring, error) {
	ring := &Keyring{primary: primary.ID, keys: map[string]cipher.AEAD{}}
	for _, k := range append([]Key{primary}, old...) {
		if err := k.check(); err != nil {
			return nil, err
		}
		if ring.keys[k.ID] != nil {
			return nil, invalid("Key.ID", quote(k.ID)+" is used twice")
		}
		block, err := aes.NewCipher(k.Material.appendText(nil))
		if err != nil {
			return nil, invalid("Key.Material", "is refused by AES")
		}
		if ring.keys[k.ID], err = cipher.NewGCMWithRandomNonce(block); err != nil {
			return nil, invalid("Key.Material", "is refused by GCM")
		}
	}
	return ring, nil
}

// IsZero reports whether the keyring has no key, since it is nil or [NewKeyring] did not make it.
func (k *Keyring) IsZero() bool { return k == nil || k.keys == nil }

// noKeys is the error of a zero keyring.
func noKeys() error { return invalid("Keyring", "has no key: use what NewKeyring returned") }

// check refuses a key that a keyring does not take.
func (k Key) check() error {
	switch {
	case !keyID(k.ID):
		return invalid("Key.ID", quote(k.ID)+" is not 1 to 32 letters, digits, _ . -")
	case k.Material.size() != keySize:
		return invalid("Key.Material", "of key "+quote(k.ID)+" does not have 32 bytes")
	case k.Material.holds(string(make([]byte, keySize))):
		return invalid("Key.Material", "of key "+quote(k.ID)+" is all zero")
	}
	return nil
}

func keyID(id string) bool {
	for _, c := range []byte(id) {
		switch {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_', c == '.', c == '-':
		default:
			return false
		}
	}
	return len(id) >= 1 && len(id) <= 32
}

// Encrypt encrypts under the primary key. The result has the key's ID with its length, the nonce
// and the ciphertext. The ID is authenticated with the associated data. The error is [ErrInvalid]
// for a zero Keyring, and there is no other.
func (k *Keyring) Encrypt(plaintext, associatedData []byte) ([]byte, error) {
	if k.IsZero() {
		return nil, noKeys()
	}
	key := k.keys[k.primary]
	box := make([]byte, 0, 1+len(k.primary)+len(plaintext)+key.Overhead())
	box = append(append(box, byte(len(k.primary))), k.primary...) //nolint:gosec // at most 32, see keyID
	ad := authenticated(box, associatedData, 0)
	return key.Seal(box, nil, plaintext, ad), nil //nolint:gosec // the cipher makes the nonce
}

// ringField is the Field of the errors of [Keyring.Decrypt].
const ringField = "what is sealed"

// ringError returns the error of [Keyring.Decrypt]. It holds nothing secret.
func ringError(detail string) *Error {
	return &Error{Kind: ErrSeal, Field: ringField, Detail: detail, NotSent: true}
}

// Decrypt decrypts the result of Encrypt, under the key that it names. The error is [ErrSeal], or
// [ErrInvalid] for a zero Keyring.
func (k *Keyring) Decrypt(ciphertext, associatedData []byte) ([]byte, error) {
	if k.IsZero() {
		return nil, noKeys()
	}
	id, box, ok := splitKeyID(ciphertext)
	if !ok {
		return nil, ringError("is cut short")
	}
	key := k.keys[string(id)]
	if key == nil {
		return nil, ringError("is under key " + quote(string(id)) + ", which is not in the keyring")
	}
	head := ciphertext[:len(ciphertext)-len(box)]
	ad := authenticated(head, associatedData, len(box))
	plain, err := key.Open(ad[len(ad):], nil, box, ad) // they share memory, but no bytes
	if err != nil {
		return nil, ringError("was changed or is of another row")
	}
	return plain, nil
}

// NeedsReseal reports whether a sealed connection or session is under another key than the primary
// one. Open it, seal it again and store it then. Of a blob under a key that this keyring does not
// have, NeedsReseal is true too, and opening it fails. So no key is dropped that a row still needs.
func (k *Keyring) NeedsReseal(blob []byte) bool {
	if k.IsZero() || len(blob) == 0 || (blob[0] != sealedConnection && blob[0] != sealedSession) {
		return true
	}
	id, _, ok := splitKeyID(blob[1:])
	return !ok || string(id) != k.primary
}

func splitKeyID(b []byte) (id, rest []byte, ok bool) {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return nil, nil, false
	}
	end := 1 + int(b[0])
	return b[1:end], b[end:], true
}

// authenticated returns what is authenticated: the key's ID with its length, and the associated
// data. It has room for more bytes.
func authenticated(head, associatedData []byte, more int) []byte {
	return append(append(make([]byte, 0, len(head)+len(associatedData)+more), head...), associatedData...)
}
