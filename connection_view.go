package bankmux

import (
	"slices"
	"strings"
	"time"
)

// ConnectionView is what a browser may know of a connection: what the user sees in a list of banks.
// It has no credential, no id of the provider's and no id of the user. Its ID is only a name: check
// that the connection is of the user who is logged in before acting on it.
type ConnectionView struct {
	ID          string          `json:"id"` // ours, [Connection.ID]
	Institution InstitutionView `json:"institution"`
	State       State           `json:"state"`
	StateSince  time.Time       `json:"state_since,omitzero"`
	UserMustAct bool            `json:"user_must_act,omitempty"` // the user must log in or link again
	Products    []Product       `json:"products,omitempty"`
	Consent     Consent         `json:"consent,omitzero"`
	CreatedAt   time.Time       `json:"created_at"`
	UpdatedAt   time.Time       `json:"updated_at"`
}

// InstitutionView is a bank as a page shows it. The texts are the provider's: escape them as such.
type InstitutionView struct {
	Name    string `json:"name,omitempty"`
	Country string `json:"country,omitempty"`  // ISO 3166-1 alpha-2
	LogoURL string `json:"logo_url,omitempty"` // https only, "" for any other
}

// View returns what a browser may know of the connection, as a copy.
func (c Connection) View() ConnectionView {
	v := ConnectionView{
		ID: c.ID, State: c.Status.State, StateSince: c.Status.At,
		UserMustAct: c.Status.State == StateReauth || c.Status.State == StateGone,
		Products:    slices.Clone(c.Products), Consent: c.Consent, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
		Institution: InstitutionView{Name: c.Institution.Name, Country: c.Institution.Country},
	}
	if strings.HasPrefix(c.Institution.LogoURL, "https://") {
		v.Institution.LogoURL = c.Institution.LogoURL
	}
	return v
}
