// Package webhook holds what verifying a delivery takes, whoever sent it.
package webhook

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/plain"
)

// mostHeader bounds a header before anything is made of it.
const mostHeader = 8 << 10

// Refuse is the error for a delivery that proves nothing.
func Refuse(detail string) *bankmux.Error {
	return &bankmux.Error{Kind: bankmux.ErrSignature, Detail: detail, NotSent: true}
}

// One returns the header that goes by any of names. It must be there once: which of two would the
// sender have signed? The same under two names is once.
func One(header http.Header, names ...string) (string, error) {
	var found string
	for _, name := range names {
		values := header.Values(name)
		switch {
		case len(values) == 0:
			continue
		case len(values) > 1:
			return "", Refuse("the header " + name + " is there more than once")
		case len(values[0]) > mostHeader:
			return "", Refuse("the header " + name + " is too long")
		case found != "" && values[0] != found:
			return "", Refuse("the header " + name + " says something else than " + names[0])
		}
		found = values[0]
	}
	if found == "" {
		return "", Refuse("the header " + names[0] + " is missing")
	}
	return found, nil
}

// Fresh refuses a time that is older than age or lies more than ahead in the future.
func Fresh(at, now time.Time, age, ahead time.Duration) error {
	switch {
	case now.Sub(at) > age:
		return Refuse("the delivery was signed more than " + plain.Duration(age) + " ago")
	case at.Sub(now) > ahead:
		return Refuse("the delivery was signed more than " + plain.Duration(ahead) + " in the future")
	}
	return nil
}

// KeyOf names a delivery that has no name of its own by what was signed.
func KeyOf(signed ...[]byte) string {
	h := sha256.New()
	for _, s := range signed {
		h.Write(s)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}
