package virtualbank

import "slices"

// Institution is one bank of the model under every name it goes by. An
// institution without MoneyKitID is not served by MoneyKit, one without DapiID not
// by Dapi.
type Institution struct {
	Name      string `json:"name"`
	LegalName string `json:"legal_name"`
	Country   string `json:"country"` // ISO 3166-1 alpha-2

	MoneyKitID      string   `json:"moneykit_id,omitempty"`
	MoneyKitAliases []string `json:"moneykit_aliases,omitempty"`
	Domain          string   `json:"domain"`
	Featured        bool     `json:"featured"`
	Providers       []string `json:"providers,omitempty"` // aggregators behind MoneyKit, preferred first
	Products        []string `json:"products,omitempty"`  // what MoneyKit can read there
	Login           Login    `json:"login"`

	DapiID           string `json:"dapi_id,omitempty"`            // in the sandbox
	DapiProductionID string `json:"dapi_production_id,omitempty"` // in production
	SwiftCode        string `json:"swift_code,omitempty"`
	AsksOTP          bool   `json:"asks_otp,omitempty"` // wants a one-time password for data, good for ten minutes
}

// Login says how an institution lets people in.
type Login string

// The ways to log in.
const (
	LoginPassword Login = "password" // user name and password
	LoginNone     Login = "none"     // at once, whatever is typed
	LoginOAuth    Login = "oauth"    // on the bank's own page
)

// Institutions lists the bank's institutions in the order in which defaults are
// taken from it. The caller owns the slice.
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
		}
	}
	return all
}
