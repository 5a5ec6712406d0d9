// Package dapi is Dapi's part of package normalize. It translates Dapi's grants, banks, error
// types, account types and events into the model of bankmux. It consists of tables and pure
// functions, does no I/O, and is safe for concurrent use.
//
// Package providers/dapi uses it. A program that talks to Dapi itself can use it alone:
//
//	kind := dapi.AccountKind("current") // bankmux.AccountChecking
package dapi

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/govalues/decimal"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/jsonscan"
	"github.com/bankmux/bankmux/normalize"
)

// Grant is what linking at Dapi yields, packed as the credential of a connection. Printing it shows
// none of its content.
type Grant struct{ credential, reference bankmux.Secret }

// IDs are ids of a grant that no call needs, "" if Dapi does not return them.
type IDs struct {
	User  string // the person at the bank
	Token string // the access token
}

// packed is the grant in the form of a credential.
type packed struct {
	AccessToken  string `json:"access_token"`
	UserSecret   string `json:"user_secret"`
	ConnectionID string `json:"connection_id"`
	UserID       string `json:"user_id,omitempty"`
	TokenID      string `json:"token_id,omitempty"`
}

// NewGrant packs what every call needs: an access token, the user's secret, and Dapi's id of the
// login. If one is missing, or the token cannot be sent in a header, the error is
// [bankmux.ErrMalformed].
func NewGrant(accessToken, userSecret, connectionID string, ids IDs) (Grant, error) {
	if !normalize.Token(accessToken) || userSecret == "" || connectionID == "" {
		return Grant{}, incomplete()
	}
	// All members are strings, so this cannot fail.
	in := packed{accessToken, userSecret, connectionID, ids.User, ids.Token}
	text, _ := json.Marshal(in) //nolint:gosec // it becomes a Secret
	return Grant{bankmux.NewSecret(text), bankmux.NewSecret(connectionID)}, nil
}

func incomplete() error {
	return &bankmux.Error{Kind: bankmux.ErrMalformed, Detail: "the grant is incomplete"}
}

// Access unpacks from a connection's credential what every call needs. Like
// [bankmux.Secret.Reveal], it is for sending and nothing else. If the credential is not Dapi's, or
// its token cannot be sent in a header, the error is [bankmux.ErrInvalid].
func Access(credential bankmux.Secret) (accessToken, userSecret string, err error) {
	p, ok := unpack([]byte(credential.Reveal()))
	if !ok || p.AccessToken == "" || p.UserSecret == "" || p.ConnectionID == "" {
		return "", "", &bankmux.Error{
			Kind: bankmux.ErrInvalid, Field: "Connection",
			Detail: "has a credential that is not Dapi's", NotSent: true,
		}
	}
	if !normalize.Token(p.AccessToken) {
		return "", "", &bankmux.Error{
			Kind: bankmux.ErrInvalid, Field: "Connection",
			Detail: "has a credential that cannot be sent in a header: link the bank again", NotSent: true,
		}
	}
	return p.AccessToken, p.UserSecret, nil
}

// unpack reads a grant. What NewGrant writes is read without encoding/json, since every call does
// it.
func unpack(text []byte) (p packed, ok bool) {
	s := jsonscan.New(text)
	if s.Kind() != '{' || s.Open() != nil {
		return p, false
	}
	for first := true; ; first = false {
		key, more, err := s.Member(first)
		if err == nil && !more {
			return p, s.End() == nil
		}
		var to *string
		switch string(key) {
		case "access_token":
			to = &p.AccessToken
		case "user_secret":
			to = &p.UserSecret
		case "connection_id":
			to = &p.ConnectionID
		case "user_id":
			to = &p.UserID
		case "token_id":
			to = &p.TokenID
		}
		if err != nil || to == nil || s.Kind() != '"' {
			break
		}
		inner, plain, err := s.Text()
		if err != nil {
			break
		}
		if *to = string(inner); !plain {
			*to = jsonscan.Unquote(inner)
		}
	}
	p = packed{}
	return p, json.Unmarshal(text, &p) == nil
}

// Bank is what Dapi's own response says about the bank of a connection.
type Bank struct {
	BankID      string // rarely present
	OperationID string // "<bank id>:<uuid>" in newer responses
	SwiftCode   string
	Name        string
	CountryCode string
}

// Institution identifies the bank by its bank id, or else by the prefix of the operation's id, or
// else by its SWIFT code. If the response names no bank, the error is [bankmux.ErrMalformed].
func Institution(b Bank) (bankmux.Institution, error) {
	i := bankmux.Institution{ID: b.BankID, Name: b.Name, Country: b.CountryCode, BIC: b.SwiftCode}
	if prefix, _, ok := strings.Cut(b.OperationID, ":"); ok && i.ID == "" {
		i.ID = prefix
	}
	if i.ID == "" {
		i.ID = b.SwiftCode
	}
	if i.ID == "" && i.Name == "" {
		return i, &bankmux.Error{Kind: bankmux.ErrMalformed, Detail: "the response does not name the bank"}
	}
	return i, nil
}

// sandboxPrefix is the prefix of every sandbox bank's id (Dapi's sandbox documentation).
const sandboxPrefix = "DAPIBANK"

// SandboxBank reports whether any of the bank's ids is one of the sandbox.
func SandboxBank(b Bank) bool {
	return strings.HasPrefix(b.BankID, sandboxPrefix) || strings.HasPrefix(b.OperationID, sandboxPrefix) ||
		strings.HasPrefix(b.SwiftCode, sandboxPrefix)
}

// AnotherBank reports whether a login is at another bank than the one before. It is if neither bank
// id nor SWIFT code (without the branch) nor name and country agree. One that agrees is enough,
// because a merger changes the others. The code that Dapi's sandbox gives all its banks proves
// nothing. If either bank is unknown, it reports false.
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

// Connection returns the connection of a grant, named by its connectionID. On a reconnect it has
// the session's connection id. Otherwise its id is made from the session and the login. A zero
// grant is [bankmux.ErrMalformed]. A zero institution makes the connection unverified.
func Connection(s bankmux.Session, g Grant, i bankmux.Institution) (bankmux.Connection, error) {
	if g == (Grant{}) {
		return bankmux.Connection{}, incomplete()
	}
	reference := g.reference.Reveal()
	conn := bankmux.NewConnection(s, reference, g.credential)
	conn.ID = s.ConnectionOf(reference)
	conn.Products = slices.Grow(conn.Products, len(s.Products))
	for _, p := range s.Products { // Connect offers no choice of products, and a reconnect removes none
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

// Product reports whether Dapi has a product. Connect offers no choice of products, so one that
// Dapi has is granted if the bank has it.
func Product(p bankmux.Product) bool {
	switch p {
	case bankmux.ProductAccounts, bankmux.ProductAccountNumbers, bankmux.ProductIdentity, bankmux.ProductTransactions,
		bankmux.ProductCards, bankmux.ProductPayments, bankmux.ProductEnrichment:
		return true
	}
	return false
}

// AccountKind returns the kind of a Dapi account type.
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

// Days returns how many days back a bank serves transactions, from its transactionRange. It reports
// false for a range that cannot be read, such as one with an unknown unit.
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
		return int(whole) * 28, true // the days that every month has
	case "year":
		return int(whole) * 365, true
	}
	return 0, false
}
