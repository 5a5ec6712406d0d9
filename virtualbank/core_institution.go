package virtualbank

import (
	"slices"
)

// Institution is one bank of the model under every name it goes by. An
// institution without MoneyKitID is not served by MoneyKit, one without DapiID not
// by Dapi.
type coreInstitution struct {
	Name      string
	LegalName string
	Country   string // ISO 3166-1 alpha-2

	MoneyKitID      string
	MoneyKitAliases []string
	Domain          string
	Featured        bool
	Providers       []string // aggregators behind MoneyKit, preferred first
	Products        []string // what MoneyKit can read there
	Login           coreLogin

	DapiID           string // in the sandbox
	DapiProductionID string // in production
	SwiftCode        string
	AsksOTP          bool // wants a one-time password for data, good for ten minutes

	address address
}

// coreLogin says how an institution lets people in.
type coreLogin string

// The ways to log in.
const (
	loginPassword coreLogin = "password" // user name and password
	loginNone     coreLogin = "none"     // at once, whatever is typed
	loginOAuth    coreLogin = "oauth"    // on the bank's own page
)

type address struct{ Branch, Street, City string }

func (in coreInstitution) goesBy(id string) bool {
	if id == "" {
		return false
	}
	return id == in.DapiID || id == in.DapiProductionID || in.moneyKitGoesBy(id)
}

func (in coreInstitution) moneyKitGoesBy(id string) bool {
	return id != "" && (id == in.MoneyKitID || slices.Contains(in.MoneyKitAliases, id))
}

func (b *core) institution(match func(coreInstitution) bool) (coreInstitution, bool) {
	i := slices.IndexFunc(b.institutions, match)
	if i < 0 {
		return coreInstitution{}, false
	}
	return b.institutions[i], true
}
