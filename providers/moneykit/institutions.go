package moneykit

// This file finds banks.

import (
	"cmp"
	"context"
	"net/url"
	"strconv"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/wire"
)

// maxInstitutions is the largest page of banks. MoneyKit has always allowed 100.
const maxInstitutions = 100

// Institutions reads a page of banks. MoneyKit cannot select a country, so banks of other countries
// are removed here. A page may therefore be empty and still have a next one.
func (a *adapter) Institutions(ctx context.Context, req bankmux.InstitutionsRequest) (bankmux.InstitutionPage, error) {
	size := min(cmp.Or(req.PageSize, maxInstitutions), maxInstitutions)
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
	out, err := getInstitutions.fetch(ctx, a.api, &rest.Request{Query: query})
	if err != nil {
		return bankmux.InstitutionPage{}, err
	}
	page := bankmux.InstitutionPage{Next: string(out.Cursors.Next)}
	page.Institutions, page.Failed = wire.Collect(
		&out.Institutions, func(i *institution) wire.Read[bankmux.InstitutionListing] {
			one := wire.Identified(i.listing(), i.InstitutionID, "a bank without id")
			one.Given = one.Given && (req.Country == "" || i.Country == req.Country)
			return one
		})
	return page, nil
}

// Institution reads one bank by id or alias.
func (a *adapter) Institution(ctx context.Context, req bankmux.InstitutionRequest) (bankmux.InstitutionListing, error) {
	i, err := getInstitution.fetch(ctx, a.api, &rest.Request{PathParams: byID(req.ID)})
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
