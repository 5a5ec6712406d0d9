package normalize

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/bankmux/bankmux"
)

// Row says what one code of a provider means, or what all codes of one class mean that have no row.
// A failure matches if it has everything that the row names. Code or Class is required; zero fields
// match anything.
type Row struct {
	Code     string // the provider's code
	Class    string // the provider's class of codes, such as Plaid's error_type
	Endpoint string // restricts the row to an endpoint, such as "POST /links/{id}/products"
	Status   int    // restricts the row to an HTTP status

	Kind bankmux.Kind // what to do about it
	// Scope is what the failure counts against, "" for the scope of the Kind.
	// [bankmux.ScopeInstitution] counts against the bank and [bankmux.ScopeProvider] against the
	// provider. Other scopes count against neither.
	Scope  bankmux.Scope
	Detail string // what happened, without text of the provider
}

// rowKey is what a row names, or what a failure has.
type rowKey struct {
	code, class, endpoint string
	status                int
}

// The parts of a key, by weight. A row wins over rows that name lighter parts.
const (
	byStatus = 1 << iota
	byClass
	byEndpoint
	byCode
	byAll = byCode | byEndpoint | byClass | byStatus
)

// only returns the key with the given parts alone.
func (k rowKey) only(parts int) rowKey {
	if parts&byCode == 0 {
		k.code = ""
	}
	if parts&byEndpoint == 0 {
		k.endpoint = ""
	}
	if parts&byClass == 0 {
		k.class = ""
	}
	if parts&byStatus == 0 {
		k.status = 0
	}
	return k
}

// Catalogue is a provider's error table. It is immutable and safe for concurrent use.
type Catalogue struct {
	rows  []Row
	byKey map[rowKey]Row
}

// NewCatalogue makes a table. It panics on two rows with the same code, class, endpoint and status.
// It also panics on a row without code and class, or without kind. So a mistake is found when the
// program starts.
func NewCatalogue(rows ...Row) *Catalogue {
	c := &Catalogue{rows: slices.Clone(rows), byKey: make(map[rowKey]Row, len(rows))}
	for _, r := range rows {
		key := rowKey{r.Code, r.Class, r.Endpoint, r.Status}
		if _, dup := c.byKey[key]; dup || (r.Code == "" && r.Class == "") || r.Kind == "" {
			panic(fmt.Sprintf("normalize: error table: row %q is doubled or incomplete", cmp.Or(r.Code, r.Class)))
		}
		c.byKey[key] = r
	}
	return c
}

// Rows returns the table in its written order.
func (c *Catalogue) Rows() []Row { return slices.Clone(c.rows) }

// Failure is what a provider said about a failed call.
type Failure struct {
	Endpoint   string // the endpoint called, as the rows write it
	Code       string // "" if the response had none
	Class      string // the class of the code, "" if the provider has none
	Status     int    // 0 if there is none
	RetryAfter time.Duration
	RequestID  string // one of more than 40 bytes may be a token, and becomes "unreadable"
}

// Error classifies a failure by the most specific row, or else by its status:
//
//   - A row with the code wins over rows with the class alone, since the code says more.
//   - Of several rows for the code or class, one for the endpoint wins. Next wins one for the
//     class, then one for the status.
//   - A code without a row has the kind of its class.
//   - If neither has a row, the status decides ([ByStatus]). The error is then Unlisted if the
//     response has a code or class.
//
// An error decided by a class is not Unlisted, since the table says what every code of the class
// means. The error's Code is the provider's code, or the class if the response has no code.
func (c *Catalogue) Error(f Failure) *bankmux.Error {
	e := &bankmux.Error{
		Code:       CleanCode(cmp.Or(f.Code, f.Class)),
		Status:     f.Status,
		RetryAfter: f.RetryAfter,
		RequestID:  requestID(f.RequestID),
	}
	said := rowKey{f.Code, f.Class, f.Endpoint, f.Status}
	for parts := byAll; parts > 0; parts-- {
		if r, ok := c.byKey[said.only(parts)]; ok {
			e.Kind, e.Scope, e.Detail = r.Kind, r.Scope, r.Detail
			return e
		}
	}
	e.Kind, e.Unlisted = ByStatus(f.Status), e.Code != ""
	return e
}

// requestID returns the provider's id of a call in a form that may be logged. A server could send a
// token there. Ids of calls have the length of a UUID or less, and most tokens are longer.
func requestID(id string) string {
	const longest = 40
	if len(id) > longest {
		return unreadable
	}
	return CleanCode(id)
}

// unreadable stands for a code or an id that cannot be shown.
const unreadable = "unreadable"

// ByStatus returns the kind of a failure from its HTTP status alone. 0 is [bankmux.ErrUnknown].
func ByStatus(status int) bankmux.Kind {
	switch {
	case status == 0:
		return bankmux.ErrUnknown
	case status < 400:
		return bankmux.ErrMalformed // a redirect is never followed
	case status >= 500, status == http.StatusRequestTimeout:
		return bankmux.ErrUnavailable
	}
	switch status {
	case http.StatusUnauthorized:
		return bankmux.ErrCredentials
	case http.StatusForbidden:
		return bankmux.ErrNotPermitted
	case http.StatusNotFound:
		return bankmux.ErrNotFound
	case http.StatusGone:
		return bankmux.ErrGone
	case http.StatusTooManyRequests:
		return bankmux.ErrRateLimited
	}
	return bankmux.ErrInvalid
}

// CleanCode returns a provider's code in a form that may be shown and logged: at most 100 letters,
// digits and _ . : - /. Anything else becomes "unreadable", because a broken or hostile response
// could contain a secret.
func CleanCode(code string) string {
	if len(code) > 100 {
		return unreadable
	}
	for _, c := range []byte(code) {
		switch {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case c == '_', c == '.', c == ':', c == '-', c == '/':
		default:
			return unreadable
		}
	}
	return code
}
