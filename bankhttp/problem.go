package bankhttp

// This file turns errors into problem documents.

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/bankmux/bankmux"
)

// Problem is the body of every response that reports an error. A webhook delivery is the exception:
// package inbox has title and status alone for it. Problem is a problem document of RFC 9457, with
// the media type application/problem+json. Its texts are those of this package. They have nothing
// of a provider, of the request or of the store, so they may be shown and logged. Field may be a
// name that the request has, of at most 40 letters.
type Problem struct {
	// Type names the kind of problem by a URI, Kind by a word. Kind is a [bankmux.Kind] or one of
	// the kinds of this package, such as [KindNoUser]. The list may grow: treat a kind that you do
	// not know like [bankmux.ErrUnknown].
	Type   string       `json:"type"`
	Title  string       `json:"title"`
	Status int          `json:"status"` // of HTTP
	Detail string       `json:"detail"` // a sentence for the user
	Kind   bankmux.Kind `json:"kind"`
	// Code is one of the library's own codes, such as [bankmux.CodeCancelled], "" if there is none.
	// A provider's code is never sent.
	Code string `json:"code,omitempty"`
	// Field names what is wrong in a request, if a handler of this package refuses it with status
	// 400. It is a member of the body, "body" for all of it, or a query parameter, and never a
	// value. It is "" if the fault is elsewhere, such as in the configuration.
	Field       string `json:"field,omitempty"`
	Remedy      string `json:"remedy"`                // for the developer
	UserMustAct bool   `json:"user_must_act"`         // only the user can resolve it
	RetryAfter  int    `json:"retry_after,omitempty"` // seconds to wait, also in the header Retry-After
	// Challenge is the question of the bank, with [bankmux.ErrUserAction]. It is nil if there is
	// none.
	Challenge *Challenge `json:"challenge,omitempty"`
}

// The kinds of problems that this package has beside those of [bankmux.Kinds].
const (
	KindNoUser        bankmux.Kind = "no_user"            // 401: no user is logged in
	KindCrossOrigin   bankmux.Kind = "cross_origin"       // 403: a page of another site sent the request
	KindNoPath        bankmux.Kind = "no_path"            // 404: no handler has this path
	KindMethod        bankmux.Kind = "method_not_allowed" // 405: the header Allow has those that are
	KindSlowBody      bankmux.Kind = "body_too_slow"      // 408: the body did not arrive in time
	KindLargeBody     bankmux.Kind = "body_too_large"     // 413: the body is larger than the limit
	KindNotJSON       bankmux.Kind = "body_not_json"      // 415: the header says that the body is not plain JSON
	KindStore         bankmux.Kind = "store_unavailable"  // 503: the store is away, slow or full
	kindInternal      bankmux.Kind = "internal"           // 500: an error without a kind
	problemType                    = "https://github.com/bankmux/bankmux/blob/main/docs/http.md#"
	defaultRetryAfter              = 10 * time.Second
)

// row is what a kind becomes.
type row struct {
	status int
	title  string
	detail string
	remedy string // of a kind of this package, or where that of the kind does not fit a request
	retry  bool   // Retry-After is sent even if the error does not say how long
}

// The sentences that several kinds have.
const (
	ourFault  = "Something is wrong on our side. We are looking into it."
	tryLater  = "This does not work at the moment. Please try again later."
	linkAgain = "Please link your bank again."
)

