package pelican

// This file checks responses and translates errors.

import (
	"net/http"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/normalize"
)

// read decodes a success into out and checks that no required member is missing. It returns a
// failure as an error. Where no body is documented, only 204 is a success: any other response may
// be the page of a proxy.
func read(res *rest.Response, out any) error {
	_, empty := out.(*noContent)
	switch {
	case res.Status/100 != 2:
		return failure(res)
	case empty && res.Status != http.StatusNoContent:
		return res.Lacks("the status 204")
	case empty:
		return nil
	}
	if err := res.Decode(out); err != nil {
		return err
	}
	return res.Require(out)
}

// failure returns the error of a response that is not a success. If the body is unreadable, its
// status decides.
func failure(res *rest.Response) error {
	var body errorResponse
	_ = res.Decode(&body)
	return catalogue.Error(normalize.Failure{
		Endpoint: res.Endpoint(), Class: body.Type, Code: body.Code, Status: res.Status, RetryAfter: res.RetryAfter,
		RequestID: body.RequestID,
	})
}

// catalogue lists Pelican's errors (its page "Errors"). A row is for a code, for a code at one
// endpoint, or for a class. A class applies to all codes without a row.
var catalogue = normalize.NewCatalogue(
	normalize.Row{Code: "bad_key", Kind: bankmux.ErrCredentials, Detail: "the key is refused"},
	normalize.Row{Code: "too_many_calls", Kind: bankmux.ErrRateLimited, Detail: "too many calls were made"},
	normalize.Row{Code: "code_used", Kind: bankmux.ErrTokenSpent, Detail: "the code was used or is wrong"},
	normalize.Row{Code: "consent_ended", Kind: bankmux.ErrReauth, Detail: "the consent ended"},
	normalize.Row{Code: "grant_gone", Kind: bankmux.ErrGone, Detail: "the grant is gone"},
	normalize.Row{Code: "not_found", Kind: bankmux.ErrNotFound, Detail: "there is no such account"},
	normalize.Row{
		Code: "not_found", Endpoint: "POST /flows", Kind: bankmux.ErrGone, Detail: "the grant to renew is gone",
	},
	normalize.Row{Class: "bank", Kind: bankmux.ErrInstitution, Detail: "the bank is not available"},
)
