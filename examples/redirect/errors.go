package redirect

import (
	"errors"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/normalize"
)

// Codes that decide more than the kind of an error.
const (
	codeTokenEnded    = "token_ended"
	codeCursorUnknown = "cursor_unknown"
	codeMoved         = "changed_while_paging"
)

// catalogue says what Osprey's codes mean. Osprey documents its classes, and adds codes to them.
var catalogue = normalize.NewCatalogue(
	normalize.Row{Class: "key", Kind: bankmux.ErrCredentials, Detail: "the key is refused"},
	normalize.Row{Class: "consent", Kind: bankmux.ErrReauth, Detail: "the consent lapsed"},
	normalize.Row{Class: "limit", Kind: bankmux.ErrRateLimited, Detail: "too many calls were made"},
	normalize.Row{Class: "bank", Kind: bankmux.ErrInstitution, Detail: "the bank does not answer"},
	normalize.Row{Class: "server", Kind: bankmux.ErrUnavailable, Detail: "osprey failed"},
	normalize.Row{Class: "request", Kind: bankmux.ErrInvalid, Detail: "the request is refused"},

	normalize.Row{Code: codeTokenEnded, Kind: bankmux.ErrReauth, Detail: "the user's access token has ended"},
	normalize.Row{Code: "refresh_spent", Kind: bankmux.ErrReauth, Detail: "the refresh token was used or has ended"},
	normalize.Row{Code: "grant_ended", Kind: bankmux.ErrGone, Detail: "the user or the application ended the grant"},
	normalize.Row{Code: "verifier_wrong", Kind: bankmux.ErrInvalid, Detail: "the consent is of another session"},
	normalize.Row{Code: "account_unknown", Kind: bankmux.ErrNotFound, Detail: "the grant has no such account"},
	normalize.Row{Code: codeCursorUnknown, Kind: bankmux.ErrInvalid, Detail: "the cursor is not known"},
	normalize.Row{
		Code: codeMoved, Kind: bankmux.ErrUnavailable, Scope: bankmux.ScopeConnection, Detail: "the rows changed while their pages were read",
	},
)

// failure decodes an answer that is not a success.
func failure(res *rest.Response) error {
	var failed struct {
		Error struct {
			Class string `json:"class"`
			Code  string `json:"code"`
		} `json:"error"`
	}
	_ = res.Decode(&failed) // an answer that is not Osprey's own says no more than its status
	return catalogue.Error(normalize.Failure{
		Endpoint: res.Endpoint(), Code: failed.Error.Code, Class: failed.Error.Class, Status: res.Status, RetryAfter: res.RetryAfter,
	})
}

func hasCode(err error, code string) bool {
	e, ok := errors.AsType[*bankmux.Error](err)
	return ok && e.Code == code
}

func invalid(field, detail string) *bankmux.Error {
	return &bankmux.Error{Kind: bankmux.ErrInvalid, Field: field, Detail: detail, NotSent: true}
}
