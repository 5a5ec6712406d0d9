package bank

// This file has the institution and its ids.

import (
	"slices"
)

// Institution is one institution with its names and ids. The fields are those of
// virtualbank.Institution, and Address.
type Institution struct {
	Name      string
	LegalName string
	Country   string // ISO 3166-1 alpha-2

	MoneyKitID      string
	MoneyKitAliases []string
	Domain          string
	Featured        bool
	Providers       []string
	Products        []string
	Login           Login

	DapiID           string // in the sandbox
	DapiProductionID string // in production
	SwiftCode        string
	AsksOTP          bool

	PlaidID string // of Plaid; "" where Plaid does not serve the institution
	OAuth   bool   // at Plaid, users log in on the institution's own page
	Health  Health // at Plaid

	Address Address
}

// Login is how users log in at an institution.
type Login string

// The values of Institution.Login.
const (
	loginPassword Login = "password" // with a user name and a password
	LoginNone     Login = "none"     // any input is accepted
	LoginOAuth    Login = "oauth"    // on a page of the institution
)

// Health is how well an institution works at Plaid.
type Health string

// The values of Institution.Health.
const (
	Healthy     Health = ""
	Degraded    Health = "DEGRADED"    // some logins fail there, but not those of the bank's users
	Down        Health = "DOWN"        // every login fails
	Unsupported Health = "UNSUPPORTED" // Plaid lists it and cannot use any login
)

// Address is the address of a branch.
type Address struct{ Branch, Street, City string }

// GoesBy reports whether id is one of the institution's ids at any provider.
func (in Institution) GoesBy(id string) bool {
	if id == "" {
		return false
	}
	return id == in.DapiID || id == in.DapiProductionID || id == in.PlaidID || in.MoneyKitGoesBy(id)
}

// MoneyKitGoesBy reports whether id is MoneyKit's id or alias of the institution.
func (in Institution) MoneyKitGoesBy(id string) bool {
	return id != "" && (id == in.MoneyKitID || slices.Contains(in.MoneyKitAliases, id))
}

// Institution returns the first institution that matches.
func (b *Bank) Institution(match func(Institution) bool) (Institution, bool) {
	i := slices.IndexFunc(b.Institutions, match)
	if i < 0 {
		return Institution{}, false
	}
	return b.Institutions[i], true
}
