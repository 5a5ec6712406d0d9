package plaid

// This file finds banks.

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/paging"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/plaid"
)

// Sizes of a page of banks. A page has the logo of each bank, so the default is smaller than what
// Plaid allows.
const maxInstitutions, defaultInstitutions = 500, 250

// Institutions reads a page of banks. A search by name has one page of at most ten. Plaid lists no
// bank first, so no bank is featured.
func (a *adapter) Institutions(ctx context.Context, req bankmux.InstitutionsRequest) (bankmux.InstitutionPage, error) {
	countries, err := a.directory(req.Country)
	if err != nil {
		return bankmux.InstitutionPage{}, err
	}
	mark, err := paging.ParseOffset(req.Page, "InstitutionsRequest.Page")
	if err != nil {
		return bankmux.InstitutionPage{}, err
	}
	body := institutionsRequest{Countries: countries, Options: withMetadata}
	var out institutionsResponse
	var page bankmux.InstitutionPage
	switch {
	case req.Featured:
		return page, nil
	case req.Name != "":
		body.Query = req.Name
		out.foundResponse, err = institutionsSearch.fetch(ctx, a.api, body)
	default:
		start := mark.Start()
		body.Count, body.Offset = min(cmp.Or(req.PageSize, defaultInstitutions), maxInstitutions), &start
		if out, err = institutionsGet.fetch(ctx, a.api, body); err == nil {
			page.Next, err = mark.Next(body.Count, *out.Total.Value)
		}
	}
	if err != nil {
		return bankmux.InstitutionPage{}, err
	}
	read := func(i *institution) wire.Read[bankmux.InstitutionListing] {
		return wire.Identified(i.listing(req.Country), i.InstitutionID, "a bank without id")
	}
	page.Institutions, page.Failed = wire.Collect(&out.Institutions, read)
	return page, nil
}

// directory returns the countries whose banks are listed.
func (a *adapter) directory(country string) ([]string, error) {
	served := model.Countries()
	list := a.countriesOr(country)
	if len(list) == 0 {
		list = served
	}
	return list, normalize.Serves("InstitutionsRequest.Country", "Plaid", served, list...)
}

// countriesOr returns the country of a request, or those of the configuration.
func (a *adapter) countriesOr(country string) []string {
	if country != "" {
		return []string{country}
	}
	return a.cfg.Countries
}

// Institution reads one bank.
func (a *adapter) Institution(ctx context.Context, req bankmux.InstitutionRequest) (bankmux.InstitutionListing, error) {
	countries, _ := a.directory("")
	body := institutionsRequest{ID: req.ID, Countries: countries, Options: withMetadata}
	out, err := institutionsGetByID.fetch(ctx, a.api, body)
	if err != nil {
		return bankmux.InstitutionListing{}, err
	}
	return out.Institution.Value.listing(""), nil
}

// listing returns the bank in the model. Its country is the one that was asked for, or its first.
func (i institution) listing(country string) bankmux.InstitutionListing {
	if len(i.Countries) > 0 && !slices.Contains(i.Countries, country) {
		country = i.Countries[0]
	}
	l := bankmux.InstitutionListing{
		Institution: bankmux.Institution{ID: i.InstitutionID, Name: i.Name, Country: country}, Color: i.Color,
	}
	if len(i.Countries) > 1 {
		l.Countries = i.Countries
	}
	if u, err := url.Parse(i.URL); err == nil {
		l.Domain = strings.TrimPrefix(u.Hostname(), "www.")
	}
	return l
}
