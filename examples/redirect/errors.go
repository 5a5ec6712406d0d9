package redirect

import (
	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/normalize"
)

// catalogue says what Osprey's codes mean. Osprey documents classes, and adds codes to them.
var catalogue = normalize.NewCatalogue(
	normalize.Row{Class: "key", Kind: bankmux.ErrCredentials, Detail: "the key is refused"},
	normalize.Row{Class: "consent", Kind: bankmux.ErrReauth, Detail: "the consent lapsed"},
	normalize.Row{Class: "request", Kind: bankmux.ErrInvalid, Detail: "the request is refused"},
	normalize.Row{Code: "consent_open", Kind: bankmux.ErrUserAction, Detail: "the user has not finished"},
	normalize.Row{Code: "consent_refused", Kind: bankmux.ErrUserAction, Detail: "the user refused"},
	normalize.Row{Code: "grant_ended", Kind: bankmux.ErrGone, Detail: "the grant was ended"},
	normalize.Row{Code: "account_unknown", Kind: bankmux.ErrNotFound, Detail: "the grant has no such account"},
	normalize.Row{Code: "token_ended", Kind: bankmux.ErrReauth, Detail: "the user's access token ended"},
	normalize.Row{Code: "cursor_unknown", Kind: bankmux.ErrInvalid, Detail: "the cursor is not known"},
	normalize.Row{Code: "changed", Kind: bankmux.ErrUnavailable, Scope: bankmux.ScopeConnection, Detail: "rows changed"},
)

// failure reads an answer that is not a success.
func failure(res *rest.Response) error {
	var failed struct {
		Error struct {
			Class string `json:"class"`
			Code  string `json:"code"`
		} `json:"error"`
	}
	_ = res.Decode(&failed) // where it is not Osprey's own, the status decides
	return catalogue.Error(normalize.Failure{
		Class: failed.Error.Class, Code: failed.Error.Code, Status: res.Status, RetryAfter: res.RetryAfter,
	})
}

func invalid(field, detail string) *bankmux.Error {
	return &bankmux.Error{Kind: bankmux.ErrInvalid, Field: field, Detail: detail, NotSent: true}
}
