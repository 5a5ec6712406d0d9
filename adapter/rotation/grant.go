package rotation

// This file has the tokens of a user, and how a connection stores them.

import (
	"crypto/rand"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// Grant has the tokens of one user, as the token endpoint returned them. Its texts are UTF-8.
type Grant struct {
	// Access is the token that requests carry.
	Access bankmux.Secret
	// Refresh is the token that renews Access. Zero means that Access cannot be renewed. In the
	// response to a renewal, zero means that the refresh token stays (RFC 6749, section 6).
	Refresh bankmux.Secret
	// Lifetime is how long Access is valid, counted from the call of [Tokens.Credential] or from
	// the renewal. It counts as at least one minute. 0 means that it is unknown, and Access is
	// renewed when it is refused.
	Lifetime time.Duration
	// Extra has further data that the adapter keeps with the tokens. In the response to a renewal,
	// zero means that it stays.
	Extra bankmux.Secret
}

// check refuses an access token that no header can carry, and texts that JSON would change.
func (g Grant) check() *bankmux.Error {
	if !normalize.Token(g.Access.Reveal()) {
		return &bankmux.Error{Kind: bankmux.ErrMalformed, Detail: "the access token cannot be sent in a header"}
	}
	if !utf8.ValidString(g.Refresh.Reveal()) || !utf8.ValidString(g.Extra.Reveal()) {
		return &bankmux.Error{
			Kind:   bankmux.ErrMalformed,
			Detail: "the refresh token or what belongs to it is not UTF-8",
		}
	}
	return nil
}

// generation is a grant and its place in the chain of renewals.
type generation struct {
	Grant
	family string    // the same for all renewals since one exchange
	number int       // 0 for the exchange, one more for each renewal
	issued time.Time // by the clock of the process that received it
}

// wireFormat is the version of [storedGrant].
const wireFormat = 1

// storedGrant is a generation in a connection's credential.
type storedGrant struct {
	Format   int    `json:"v"`
	Family   string `json:"family_id"`
	Number   int    `json:"n"`
	Access   string `json:"access"`
	Refresh  string `json:"refresh,omitempty"`
	Issued   int64  `json:"issued"`             // Unix milliseconds
	Lifetime int64  `json:"lifetime,omitempty"` // milliseconds
	Extra    string `json:"extra,omitempty"`
}

// first returns the generation of an exchange.
func first(g Grant, now time.Time) generation {
	return generation{Grant: g, family: rand.Text(), issued: now}
}

// next returns the generation after a renewal. It keeps what the response leaves out.
func (g generation) next(renewed Grant, now time.Time) generation {
	if renewed.Refresh.IsZero() {
		renewed.Refresh = g.Refresh
	}
	if renewed.Extra.IsZero() {
		renewed.Extra = g.Extra
	}
	return generation{Grant: renewed, family: g.family, number: g.number + 1, issued: now}
}

// credential returns the generation as the credential of a connection.
func (g generation) credential() bankmux.Secret {
	text, _ := json.Marshal(storedGrant{ // cannot fail with texts and numbers
		Format: wireFormat, Family: g.family, Number: g.number,
		Access: g.Access.Reveal(), Refresh: g.Refresh.Reveal(), Extra: g.Extra.Reveal(),
		Issued: g.issued.UnixMilli(), Lifetime: g.Lifetime.Milliseconds(),
	})
	return bankmux.NewSecret(text)
}

// read decodes the credential of a connection. The error is [bankmux.ErrInvalid].
func read(conn bankmux.Connection) (generation, error) {
	var w storedGrant
	err := json.Unmarshal([]byte(conn.Credential().Reveal()), &w)
	if err != nil || w.Format != wireFormat || w.Family == "" || w.Access == "" {
		return generation{}, &bankmux.Error{
			Kind: bankmux.ErrInvalid, Field: "Connection", NotSent: true,
			Detail: "has a credential that this adapter cannot read",
		}
	}
	return generation{
		Grant: Grant{
			Access: bankmux.NewSecret(w.Access), Refresh: bankmux.NewSecret(w.Refresh),
			Lifetime: time.Duration(w.Lifetime) * time.Millisecond, Extra: bankmux.NewSecret(w.Extra),
		},
		family: w.Family, number: w.Number, issued: time.UnixMilli(w.Issued),
	}, nil
}

// same reports whether both are one generation.
func (g generation) same(h generation) bool { return g.family == h.family && g.number == h.number }

// before reports whether h is a renewal of g. Generations of two exchanges have no order.
func (g generation) before(h generation) bool { return g.family == h.family && g.number < h.number }

// An access token is renewed a tenth of its lifetime before its end, but at most maxEarly before.
// That also allows for clocks that differ. A lifetime counts as at least minLifetime, because with
// a shorter one each call would renew the token. A token that ends earlier is renewed when it is
// refused.
const (
	maxEarly    = time.Minute
	minLifetime = time.Minute
)

// due reports whether the access token is to be renewed before it is used.
func (g generation) due(now time.Time) bool {
	if g.Lifetime <= 0 || g.Refresh.IsZero() {
		return false // the end is unknown, or the token cannot be renewed
	}
	return !now.Before(g.end().Add(-min(g.lifetime()/10, maxEarly)))
}

// lifetime returns how long the access token counts as valid, and end returns when it ends.
func (g generation) lifetime() time.Duration { return max(g.Lifetime, minLifetime) }
func (g generation) end() time.Time          { return g.issued.Add(g.lifetime()) }
