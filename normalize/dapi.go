package normalize

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
)

// DapiGrant is what linking at Dapi yields. AccessToken and UserSecret are what every call needs.
type DapiGrant struct {
	AccessToken  string `json:"access_token"`
	UserSecret   string `json:"user_secret"`
	ConnectionID string `json:"connection_id"`
	UserID       string `json:"user_id,omitempty"`
	TokenID      string `json:"token_id,omitempty"`
}

// Credential packs the grant.
func (g DapiGrant) Credential() bankmux.Secret {
	packed, _ := json.Marshal(g) // strings only: cannot fail
	return bankmux.NewSecret(packed)
}

// DapiGrantOf unpacks a connection's credential. Anything else is [bankmux.ErrInvalid].
func DapiGrantOf(credential bankmux.Secret) (DapiGrant, error) {
	var g DapiGrant
	if json.Unmarshal([]byte(credential.Reveal()), &g) != nil || g.AccessToken == "" || g.UserSecret == "" || g.ConnectionID == "" {
		return DapiGrant{}, &bankmux.Error{Kind: bankmux.ErrInvalid, Field: "Connection", Detail: "has a credential that is not one of Dapi", NotSent: true}
	}
	if !Token(g.AccessToken) {
		return DapiGrant{}, &bankmux.Error{Kind: bankmux.ErrInvalid, Field: "Connection", Detail: "has a credential that cannot be sent in a header; link the bank again", NotSent: true}
	}
	return g, nil
}

// DapiBank is what Dapi's own answer says about the bank of a connection.
type DapiBank struct {
	BankID      string // rarely there
	OperationID string // "<bank id>:<uuid>" in newer answers
	SwiftCode   string
	Name        string
	CountryCode string
}

// DapiInstitution identifies the bank: by bank id, else by the prefix of the operation's id, else
// by its SWIFT code. An answer that names no bank at all is [bankmux.ErrMalformed].
func DapiInstitution(b DapiBank) (bankmux.Institution, error) {
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

// dapiSandbox begins every sandbox bank's id (Dapi's sandbox documentation).
const dapiSandbox = "DAPIBANK"

// DapiSandboxBank reports whether any of the bank's ids is one of the sandbox.
func DapiSandboxBank(b DapiBank) bool {
	return strings.HasPrefix(b.BankID, dapiSandbox) || strings.HasPrefix(b.OperationID, dapiSandbox) ||
		strings.HasPrefix(b.SwiftCode, dapiSandbox)
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
	case code != "" && code == swift(before) && !strings.HasPrefix(code, dapiSandbox):
		return false
	}
	return now.Name == "" || !strings.EqualFold(before.Name, now.Name) || before.Country != now.Country
}

// DapiConnection is the connection an accessToken stands for, named by its connectionID. Its id is
// that of the session on a reconnect, else one of the session and the login together. An exchange
// without access token, or with one that cannot be sent, is [bankmux.ErrMalformed]; a zero
// institution makes the connection unverified.
func DapiConnection(s bankmux.Session, g DapiGrant, i bankmux.Institution) (bankmux.Connection, error) {
	if !Token(g.AccessToken) || g.UserSecret == "" || g.ConnectionID == "" {
		return bankmux.Connection{}, &bankmux.Error{Kind: bankmux.ErrMalformed, Detail: "the grant is incomplete"}
	}
	conn := bankmux.NewConnection(s, g.ConnectionID, g.Credential())
	conn.ID = s.ConnectionOf(g.ConnectionID)
	for _, p := range s.Products { // Connect has no choice of products; a reconnect takes none away
		if !slices.Contains(conn.Products, p) {
			conn.Products = append(conn.Products, p)
		}
	}
	conn.Status = bankmux.Status{State: bankmux.StateActive, At: time.Now().UTC().Truncate(time.Millisecond), AskedAt: conn.Status.AskedAt}
	if i == (bankmux.Institution{}) {
		conn.Status.State = bankmux.StateUnverified
		return conn, nil
	}
	conn.Institution = i
	return conn, nil
}

// DapiProduct reports whether Dapi has a product. Connect has no choice of
// products, so one that it has is always granted as far as the bank goes.
func DapiProduct(p bankmux.Product) bool {
	switch p {
	case bankmux.ProductAccounts, bankmux.ProductAccountNumbers, bankmux.ProductIdentity, bankmux.ProductTransactions,
		bankmux.ProductCards, bankmux.ProductPayments, bankmux.ProductEnrichment:
		return true
	}
	return false
}
