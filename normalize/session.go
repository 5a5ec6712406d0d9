package normalize

// This file checks the request for a session.

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/bankmux/bankmux"
)

// NameProducts calls add for each requested product that the provider has and names. name returns
// the provider's name, "" for a product that needs none. It reports false for a product that the
// provider does not have. If such a product is required, the error is [bankmux.ErrUnsupported].
// Otherwise it is left out. provider is the provider's name for the error.
func NameProducts(
	list []bankmux.ProductRequest, provider string,
	name func(bankmux.Product) (string, bool), add func(p bankmux.ProductRequest, name string),
) error {
	for _, p := range list {
		wire, ok := name(p.Product)
		switch {
		case !ok && p.Required:
			return Unsupported("SessionRequest.Products", provider+" has no "+CleanCode(string(p.Product)))
		case ok && wire != "":
			add(p, wire)
		}
	}
	return nil
}

// NamedInstitution returns the provider's id of the bank that a request names, "" if it names none.
// If the reference has ids of other providers alone, the error is [bankmux.ErrUnsupported].
func NamedInstitution(of bankmux.InstitutionRef, provider string) (string, error) {
	id, named := of[provider]
	if len(of) > 0 && !named {
		return "", Unsupported("SessionRequest.Institution", "has no id for "+provider)
	}
	return id, nil
}

// Serves returns [bankmux.ErrUnsupported] for a field of a request unless the provider serves all
// countries. provider is the provider's name for the error.
func Serves(field, provider string, served []string, countries ...string) error {
	for _, country := range countries {
		if !slices.Contains(served, country) {
			return Unsupported(field, provider+" serves "+strings.Join(served, ", "))
		}
	}
	return nil
}

// userPrefix marks the ids at a provider that replace an id of the application.
const userPrefix = "bankmux-user-"

// UserID returns the id under which a provider knows a user of the application. It is the user's id
// itself if the provider takes it, and otherwise a digest of it. One user always has the same
// result, and two users never share one.
func UserID(user string, taken bool) string {
	if taken && !strings.HasPrefix(user, userPrefix) {
		return user
	}
	sum := sha256.Sum256([]byte(user))
	return userPrefix + base64.RawURLEncoding.EncodeToString(sum[:])
}
