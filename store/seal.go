package store

// This file seals what is neither a connection nor a session.

import (
	"encoding/binary"
	"encoding/json"
)

// sealFormat is the first byte of a sealed value. Connections and sessions have other ones.
const sealFormat = 0x10

// associated returns what a sealed value is bound to: its table and the identity of its row.
func associated(table string, identity ...string) []byte {
	b := []byte{sealFormat}
	for _, part := range append([]string{table}, identity...) {
		b = binary.BigEndian.AppendUint64(b, uint64(len(part)))
		b = append(b, part...)
	}
	return b
}

// seal encrypts value as JSON for a row.
func (s *Store) seal(table string, value any, identity ...string) ([]byte, error) {
	plain, err := json.Marshal(value)
	if err != nil {
		return nil, invalid(table, "cannot be written as JSON")
	}
	return s.encrypt(table, plain, identity...)
}

func (s *Store) encrypt(table string, plain []byte, identity ...string) ([]byte, error) {
	box, err := s.aead.Encrypt(plain, associated(table, identity...))
	if err != nil {
		return nil, sealFault(table, "cannot be encrypted") // the aead's error may hold anything
	}
	return append([]byte{sealFormat}, box...), nil
}

// open decrypts what seal made.
func (s *Store) open(table string, blob []byte, into any, identity ...string) error {
	plain, err := s.decrypt(table, blob, identity...)
	if err != nil {
		return err
	}
	if json.Unmarshal(plain, into) != nil {
		return sealFault(table, "has unreadable content")
	}
	return nil
}

func (s *Store) decrypt(table string, blob []byte, identity ...string) ([]byte, error) {
	if len(blob) == 0 || blob[0] != sealFormat {
		return nil, sealFault(table, "has an unknown format")
	}
	plain, err := s.aead.Decrypt(blob[1:], associated(table, identity...))
	if err != nil {
		return nil, sealFault(table, "was changed, is of another row, or is under another key")
	}
	return plain, nil
}

// The names of sealed values: a value of one does not open as one of another.
const (
	sealedExchange    = "exchange"
	sealedChallenge   = "challenge"
	sealedEvent       = "event"
	sealedAccount     = "account"
	sealedTransaction = "transaction"
	sealedSync        = "sync"
	sealedUnnamed     = "unnamed account"
)
