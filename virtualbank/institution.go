package virtualbank

// This file lists the institutions.

import "slices"

// Institution is one institution with its names and ids. A provider serves only the institutions
// that have its id: MoneyKitID, DapiID or PlaidID.
type Institution struct {
	Name      string `json:"name"`
	LegalName string `json:"legal_name"`
	Country   string `json:"country"` // ISO 3166-1 alpha-2

	MoneyKitID      string   `json:"moneykit_id,omitempty"`
	MoneyKitAliases []string `json:"moneykit_aliases,omitempty"`
	Domain          string   `json:"domain"`
	Featured        bool     `json:"featured"`
	Providers       []string `json:"providers,omitempty"` // aggregators behind MoneyKit, the preferred one first
	Products        []string `json:"products,omitempty"`  // the products that MoneyKit reads there
	Login           Login    `json:"login"`

	DapiID           string `json:"dapi_id,omitempty"`            // in the sandbox
	DapiProductionID string `json:"dapi_production_id,omitempty"` // in production
	SwiftCode        string `json:"swift_code,omitempty"`
	// AsksOTP makes the institution ask for a one-time password before it returns data. The answer
	// counts for ten minutes.
	AsksOTP bool `json:"asks_otp,omitempty"`

	PlaidID string `json:"plaid_id,omitempty"`
	OAuth   bool   `json:"oauth,omitempty"` // at Plaid, users log in on a page of the institution
}

// Login is how users log in at an institution.
type Login string

// The values of Institution.Login.
const (
	LoginPassword Login = "password" // with a user name and a password
	LoginNone     Login = "none"     // any input is accepted
	LoginOAuth    Login = "oauth"    // on a page of the institution
)

// Institutions returns all institutions. A call that names no institution uses the first of them
// that fits. The caller owns the slice.
func (b *Bank) Institutions() []Institution {
	all := make([]Institution, len(b.core.Institutions))
	for i, in := range b.core.Institutions {
		all[i] = Institution{
			Name:             in.Name,
			LegalName:        in.LegalName,
			Country:          in.Country,
			MoneyKitID:       in.MoneyKitID,
			MoneyKitAliases:  slices.Clone(in.MoneyKitAliases),
			Domain:           in.Domain,
			Featured:         in.Featured,
			Providers:        slices.Clone(in.Providers),
			Products:         slices.Clone(in.Products),
			Login:            Login(in.Login),
			DapiID:           in.DapiID,
			DapiProductionID: in.DapiProductionID,
			SwiftCode:        in.SwiftCode,
			AsksOTP:          in.AsksOTP,
			PlaidID:          in.PlaidID,
			OAuth:            in.OAuth,
		}
	}
	return all
}
