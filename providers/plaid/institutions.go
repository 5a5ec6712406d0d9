package plaid

// This file finds banks.

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
)

// Sizes of a page of banks. A page has the logo of each bank, so the default is smaller than what
// Plaid allows.
const (
	maxInstitutions     = 500
	defaultInstitutions = 250
)

// Institutions reads a page of banks. A search by name has one page of at most ten. Plaid lists no
// bank first, so no bank is featured.
func (a *adapter) Institutions(ctx context.Context, req bankmux.InstitutionsRequest) (bankmux.InstitutionPage, error) {
	countries, err := a.directory(req.Country)
	if err != nil {
		return bankmux.InstitutionPage{}, err
	}
	offset, err := offsetOf(req.Page)
	if err != nil {
		return bankmux.InstitutionPage{}, err
	}
	size := min(cmp.Or(req.PageSize, defaultInstitutions), maxInstitutions)
	body := institutionsRequest{Countries: countries, Options: institutionOptions{Metadata: true}}
	var out institutionsResponse
	switch {
	case req.Featured:
		return bankmux.InstitutionPage{}, nil
	case req.Name != "":
		body.Query = req.Name
		out.foundResponse, err = fetch[foundResponse](ctx, a.api, endpoints.searchInstitutions, body)
	default:
		body.listPlace = &listPlace{size, offset}
		out, err = fetch[institutionsResponse](ctx, a.api, endpoints.institutions, body)
	}
	if err != nil {
		return bankmux.InstitutionPage{}, err
	}
	var page bankmux.InstitutionPage
	if next := offset + size; req.Name == "" && next < *out.Total.Value {
		page.Next = strconv.Itoa(next)
	}
	read := func(i *institution) wire.Read[bankmux.InstitutionListing] {
		if i.InstitutionID == "" {
			return wire.Read[bankmux.InstitutionListing]{Fault: normalize.Unreadable("a bank without id")}
		}
		return wire.Read[bankmux.InstitutionListing]{Row: i.listing(req.Country), Given: true}
	}
	page.Institutions, page.Failed = wire.Collect(&out.Institutions, read)
	return page, nil
}

// offsetOf reads the place of a page.
func offsetOf(page string) (int, error) {
	if page == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(page)
	if err != nil || n < 0 {
		return 0, normalize.Invalid("InstitutionsRequest.Page", "is not of Plaid")
	}
	return n, nil
}

// directory returns the countries whose banks are listed.
func (a *adapter) directory(country string) ([]string, error) {
	switch {
	case country == "" && len(a.countries) > 0:
		return a.countries, nil
	case country == "":
		return allCountries, nil
	case slices.Contains(allCountries, country):
		return []string{country}, nil
	}
	return nil, normalize.Unsupported("InstitutionsRequest.Country", "Plaid serves "+strings.Join(allCountries, ", "))
}

// Institution reads one bank.
func (a *adapter) Institution(ctx context.Context, req bankmux.InstitutionRequest) (bankmux.InstitutionListing, error) {
	countries, err := a.directory("")
	if err != nil {
		return bankmux.InstitutionListing{}, err
	}
	body := institutionsRequest{ID: req.ID, Countries: countries, Options: institutionOptions{Metadata: true}}
	out, err := fetch[institutionResponse](ctx, a.api, endpoints.institution, body)
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