// table has a row for every kind.
var table = map[bankmux.Kind]row{
	bankmux.ErrInvalid: {
		status: http.StatusBadRequest, title: "The request is invalid", detail: "This request cannot be used.",
	},
	bankmux.ErrCredentials: {
		status: http.StatusInternalServerError, title: "The provider rejects this application", detail: ourFault,
	},
	bankmux.ErrNotPermitted: {
		status: http.StatusInternalServerError, title: "The application may not do this", detail: ourFault,
	},
	bankmux.ErrQuota: {
		status: http.StatusInternalServerError, title: "The application's quota is used up", detail: ourFault,
	},
	bankmux.ErrReauth: {
		status: http.StatusConflict, title: "The bank wants a new login",
		detail: "Please renew the access to your bank.",
	},
	bankmux.ErrConsent: {
		status: http.StatusConflict, title: "The consent does not include this",
		detail: "Please renew the access to your bank and agree to this use.",
	},
	bankmux.ErrGone: {
		status: http.StatusGone, title: "The connection has ended", detail: linkAgain,
	},
	bankmux.ErrTokenSpent: {
		status: http.StatusConflict, title: "This attempt has ended",
		detail: "This attempt has ended. Please start again.",
	},
	bankmux.ErrUserAction: {
		status: http.StatusConflict, title: "The user must act", detail: "Your bank needs something from you.",
	},
	bankmux.ErrAnswerRejected: {
		status: http.StatusUnprocessableEntity, title: "The bank did not accept the answer",
		detail: "Your bank did not accept the answer. Please start again.",
	},
	bankmux.ErrChallengeExpired: {
		status: http.StatusConflict, title: "The question is no longer open",
		detail: "This question was answered, or the answer came too late. If something is missing, please start again.",
	},
	bankmux.ErrNotReady: {
		status: http.StatusServiceUnavailable, title: "This is not ready yet",
		detail: "This is still under way. Please try again in a moment.", retry: true, // a link, or the bank's data
		remedy: "wait for Retry-After, and send the same request again",
	},
	bankmux.ErrNotFound: {
		status: http.StatusNotFound, title: "There is no such thing", detail: "This does not exist.",
	},
	bankmux.ErrUnsupported: {
		status: http.StatusUnprocessableEntity, title: "No provider can do this",
		detail: "This is not possible for this bank or country.",
	},
	bankmux.ErrRateLimited: {
		status: http.StatusServiceUnavailable, title: "The provider limits the rate", detail: tryLater, retry: true,
	},
	bankmux.ErrInstitution: {
		status: http.StatusServiceUnavailable, title: "The bank is not available",
		detail: "Your bank is not available at the moment. Please try again later.", retry: true,
	},
	bankmux.ErrUnavailable: {
		status: http.StatusServiceUnavailable, title: "The provider is not available", detail: tryLater, retry: true,
	},
	bankmux.ErrMalformed: {
		status: http.StatusBadGateway, title: "The provider's response cannot be read", detail: tryLater,
	},
	bankmux.ErrCircuitOpen: {
		status: http.StatusServiceUnavailable, title: "The provider fails too often", detail: tryLater, retry: true,
	},
	bankmux.ErrOutcomeUnknown: {
		status: http.StatusBadGateway, title: "The outcome is not known",
		detail: "We do not know yet whether this worked. Please send the same form again.",
	},
	bankmux.ErrSeal: {
		status: http.StatusInternalServerError, title: "Stored data cannot be opened", detail: ourFault,
	},
	bankmux.ErrSignature: {
		status: http.StatusUnauthorized, title: "The origin is not proved", detail: "This request cannot be used.",
	},
	bankmux.ErrContextDone: {
		status: http.StatusGatewayTimeout, title: "The time is over", detail: tryLater, retry: true,
		remedy: "wait for Retry-After, and send the same request again; a longer Config.HandleFor may help",
	},
	bankmux.ErrApplication: {
		status: http.StatusInternalServerError, title: "The application failed", detail: ourFault,
	},
	bankmux.ErrUnknown: {
		status: http.StatusBadGateway, title: "The provider failed", detail: tryLater,
	},

	KindNoUser: {
		status: http.StatusUnauthorized, title: "No user is logged in",
		detail: "Please log in first.", remedy: "log the user in and send the request again",
	},
	KindCrossOrigin: {
		status: http.StatusForbidden, title: "Another site sent the request",
		detail: "This request came from another site.", remedy: "add the page's origin to Config.TrustedOrigins",
	},
	KindNoPath: {
		status: http.StatusNotFound, title: "There is no such path",
		detail: "This does not exist.", remedy: "see the paths of package bankhttp",
	},
	KindMethod: {
		status: http.StatusMethodNotAllowed, title: "The method is not allowed",
		detail: "This request cannot be used.", remedy: "use a method that the header Allow has",
	},
	KindSlowBody: {
		status: http.StatusRequestTimeout, title: "The body arrived too slowly",
		detail: "The connection is too slow. Please try again.", remedy: "send the request again",
	},
	KindLargeBody: {
		status: http.StatusRequestEntityTooLarge, title: "The body is too large",
		detail: "This request cannot be used.", remedy: "send a smaller body",
	},
	KindNotJSON: {
		status: http.StatusUnsupportedMediaType, title: "The body is not plain JSON",
		detail: "This request cannot be used.", remedy: "send Content-Type application/json without a content encoding",
	},
	KindStore: {
		status: http.StatusServiceUnavailable, title: "The database is not available", detail: tryLater,
		remedy: "send the same request again", retry: true,
	},
	kindInternal: {
		status: http.StatusInternalServerError, title: "An internal error", detail: ourFault,
		remedy: "see the application's log",
	},
}

