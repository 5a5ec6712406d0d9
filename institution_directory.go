package bankmux

// This file joins the banks of several providers into one directory.

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
)

// DirectoryEntry is one bank, with the id that each provider has for it.
type DirectoryEntry struct {
	Name    string `json:"name"`
	Country string `json:"country"`
	// all that its listings name, if there are several
	Countries []string                      `json:"countries,omitempty"`
	Ref       InstitutionRef                `json:"ref"`      // for [SessionRequest.Institution]
	Listings  map[string]InstitutionListing `json:"listings"` // by client name
}

// Institutions searches the banks of every client that can list them. It merges listings of one
// bank: those of the same country and internet domain, or of the same country and name. The entries
// are sorted by name. It may be repeated.
//
// If a client fails, Institutions returns the banks of the others and a [*PartialError] that names
// the client. Clients without a list are left out. Dapi publishes no list.
func (r *Registry) Institutions(ctx context.Context, req InstitutionsRequest) ([]DirectoryEntry, error) {
	found := directory{index: map[string]*DirectoryEntry{}}
	for _, c := range r.Clients() {
		if c.Has(CapInstitutions) {
			found.read(ctx, c, req)
		}
	}
	slices.SortStableFunc(found.all, func(a, b *DirectoryEntry) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.Country, b.Country))
	})
	entries := make([]DirectoryEntry, len(found.all))
	for i, e := range found.all {
		entries[i] = *e
	}
	if len(found.failed) > 0 {
		return entries, &PartialError{Op: opInstitutions.Name, Failed: found.failed}
	}
	return entries, nil
}

// directory collects the banks of several clients.
type directory struct {
	all    []*DirectoryEntry
	failed []Failure
	index  map[string]*DirectoryEntry // by each of sameBankKeys
}

// read adds the banks of a client.
func (d *directory) read(ctx context.Context, c *Client, req InstitutionsRequest) {
	for listing, err := range c.Institutions(ctx, req) {
		if row, ok := errors.AsType[Failure](err); ok {
			d.failed = append(d.failed, row) // one bank; the list goes on
			continue
		}
		if err != nil {
			d.failed = append(d.failed, Failure{Err: ErrorOf(err)})
			return
		}
		d.add(c, listing)
	}
}

// add merges a listing into the entry of the same bank, or makes an entry of it.
func (d *directory) add(c *Client, listing InstitutionListing) {
	var entry *DirectoryEntry
	keys := sameBankKeys(listing)
	for _, key := range keys {
		if known := d.index[key]; known != nil && known.takes(c, listing) {
			entry = known
			break
		}
	}
	if entry == nil {
		entry = &DirectoryEntry{
			Name:     listing.Name,
			Country:  listing.Country,
			Ref:      InstitutionRef{},
			Listings: map[string]InstitutionListing{},
		}
		d.all = append(d.all, entry)
	}
	entry.serves(listing)
	entry.Ref[c.desc.Provider] = listing.ID
	entry.Listings[c.name] = listing
	for _, key := range keys {
		if d.index[key] == nil {
			d.index[key] = entry
		}
	}
}

// takes reports whether the listing may be the same bank as the entry. Two listings of one provider
// are two banks, even with one name.
func (e *DirectoryEntry) takes(c *Client, l InstitutionListing) bool {
	id, ok := e.Ref[c.desc.Provider]
	return !ok || id == l.ID
}

// serves notes the countries of a listing.
func (e *DirectoryEntry) serves(l InstitutionListing) {
	for _, country := range l.countries() {
		if country != "" && country != e.Country && !slices.Contains(e.Countries, country) {
			if len(e.Countries) == 0 && e.Country != "" {
				e.Countries = append(e.Countries, e.Country)
			}
			e.Countries = append(e.Countries, country)
		}
	}
}

// countries are all that the listing names, Country first.
func (l *InstitutionListing) countries() []string {
	all := []string{l.Country}
	for _, country := range l.Countries {
		if !slices.Contains(all, country) {
			all = append(all, country)
		}
	}
	return all
}

// sameBankKeys returns the keys of a listing. Two listings of one bank share at least one.
func sameBankKeys(l InstitutionListing) (keys []string) {
	name := strings.Join(strings.Fields(strings.ToLower(l.Name)), " ")
	for _, country := range l.countries() {
		if l.Domain != "" {
			keys = append(keys, country+" domain "+strings.ToLower(l.Domain))
		}
	}
	for _, country := range l.countries() {
		if name != "" {
			keys = append(keys, country+" name "+name)
		}
	}
	return keys
}
