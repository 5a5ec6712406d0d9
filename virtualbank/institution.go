package virtualbank

import (
	"slices"
	"strings"
)

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

	address address
}

// Login says how an institution lets people in.
type Login string

// The ways to log in.
const (
	LoginPassword Login = "password" // user name and password
	LoginNone     Login = "none"     // at once, whatever is typed
	LoginOAuth    Login = "oauth"    // on the bank's own page
)

type address struct{ Branch, Street, City string }

// Institutions lists the bank's institutions in the order in which defaults are
// taken from it. The caller owns the slice.
func (b *Bank) Institutions() []Institution {
	all := slices.Clone(b.institutions)
	for i := range all {
		all[i].MoneyKitAliases = slices.Clone(all[i].MoneyKitAliases)
		all[i].Providers = slices.Clone(all[i].Providers)
		all[i].Products = slices.Clone(all[i].Products)
	}
	return all
}

func (in Institution) goesBy(id string) bool {
	if id == "" {
		return false
	}
	return id == in.DapiID || id == in.DapiProductionID || in.moneyKitGoesBy(id)
}

func (in Institution) moneyKitGoesBy(id string) bool {
	return id != "" && (id == in.MoneyKitID || slices.Contains(in.MoneyKitAliases, id))
}

func (b *Bank) institution(match func(Institution) bool) (Institution, bool) {
	i := slices.IndexFunc(b.institutions, match)
	if i < 0 {
		return Institution{}, false
	}
	return b.institutions[i], true
}

// moneyKitAvatar is an address nobody serves, as the real ones are on another host.
func (in Institution) moneyKitAvatar() string {
	return "https://cdn.example.com/institutions/" + in.MoneyKitID + ".png"
}

// nameHas reports whether a word of the name begins with prefix, as MoneyKit's search does.
func (in Institution) nameHas(prefix string) bool {
	prefix = strings.ToLower(strings.TrimSpace(prefix))
	name := strings.ToLower(in.Name)
	for i := range name {
		if (i == 0 || name[i-1] == ' ') && strings.HasPrefix(name[i:], prefix) {
			return true
		}
	}
	return prefix == ""
}
