package bankmux

// This file describes banks and the calls that find them.

import (
	"context"
	"iter"
)

// InstitutionsRequest searches banks. Empty fields do not narrow the search.
type InstitutionsRequest struct {
	Country  string // ISO 3166-1 alpha-2
	Name     string // a whole word, or the start of the name
	Featured bool   // only those that the provider lists first
	PageSize int    // banks per page at most; 0 leaves it to the adapter
	Page     string // [InstitutionPage.Next] of the previous page; "" is the first page
}

func (r *InstitutionsRequest) prepare(*Client, *Op) error {
	if r.PageSize < 0 {
		return invalid("InstitutionsRequest.PageSize", "is negative")
	}
	return checkCountry("InstitutionsRequest.Country", r.Country)
}

// InstitutionPage is one page.
type InstitutionPage struct {
	Institutions []InstitutionListing
	Failed       []Failure // banks on the page that could not be read
	Next         string    // "" at the end
}

// InstitutionRequest asks for one bank.
type InstitutionRequest struct {
	ID string // the provider's
}

func (r *InstitutionRequest) prepare(_ *Client, op *Op) error {
	if r.ID == "" {
		return invalid("InstitutionRequest.ID", "is empty")
	}
	op.Institution = r.ID
	return nil
}

// InstitutionListing is a bank as a provider lists it.
type InstitutionListing struct {
	Institution
	// all countries that it serves under this id, if there are several; Country is one of them
	Countries []string `json:"countries,omitempty"`
	Aliases   []string `json:"aliases,omitempty"` // other ids of the provider for the same bank
	Domain    string   `json:"domain,omitempty"`
	Color     string   `json:"color,omitempty"` // hex code
	ColorDark string   `json:"color_dark,omitempty"`
	Featured  bool     `json:"featured,omitempty"`
}

// Institutions ranges over the banks of all pages. The loop continues after an error about one bank
// ([Failure]), and ends after any other error. Errors are those of [InstitutionLister].
func (c *Client) Institutions(ctx context.Context, req InstitutionsRequest) iter.Seq2[InstitutionListing, error] {
	return func(yield func(InstitutionListing, error) bool) {
		pages(req.Page, func(at string) (InstitutionPage, string, error) {
			req.Page = at
			page, err := call(ctx, c, &opInstitutions, &req, InstitutionLister.Institutions)
			return page, page.Next, err
		}, func(page InstitutionPage, err error) bool {
			for _, i := range page.Institutions {
				if !yield(i, nil) {
					return false
				}
			}
			_ = c.partial(&opInstitutions, &Connection{}, page.Failed)
			for _, f := range page.Failed {
				if !yield(InstitutionListing{}, f) {
					return false
				}
			}
			return err == nil || yield(InstitutionListing{}, err)
		})
	}
}

// Institution returns one bank by the provider's id. The error is [ErrNotFound] if there is none.
// It may be repeated.
func (c *Client) Institution(ctx context.Context, req InstitutionRequest) (InstitutionListing, error) {
	return call(ctx, c, &opInstitution, &req, InstitutionLister.Institution)
}

// Institution is a bank, as the provider of a connection describes it. A field is "" if the
// provider does not say it.
type Institution struct {
	ID      string `json:"id,omitempty"` // the provider's
	Name    string `json:"name,omitempty"`
	Country string `json:"country,omitempty"` // ISO 3166-1 alpha-2
	BIC     string `json:"bic,omitempty"`     // SWIFT code
	LogoURL string `json:"logo_url,omitempty"`
}

// InstitutionRef names one bank by the id that each provider has for it. The key is the adapter:
//
//	bankmux.InstitutionRef{"moneykit": "chase", "dapi": "DAPIBANK_US_CHASE"}
type InstitutionRef map[string]string
