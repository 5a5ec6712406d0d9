// Package dapi is Dapi's part of package normalize: it turns Dapi's grants, banks, error types,
// account types and events into the model of bankmux. It is tables and pure functions, does no I/O,
// and may be used by any number of goroutines.
package dapi

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/govalues/decimal"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// Grant is what linking at Dapi yields, packed as the credential of a connection. Nothing that
// prints it shows what is in it.
type Grant struct{ credential, reference bankmux.Secret }

// IDs are what Dapi tells of a grant and no call needs, "" where it does not.
type IDs struct {
	User  string // the person at the bank
	Token string // the access token
}

// packed is the grant as a credential holds it.
type packed struct {
	AccessToken  string `json:"access_token"`
	UserSecret   string `json:"user_secret"`
	ConnectionID string `json:"connection_id"`
	UserID       string `json:"user_id,omitempty"`
	TokenID      string `json:"token_id,omitempty"`
}

// NewGrant packs what every call needs, an access token and the user's secret, and Dapi's id of the
// login. If one is missing, or the token cannot be sent in a header, it is [bankmux.ErrMalformed].
func NewGrant(accessToken, userSecret, connectionID string, ids IDs) (Grant, error) {
	if !normalize.Token(accessToken) || userSecret == "" || connectionID == "" {
		return Grant{}, incomplete()
	}
	// Strings only: it cannot fail.
	text, _ := json.Marshal(packed{accessToken, userSecret, connectionID, ids.User, ids.Token})
	return Grant{bankmux.NewSecret(text), bankmux.NewSecret(connectionID)}, nil
}

func incomplete() error {
	return &bankmux.Error{Kind: bankmux.ErrMalformed, Detail: "the grant is incomplete"}
}

// Access unpacks from a connection's credential what every call needs. Like [bankmux.Secret.Reveal]
// it is for the wire and nothing else. A credential that is not Dapi's, or whose token cannot be
// sent in a header, is [bankmux.ErrInvalid].
func Access(credential bankmux.Secret) (accessToken, userSecret string, err error) {
	var p packed
	fault := json.Unmarshal([]byte(credential.Reveal()), &p)
	if fault != nil || p.AccessToken == "" || p.UserSecret == "" || p.ConnectionID == "" {
		return "", "", &bankmux.Error{
			Kind: bankmux.ErrInvalid, Field: "Connection",
			Detail: "has a credential that is not one of Dapi", NotSent: true,
		}
	}
	if !normalize.Token(p.AccessToken) {
		return "", "", &bankmux.Error{
			Kind: bankmux.ErrInvalid, Field: "Connection",
			Detail: "has a credential that cannot be sent in a header; link the bank again", NotSent: true,
		}
	}
	return p.AccessToken, p.UserSecret, nil
}

// Bank is what Dapi's own answer says about the bank of a connection.
type Bank struct {
	BankID      string // rarely there
	OperationID string // "<bank id>:<uuid>" in newer answers
	SwiftCode   string
	Name        string
	CountryCode string
}

// Institution identifies the bank: by bank id, else by the prefix of the operation's id, else
// by its SWIFT code. An answer that names no bank at all is [bankmux.ErrMalformed].
func Institution(b Bank) (bankmux.Institution, error) {
	i := bankmux.Institution{ID: b.BankID, Name: b.Name, Country: b.CountryCode, BIC: b.SwiftCode}
	if prefix, _, ok := strings.Cut(b.OperationID, ":"); ok && i.ID == "" {
		i.ID = prefix
	}
	if i.ID == "" {
		i.ID = b.SwiftCode
	}
	if i.ID == "" && i.Name == "" {
		return i, &bankmux.Error{Kind: bankmux.ErrMalformed, Detail: "the answer does not say which bank it is"}
	}
	return i, nil
}

// sandboxPrefix begins every sandbox bank's id (Dapi's sandbox documentation).
const sandboxPrefix = "DAPIBANK"

