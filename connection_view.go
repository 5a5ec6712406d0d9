package bankmux

import (
	"slices"
	"strings"
	"time"
)

// ConnectionView is the part of a connection that a browser may have, such as for a list of the
// user's banks. It has no credential, no id of the provider and no id of the user. Its ID proves
// nothing. Check that the connection belongs to the user who is logged in before you act on it.
type ConnectionView struct {
	ID          string          `json:"id"` // [Connection.ID]
	Institution InstitutionView `json:"institution"`
	State       State           `json:"state"`
	StateSince  time.Time       `json:"state_since,omitzero"`
	UserMustAct bool            `json:"user_must_act,omitempty"` // the user must log in or link again
	Products    []Product       `json:"products,omitempty"`
	Consent     Consent         `json:"consent,omitzero"`
	CreatedAt   time.Time       `json:"created_at,omitzero"`
	UpdatedAt   time.Time       `json:"updated_at,omitzero"`
}

// InstitutionView is a bank for a page to show. The texts come from the provider, so escape them.
type InstitutionView struct {
	Name    string `json:"name,omitempty"`
	Country string `json:"country,omitempty"`  // ISO 3166-1 alpha-2
	LogoURL string `json:"logo_url,omitempty"` // https only, "" for any other
}

// View returns a copy of the part that a browser may have.
func (conn Connection) View() ConnectionView {
	v := ConnectionView{
		ID: conn.ID, State: conn.Status.State, StateSince: conn.Status.At,
		UserMustAct: conn.Status.State == StateReauth || conn.Status.State == StateGone,
		Products:    slices.Clone(conn.Products), Consent: conn.Consent,
		CreatedAt: conn.CreatedAt, UpdatedAt: conn.UpdatedAt,
		Institution: InstitutionView{Name: conn.Institution.Name, Country: conn.Institution.Country},
	}
	if strings.HasPrefix(conn.Institution.LogoURL, "https://") {
		v.Institution.LogoURL = conn.Institution.LogoURL
	}
	return v
}
