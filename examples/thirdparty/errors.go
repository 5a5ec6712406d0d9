package pelican

import (
	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// catalogue says what Pelican's errors mean (its page "Errors"). A row is for a code, for a code at
// one endpoint, or for each code of a class that has no row of its own.
var catalogue = normalize.NewCatalogue(
	normalize.Row{Code: "bad_key", Kind: bankmux.ErrCredentials, Detail: "the key is refused"},
	normalize.Row{Code: "too_many_calls", Kind: bankmux.ErrRateLimited, Detail: "too many calls were made"},
	normalize.Row{Code: "code_used", Kind: bankmux.ErrTokenSpent, Detail: "the code was used or is wrong"},
	normalize.Row{Code: "consent_ended", Kind: bankmux.ErrReauth, Detail: "the consent ended"},
	normalize.Row{Code: "grant_gone", Kind: bankmux.ErrGone, Detail: "the grant is gone"},
	normalize.Row{Code: "not_found", Kind: bankmux.ErrNotFound, Detail: "there is no such account"},
	normalize.Row{Code: "not_found", Endpoint: "POST /flows", Kind: bankmux.ErrGone, Detail: "the grant to renew is gone"},
	normalize.Row{Class: "bank", Kind: bankmux.ErrInstitution, Detail: "the bank is not available"},
)
