package moneykit

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
)

// mostInstitutions is the largest page of banks; 100 always worked.
const mostInstitutions = 100

// institutions is GET /institutions.
func (a *api) institutions(ctx context.Context, query url.Values) (institutionsAnswer, error) {
	var answer institutionsAnswer
	_, err := a.do(ctx, rest.Request{Method: http.MethodGet, Path: "/institutions", Query: query}, &answer)
	return answer, err
}

// institution is GET /institutions/{institution_id}.
func (a *api) institution(ctx context.Context, id string) (institution, error) {
	var answer institution
	res, err := a.do(
		ctx,
		rest.Request{Method: http.MethodGet, Path: "/institutions/{id}", PathParams: map[string]string{"id": id}},
		&answer,
	)
	if err == nil && answer.InstitutionID == "" {
		err = res.Lacks("institution_id")
	}
	return answer, err
}

// Institutions reads a page of banks. MoneyKit cannot be asked for one country, so the others are
// left out here: a page may be empty and still have a next.
func (a *adapter) Institutions(ctx context.Context, req bankmux.InstitutionsRequest) (bankmux.InstitutionPage, error) {
	size := req.PageSize
	if size == 0 || size > mostInstitutions {
		size = mostInstitutions
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
	answer, err := a.api.institutions(ctx, query)
	if err != nil {
		return bankmux.InstitutionPage{}, err
	}
	page := bankmux.InstitutionPage{Next: string(answer.Cursors.Next), Failed: answer.Institutions.Failures("")}
	for n, i := range answer.Institutions.Rows {
		switch {
		case i.InstitutionID == "":
			page.Failed = append(page.Failed, withoutID("a bank without id", answer.Institutions.Place(n)))
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
