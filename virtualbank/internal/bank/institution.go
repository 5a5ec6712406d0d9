package bank

import (
	"slices"
)

// Institution is one bank of the model under every name it goes by. An
// institution without MoneyKitID is not served by MoneyKit, one without DapiID not
// by Dapi.
type Institution struct {
	Name      string
	LegalName string
	Country   string // ISO 3166-1 alpha-2

	MoneyKitID      string
	MoneyKitAliases []string
	Domain          string
	Featured        bool
	Providers       []string // aggregators behind MoneyKit, preferred first
	Products        []string // what MoneyKit can read there
	Login           Login

	DapiID           string // in the sandbox
	DapiProductionID string // in production
	SwiftCode        string
	AsksOTP          bool // wants a one-time password for data, good for ten minutes

	Address Address
}

// Login says how an institution lets people in.
type Login string

// The ways to log in.
const (
	loginPassword Login = "password" // user name and password
	LoginNone     Login = "none"     // at once, whatever is typed
	loginOAuth    Login = "oauth"    // on the bank's own page
)

type Address struct{ Branch, Street, City string }

func (in Institution) GoesBy(id string) bool {
	if id == "" {
		return false
	}
	return id == in.DapiID || id == in.DapiProductionID || in.MoneyKitGoesBy(id)
}

func (in Institution) MoneyKitGoesBy(id string) bool {
	return id != "" && (id == in.MoneyKitID || slices.Contains(in.MoneyKitAliases, id))
}

func (b *Bank) Institution(match func(Institution) bool) (Institution, bool) {
	i := slices.IndexFunc(b.Institutions, match)
	if i < 0 {
		return Institution{}, false
	}
	return b.Institutions[i], true
}