// StatusOf returns the HTTP status for an error of a kind. A kind that it does not know is treated
// like [bankmux.ErrUnknown].
func StatusOf(kind bankmux.Kind) int { return rowOf(kind).status }

func rowOf(kind bankmux.Kind) row {
	if r, ok := table[kind]; ok {
		return r
	}
	return table[bankmux.ErrUnknown]
}

// ProblemOf returns the problem for an error, for handlers of the application's own. It depends on
// the kind, the library's own codes and the time to wait. An error without a kind is an internal
// one. The Challenge is nil, because a store must keep it first. err must not be nil.
func ProblemOf(err error) Problem {
	kind := kindOf(err)
	r := rowOf(kind)
	p := Problem{
		Type: problemType + string(kind), Title: r.title, Status: r.status, Detail: r.detail,
		Kind: kind, Remedy: r.remedy, UserMustAct: kind.UserMustAct(),
	}
	if p.Remedy == "" {
		p.Remedy = kind.Remedy()
	}
	var wait time.Duration
	if e := bankmux.ErrorOf(err); e != nil && e.Kind == kind {
		wait = e.RetryAfter
		if r.remedy == "" {
			p.Remedy = e.Remedy()
		}
		p.refine(e)
	}
	if wait == 0 && r.retry {
		wait = defaultRetryAfter
	}
	p.RetryAfter = int((wait + time.Second - 1) / time.Second)
	if wrong, ok := errors.AsType[*wrongField](err); ok && p.Status == http.StatusBadRequest {
		p.Field = wrong.name
	}
	return p
}

// kindOf returns the kind that decides. A failure of the store decides even inside another error.
func kindOf(err error) bankmux.Kind {
	if errors.Is(err, KindStore) {
		return KindStore
	}
	if kind, ok := errors.AsType[bankmux.Kind](err); ok {
		if e := bankmux.ErrorOf(err); e != nil {
			return e.Kind
		}
		return kind
	}
	return kindInternal
}

// refine applies what an error says beyond its kind.
func (p *Problem) refine(e *bankmux.Error) {
	switch {
	case e.Kind == bankmux.ErrInvalid && e.Code == bankmux.CodeOtherSession:
		p.Code, p.Status = e.Code, http.StatusConflict
		p.Detail = "This belongs to another attempt. Please finish it in the other tab."
	case e.Kind == bankmux.ErrInvalid && e.Code == bankmux.CodeOtherBank:
		p.Code, p.Status, p.UserMustAct = e.Code, http.StatusConflict, true
		p.Title = "The login is at another bank"
		p.Detail = "You logged in at another bank. Link it as a new one, or renew again at the same bank."
	case e.Kind == bankmux.ErrUserAction && e.Code == bankmux.CodeCancelled:
		p.Code, p.Detail = e.Code, "You left before the end. Start again whenever you like."
	case e.Kind == bankmux.ErrUserAction && e.Code == bankmux.CodeUserAbsent:
		p.Code = e.Code
	case e.Kind == bankmux.ErrUnknown && e.Affects() == bankmux.ScopeInstitution:
		p.Status, p.Detail = http.StatusServiceUnavailable, table[bankmux.ErrInstitution].detail
	}
}

// ServeHTTP writes the problem. It never stores or sniffs the response.
func (p Problem) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	p.setRetryAfter(w)
	write(w, p.Status, "application/problem+json", p)
}

// setRetryAfter sets the header Retry-After if there is a time to wait.
func (p *Problem) setRetryAfter(w http.ResponseWriter) {
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
}

// write writes a value as JSON.
func write(w http.ResponseWriter, status int, contentType string, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte("{}") // values of this package always encode
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}
