package moneykit

// This file decodes MoneyKit's responses and turns failures into errors.

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/moneykit"
)

// codeExpired is the one 401 that a new token repairs.
const codeExpired = "api_error.auth.expired_access_token"

// expired reports whether the access token had expired when the request arrived.
func expired(err error) bool {
	e := bankmux.ErrorOf(err)
	return e != nil && e.Code == codeExpired && e.Status == http.StatusUnauthorized
}

// envelope is the part that decides, in the body of every documented error.
type envelope struct {
	ErrorCode     string `json:"error_code"`
	LinkErrorCode string `json:"link_error_code"`
}

// explained is the part of it that is only shown.
type explained struct {
	Documentation    string  `json:"documentation_url"`
	ValidationErrors []fault `json:"validation_errors"`
}

// fault says where a request is wrong. The location has names and positions.
type fault struct {
	Location []wire.Text `json:"location"`
}

// read decodes a success into out, or turns a failure into an error. Success is any 2xx: 201 and
// 204 are documented where 200 might be expected.
func read(res *rest.Response, out any) error {
	if res.Status/100 == 2 {
		if _, deleted := out.(*deletedLink); deleted {
			return nothing(res)
		}
		if err := res.Decode(out); err != nil {
			return err
		}
		return res.Require(out)
	}
	body, more := rest.Try[envelope](res), rest.Try[explained](res)
	e := model.Error(normalize.Failure{
		Endpoint: res.Endpoint(), Code: body.ErrorCode, Status: res.Status, RetryAfter: res.RetryAfter,
	}, body.LinkErrorCode)
	e.Docs = normalize.DocsURL(more.Documentation, "moneykit.com")
	if e.Kind == bankmux.ErrInvalid {
		e.Field = location(more.ValidationErrors)
	}
	return e
}

// nothing reads a response that may be empty: 204 as documented, an object without members, or the
// link. Anything else, such as the page of a proxy, is not a success.
func nothing(res *rest.Response) error {
	if res.Status == http.StatusNoContent {
		return nil
	}
	var members map[string]struct{}
	if err := res.Decode(&members); err != nil {
		return err
	}
	if _, link := members["link_id"]; len(members) > 0 && !link {
		return res.Lacks("link_id")
	}
	return nil
}

// location returns where a request is wrong, such as body.customer_user.id, or "" if the response
// does not say.
func location(faults []fault) string {
	if len(faults) == 0 {
		return ""
	}
	names := make([]string, 0, len(faults[0].Location))
	for _, name := range faults[0].Location {
		names = append(names, normalize.CleanCode(string(name)))
	}
	return strings.Join(names, ".")
}

// alive refuses the data of a deleted link, which MoneyKit may still serve.
func alive(l *linkData) error {
	if l != nil && l.State == stateDeleted {
		return &bankmux.Error{
			Kind:   bankmux.ErrGone,
			Code:   stateDeleted,
			Status: http.StatusOK,
			Detail: "the link was deleted",
		}
	}
	return nil
}

// fetched refuses a response about a product that was never fetched, if the link says so.
func fetched(l *linkData, product string) error {
	if l == nil || l.Products == nil || product == "" {
		return nil
	}
	p, present := l.Products[product]
	switch {
	case p == nil && present:
		return &bankmux.Error{
			Kind:   bankmux.ErrConsent,
			Status: http.StatusOK,
			Detail: "the user did not grant access to the " + inWords(product),
		}
	case p == nil || p.RefreshedAt != "" || p.odd:
		return nil
	case p.ErrorCode != "":
		e := model.ProductErrors().Error(normalize.Failure{Code: p.ErrorCode, Status: http.StatusOK})
		e.Detail = "the " + inWords(product) + " could not be fetched"
		return e
	}
	return &bankmux.Error{
		Kind:   bankmux.ErrNotReady,
		Status: http.StatusOK,
		Detail: "the " + inWords(product) + " " + was(product) + " not fetched yet",
	}
}

// inWords is the name of a product in words.
func inWords(product string) string { return strings.ReplaceAll(product, "_", " ") }

// was is the verb of a product: accounts were, identity was.
func was(product string) string {
	if strings.HasSuffix(product, "s") {
		return "were"
	}
	return "was"
}

// asOf is when a product was fetched.
func asOf(l *linkData, product string) time.Time {
	if l == nil || l.Products[product] == nil {
		return time.Time{}
	}
	at, _ := normalize.Timestamp(l.Products[product].RefreshedAt)
	return at
}

// linkResponse is a response about one link.
type linkResponse interface {
	link() *linkData
	product() string // "" if the caller checks the product
	data() bool      // whether it has data
}

// linked is in every response with data of one link.
type linked struct {
	Link *linkData `json:"link"`
}

func (l *linked) link() *linkData { return l.Link }

// The members that a response must have, where tags cannot say it: see [wire.Required].

func (r *keysResponse) Lacks() string { return wire.Need(len(r.Keys) > 0, "keys") }

func (r *exchangeResponse) Lacks() string {
	switch {
	case r.Link == nil:
		return "link"
	case r.Link.LinkTags == nil: // they say whose link it is
		return "link.link_tags"
	}
	return wire.Need(r.Link.LinkID != "" || r.LinkID != "", "link.link_id")
}

func (l *changedLink) Lacks() string { return wire.Need(l.LinkID != "", "link_id") }

// Lacks accepts a response without both members, which are optional. A response that has other
// members alone is of another kind.
func (r *linksResponse) Lacks() string {
	return wire.Need(r.Links.Found || r.NextCursor.Found || len(r.Others) == 0, "links")
}

func (r *accountResponse) Lacks() string {
	return wire.Need(r.Account.Value.AccountID != "", "account")
}

func (r *syncResponse) Lacks() string {
	t := &r.Transactions
	return wire.Need(t.Created.Present || t.Updated.Present || t.Removed.Present, "transactions")
}

// The product that a response is about, by its name in the link.

func (r *accountsResponse) product() string     { return "" }
func (r *numbersResponse) product() string      { return "account_numbers" }
func (r *identityResponse) product() string     { return "identity" }
func (r *transactionsResponse) product() string { return "transactions" }
func (r *syncResponse) product() string         { return "transactions" }
func (r *holdingsResponse) product() string     { return "investments" }
func (r *investmentsResponse) product() string  { return "investments" }

// Whether a response has data. Data were fetched and granted, whatever the link says about the
// product.

func (r *accountsResponse) data() bool { return r.Accounts.Len() > 0 }

func (r *transactionsResponse) data() bool { return r.Transactions.N > 0 }

func (r *holdingsResponse) data() bool { return r.Holdings.Len() > 0 }

func (r *investmentsResponse) data() bool { return r.Transactions.Len() > 0 }

// Accounts are listed even without numbers and owners, so they are not data here.

func (r *numbersResponse) data() bool {
	return len(r.Accounts.Bad) > 0 || slices.ContainsFunc(r.Accounts.Rows, func(acc accountNumbers) bool {
		n := &acc.Numbers
		return n.ACH.Len()+n.EFT.Len()+n.BACS.Len()+n.International.Len() > 0
	})
}

func (r *identityResponse) data() bool {
	return len(r.Accounts.Bad) > 0 ||
		slices.ContainsFunc(r.Accounts.Rows, func(acc accountOwners) bool { return acc.Owners.Len() > 0 })
}

func (r *syncResponse) data() bool {
	t := &r.Transactions
	return t.Created.N+t.Updated.N+t.Removed.Len() > 0 || r.HasMore.Value
}
