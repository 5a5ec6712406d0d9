package moneykit

// This file finds banks.

import (
	"context"
	"net/url"
	"strconv"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// maxInstitutions is the largest page of banks. MoneyKit has always allowed 100.
const maxInstitutions = 100

// Institutions reads a page of banks. MoneyKit cannot select a country, so banks of other countries
// are removed here. A page may therefore be empty and still have a next one.
func (a *adapter) Institutions(ctx context.Context, req bankmux.InstitutionsRequest) (bankmux.InstitutionPage, error) {
	size := req.PageSize
	if size == 0 || size > maxInstitutions {
		size = maxInstitutions
	}
	query := url.Values{"limit": {strconv.Itoa(size)}}
	if req.Name != "" {
		query.Set("name", req.Name)
	}
	if req.Featured {
		query.Set("featured", "true")
	}
	if req.Page != "" {
		query.Set("cursor", req.Page)
	}
	out, err := a.api.institutions(ctx, query)
	if err != nil {
		return bankmux.InstitutionPage{}, err
	}
	page := bankmux.InstitutionPage{Next: string(out.Cursors.Next), Failed: out.Institutions.Failures("")}
	for n, i := range out.Institutions.Rows {
		switch {
		case i.InstitutionID == "":
			err := normalize.Unreadable("a bank without id")
			page.Failed = append(page.Failed, out.Institutions.Failure(n, "", "", err))
		case req.Country == "" || i.Country == req.Country:
			page.Institutions = append(page.Institutions, i.listing())
		}
	}
	return page, nil
}

// Institution reads one bank by id or alias.
func (a *adapter) Institution(ctx context.Context, req bankmux.InstitutionRequest) (bankmux.InstitutionListing, error) {
	i, err := a.api.institution(ctx, req.ID)
	if err != nil {
		return bankmux.InstitutionListing{}, err
	}
	return i.listing(), nil
}

func (i institution) listing() bankmux.InstitutionListing {
	return bankmux.InstitutionListing{
		Institution: bankmux.Institution{ID: i.InstitutionID, Name: i.Name, Country: i.Country},
		Aliases:     i.Aliases, Domain: i.Domain, Color: i.Color, ColorDark: i.ColorDark, Featured: i.IsFeatured,
	}
}
