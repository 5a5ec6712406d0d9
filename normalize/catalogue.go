package normalize

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/bankmux/bankmux"
)

// Row says what one code of a provider means, or every other code of one class. It is for failures
// that have all that it names: Code or Class must be given, what else is zero matches any.
type Row struct {
	Code     string // the provider's code
	Class    string // the provider's class of codes, such as Plaid's error_type
	Endpoint string // where the code means something else, such as "POST /links/{id}/products"
	Status   int    // HTTP status under which the code means something else

	Kind bankmux.Kind // what to do about it
	// Scope is what it counts against, "" for the scope of the Kind. [bankmux.ScopeInstitution]
	// counts against the bank, [bankmux.ScopeProvider] against the provider, others against none.
	Scope  bankmux.Scope
	Detail string // what happened, in our words
}

// rowKey is what a row names, or what a failure has.
type rowKey struct {
	code, class, endpoint string
	status                int
}

// The parts of a key, by how much each weighs: a row wins over another that names lighter parts.
const (
	byStatus = 1 << iota
	byClass
	byEndpoint
	byCode
	byAll = byCode | byEndpoint | byClass | byStatus
)

// only returns the key with nothing but the given parts.
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

// NewCatalogue makes a table. It panics on two rows for the same code, class, endpoint and status,
// and on a row that has neither code nor class, or no kind, so that a mistake shows at start-up.
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

// Rows returns the table in the order it was written.
func (c *Catalogue) Rows() []Row { return slices.Clone(c.rows) }

// Failure is what a provider said went wrong.
type Failure struct {
	Endpoint   string // that was called, as the rows write it
	Code       string // "" where the answer had none
	Class      string // the class of the code, "" where the provider has none
	Status     int    // 0 where there is none
	RetryAfter time.Duration
	RequestID  string
}

// Error classifies a failure by the most specific row, else by its status:
//
//   - A row with the code wins over rows with the class alone: the code says more.
//   - Of the rows with the same code, or of the class, one for the endpoint wins, then one for the
//     class, then one for the status.
//   - A code without a row has the kind of its class.
//   - If neither has a row, the status decides, see [ByStatus], and the error is Unlisted.
//
// What a class decides is not Unlisted: the table says what every code of the class means. The
// error's Code is the provider's code, or the class where the answer has no code.
func (c *Catalogue) Error(f Failure) *bankmux.Error {
	e := &bankmux.Error{
		Code: CleanCode(
			cmp.Or(f.Code, f.Class),
		),
		Status:     f.Status,
		RetryAfter: f.RetryAfter,
		RequestID:  CleanCode(f.RequestID),
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

// ByStatus classifies an answer that says nothing but its HTTP status. 0 is [bankmux.ErrUnknown].
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

// CleanCode returns a provider's code as it may be shown and logged: at most
// 100 letters, digits and _ . : - / in their order. Anything else becomes "unreadable", for a
// broken or hostile answer could put a secret there.
func CleanCode(code string) string {
	if len(code) > 100 {
		return "unreadable"
	}
	for _, c := range []byte(code) {
		switch {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case c == '_', c == '.', c == ':', c == '-', c == '/':
		default:
			return "unreadable"
		}
	}
	return code
}
