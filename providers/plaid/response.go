package plaid

// This file decodes Plaid's responses and turns failures into errors.

import (
	"cmp"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/plaid"
)

// envelope is the part of an error that decides. It is the body of every error, and the error of an
// Item and of a webhook.
type envelope struct {
	Type string `json:"error_type"`
	Code string `json:"error_code"`
}

// status is the state of an Item with this error. An error without type and code is still one.
func (e envelope) status() bankmux.Status {
	return model.Status(cmp.Or(e.Type, "unreadable"), e.Code)
}

// explained is the part of it that is only shown.
type explained struct {
	Message       string `json:"error_message"`
	Reason        string `json:"error_code_reason"`
	Documentation string `json:"documentation_url"`
	RequestID     string `json:"request_id"`
}

// members are those of the request bodies that an error may name.
var members = normalize.NewFields(
	"client_name", "language", "country_codes", "client_user_id", "user", "phone_number", "email_address", "products",
	"required_if_supported_products", "optional_products", "additional_consented_products", "webhook", "redirect_uri",
	"access_token", "public_token", "link_token", "cursor", "count", "offset", "options", "account_ids", "start_date",
	"end_date", "days_requested", "account_filters", "hosted_link", "update", "query", "institution_id", "client_id",
	"secret", "min_last_updated_datetime", "url_lifetime_seconds", "completion_redirect_uri", "account_id", "user_id",
)

// read decodes a success into out, or turns a failure into an error. Nearly all failures have
// status 400, so the code decides.
func read(res *rest.Response, onItem bool, out any) error {
	if res.Status/100 == 2 {
		if err := res.Decode(out); err != nil {
			return err
		}
		return res.Require(out)
	}
	body, more := rest.Try[envelope](res), rest.Try[explained](res)
	e := model.Error(normalize.Failure{
		Endpoint: res.Endpoint(), Code: body.Code, Class: body.Type, Status: res.Status,
		RetryAfter: res.RetryAfter, RequestID: more.RequestID,
	}, onItem)
	e.Detail = model.Detail(e.Detail, more.Reason)
	e.Docs = normalize.DocsURL(more.Documentation, "plaid.com")
	if e.Kind == bankmux.ErrInvalid {
		e.Field = members.In(more.Message)
	}
	return e
}
