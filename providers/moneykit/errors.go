package moneykit

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/moneykit"
)

// codeExpired is the one 401 that a new token mends.
const codeExpired = "api_error.auth.expired_access_token"

// envelope is what decides in the body of every documented error.
type envelope struct {
	ErrorCode     string `json:"error_code"`
	LinkErrorCode string `json:"link_error_code"`
}

// explained is what is only shown of it.
type explained struct {
	Documentation    string          `json:"documentation_url"`
	ValidationErrors json.RawMessage `json:"validation_errors"`
}

// read decodes a success into out or turns a failure into an error. Success is
// any 2xx: 201 and 204 are documented where 200 might be expected.
func read(res *rest.Response, out any) error {
	if res.Status/100 == 2 {
		if out == nil {
			return nothing(res)
		}
		if err := res.Decode(out); err != nil {
			return err
		}
		if must, ok := out.(required); ok && must.lacks() != "" {
			return res.Lacks(must.lacks())
		}
		return nil
	}
	var body envelope
	if res.Decode(&body) != nil {
		body = envelope{} // a proxy's page: the status decides
	}
	e := model.Error(normalize.Failure{
		Endpoint: res.Endpoint(), Code: body.ErrorCode, Status: res.Status, RetryAfter: res.RetryAfter,
	}, body.LinkErrorCode)
	var more explained
	if res.Decode(&more) != nil {
		more = explained{}
	}
	e.Docs = normalize.DocsURL(more.Documentation, "moneykit.com")
	if e.Kind == bankmux.ErrInvalid {
		e.Field = location(more.ValidationErrors)
	}
	return e
}

// nothing reads an answer that need not say anything: 204 as documented, an object with nothing in
// it, or the link. Anything else, such as a proxy's page, is not a success.
func nothing(res *rest.Response) error {
	if res.Status == http.StatusNoContent {
		return nil
	}
	var members map[string]jsontext.Value
	if err := res.Decode(&members); err != nil {
		return err
	}
	if _, link := members["link_id"]; len(members) > 0 && !link {
		return res.Lacks("link_id")
	}
	return nil
}

// location writes where a request is wrong, as in body.customer_user.id, or "" where the answer
// does not say.
func location(raw json.RawMessage) string {
	var faults []struct {
		Location []any `json:"location"`
	}
	if json.Unmarshal(raw, &faults) != nil || len(faults) == 0 {
		return ""
	}
	names := make([]string, 0, len(faults[0].Location))
	for _, p := range faults[0].Location {
		names = append(names, normalize.CleanCode(fmt.Sprint(p)))
	}
	return strings.Join(names, ".")
}