// SandboxBank reports whether any of the bank's ids is one of the sandbox.
func SandboxBank(b Bank) bool {
	return strings.HasPrefix(b.BankID, sandboxPrefix) || strings.HasPrefix(b.OperationID, sandboxPrefix) ||
		strings.HasPrefix(b.SwiftCode, sandboxPrefix)
}

// AnotherBank reports whether a login is at another bank than the one before: neither bank id,
// SWIFT code (the branch does not count) nor name and country agree. One that agrees is enough, for
// a merger changes the others. The code that Dapi's sandbox gives to all its banks proves nothing.
// Where nothing is known of either bank it is false.
func AnotherBank(before, now bankmux.Institution) bool {
	none := bankmux.Institution{}
	if before == none || now == none {
		return false
	}
	swift := func(i bankmux.Institution) string { return strings.ToUpper(i.BIC[:min(8, len(i.BIC))]) }
	switch code := swift(now); {
	case now.ID != "" && before.ID == now.ID:
		return false
	case code != "" && code == swift(before) && !strings.HasPrefix(code, sandboxPrefix):
		return false
	}
	return now.Name == "" || !strings.EqualFold(before.Name, now.Name) || before.Country != now.Country
}

// Connection is the connection that a grant stands for, named by its connectionID. Its id is that
// of the session on a reconnect, else one of the session and the login together. A zero grant is
// [bankmux.ErrMalformed]; a zero institution makes the connection unverified.
func Connection(s bankmux.Session, g Grant, i bankmux.Institution) (bankmux.Connection, error) {
	if g == (Grant{}) {
		return bankmux.Connection{}, incomplete()
	}
	reference := g.reference.Reveal()
	conn := bankmux.NewConnection(s, reference, g.credential)
	conn.ID = s.ConnectionOf(reference)
	conn.Products = slices.Grow(conn.Products, len(s.Products))
	for _, p := range s.Products { // Connect has no choice of products; a reconnect takes none away
		if !slices.Contains(conn.Products, p) {
			conn.Products = append(conn.Products, p)
		}
	}
	conn.Status = bankmux.Status{
		State: bankmux.StateActive, At: bankmux.Moment(time.Now()), AskedAt: conn.Status.AskedAt,
	}
	if i == (bankmux.Institution{}) {
		conn.Status.State = bankmux.StateUnverified
		return conn, nil
	}
	conn.Institution = i
	return conn, nil
}

// Product reports whether Dapi has a product. Connect has no choice of
// products, so one that it has is always granted as far as the bank goes.
func Product(p bankmux.Product) bool {
	switch p {
	case bankmux.ProductAccounts, bankmux.ProductAccountNumbers, bankmux.ProductIdentity, bankmux.ProductTransactions,
		bankmux.ProductCards, bankmux.ProductPayments, bankmux.ProductEnrichment:
		return true
	}
	return false
}

// AccountKind is our word for a Dapi account type.
func AccountKind(word string) bankmux.AccountKind {
	switch strings.ToLower(word) {
	case "current":
		return bankmux.AccountChecking
	case "savings":
		return bankmux.AccountSavings
	case "deposit":
		return bankmux.AccountDeposit
	case "loan":
		return bankmux.AccountLoan
	case "credit":
		return bankmux.AccountCreditCard
	case "other":
		return bankmux.AccountOther
	}
	return bankmux.AccountUnknown
}

// Days is how many days back a bank serves transactions, by its transactionRange. It is false
// for a range that cannot be read, such as an unknown unit.
func Days(value decimal.Decimal, unit string) (int, bool) {
	whole, _, ok := value.Trunc(0).Int64(0)
	if !ok || whole <= 0 || whole > 36500 {
		return 0, false
	}
	switch strings.ToLower(strings.TrimSuffix(unit, "s")) {
	case "day":
		return int(whole), true
	case "week":
		return int(whole) * 7, true
	case "month":
		return int(whole) * 28, true // what every month has
	case "year":
		return int(whole) * 365, true
	}
	return 0, false
}
