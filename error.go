package bankmux

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/bankmux/bankmux/internal/plain"
)

// Error is the error of the functions of this package. errors.Is finds its [Kind] and its cause:
//
//	if errors.Is(err, bankmux.ErrReauth) { … }
//	if e, ok := errors.AsType[*bankmux.Error](err); ok { wait(e.RetryAfter) }
//
// Its text and its JSON have no body, no URL with a query, no token and no personal data. So they
// may be logged and shown to operators. Do not change an Error that was returned.
type Error struct {
	Kind  Kind  `json:"kind"`
	Scope Scope `json:"scope,omitempty"` // "" means the scope of the Kind

	Provider   string `json:"provider,omitempty"`   // adapter, such as "dapi"
	Client     string `json:"client,omitempty"`     // registered name of the client
	Op         string `json:"op,omitempty"`         // operation, such as [OpExchangeToken]
	Connection string `json:"connection,omitempty"` // [Connection.ID], if the call concerned a connection

	Field  string `json:"field,omitempty"`  // what is wrong in the call, such as "SessionRequest.User"
	Detail string `json:"detail,omitempty"` // what happened, in the library's words

	// the provider's own code, verbatim; the text of the error has it if it looks like a code
	Code string `json:"code,omitempty"`
	// page of the provider's documentation about it, if the provider names one
	Docs       string        `json:"docs,omitempty"`
	Status     int           `json:"status,omitempty"`      // HTTP status, 0 if there was no response
	RequestID  string        `json:"request_id,omitempty"`  // the provider's id of the call, if it gives one
	RetryAfter time.Duration `json:"retry_after,omitempty"` // how long the provider asks to wait, 0 if it does not say

	// NotSent says that the operation certainly never reached the provider. For example, the client
	// rejected it, there was no network connection, or the circuit was open.
	NotSent bool `json:"not_sent,omitempty"`
	// Lost says that an earlier attempt of the call was sent and got no readable response. So the
	// outcome is unknown, whatever the last attempt ended in. Reads never have it.
	Lost bool `json:"lost,omitempty"`
	// Unlisted says that the adapter's table of errors knows neither the provider's code nor its
	// class. Kind comes from the HTTP status then. Such a call is never repeated automatically.
	Unlisted bool `json:"unlisted,omitempty"`

	// FindOut comes with [ErrOutcomeUnknown] and names the call that reveals the outcome. Do not
	// repeat the lost call in any other way.
	FindOut string `json:"find_out,omitempty"`

	// Challenge is the bank's question to the user, with [ErrUserAction]. It is nil if there is
	// none. It may hold account data, so the JSON of an error leaves it out: marshal it by itself.
	Challenge *Challenge `json:"-"`

	Err error `json:"-"` // cause, free of URLs, bodies and secrets
}

// The longest detail and cause in the text of an error, in bytes.
const (
	maxDetail = 1 << 10
	maxCause  = 8 << 10
)

// clean escapes what a log line cannot have, and removes URLs from the cause. An adapter's code and
// words pass through it, so JSON and logs of single fields are as safe as the text of the error.
func (e *Error) clean() {
	e.Err = withoutURL(e.Err)
	e.Code, e.RequestID = plain.Line(plain.Cut(e.Code, maxDetail)), plain.Line(plain.Cut(e.RequestID, maxDetail))
	e.Field, e.Detail = plain.Line(plain.Cut(e.Field, maxDetail)), plain.Line(plain.Cut(e.Detail, maxDetail))
}

// Error returns one line: the client, the operation, the kind, what happened, and the remedy. If
// Detail starts with a verb, Field is its subject: "invalid_request: SessionRequest.User is empty".
// Text from outside is quoted or escaped. A server could send a token as a Code. So a Code of more
// than eight bytes that does not look like a code is cut to its first four.
func (e *Error) Error() string {
	var b strings.Builder
	subject, detail := e.sentence()
	for _, part := range []string{e.Client, e.Op} {
		if part != "" {
			b.WriteString(plain.Line(part))
			b.WriteString(": ")
		}
	}
	b.WriteString(plain.Line(string(e.Kind)) + ": ")
	var facts []string
	switch {
	case subject:
		b.WriteString(plain.Line(e.Field) + " ")
	case e.Field != "":
		facts = append(facts, "field "+plain.Word(e.Field))
	}
	b.WriteString(plain.Line(plain.Cut(detail, maxDetail)))
	if e.Status != 0 {
		facts = append(facts, "HTTP "+strconv.Itoa(e.Status))
	}
	if e.Code != "" {
		facts = append(facts, plain.Code(e.Code))
	}
	if e.Connection != "" {
		facts = append(facts, "connection "+plain.Word(e.Connection))
	}
	if e.RequestID != "" {
		facts = append(facts, "request "+plain.Word(e.RequestID))
	}
	if e.RetryAfter > 0 {
		facts = append(facts, "retry after "+plain.Duration(e.RetryAfter))
	}
	if len(facts) > 0 {
		b.WriteString(" (" + strings.Join(facts, ", ") + ")")
	}
	b.WriteString("; " + e.Remedy())
	if e.FindOut != "" {
		b.WriteString(": " + plain.Line(e.FindOut))
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(plain.Line(plain.Cut(e.cause(), maxCause)))
	}
	return b.String()
}

// sentence returns what happened, and whether Field is the subject of it.
func (e *Error) sentence() (subject bool, detail string) {
	detail = e.Detail
	if detail == "" {
		return false, e.Kind.sentence()
	}
	verb, _, _ := strings.Cut(detail, " ")
	switch verb {
	case "is",
		"are",
		"has",
		"have",
		"had",
		"was",
		"were",
		"lacks",
		"lack",
		"names",
		"gives",
		"begins",
		"starts",
		"differ",
		"differs",
		"belongs",
		"expired",
		"cannot",
		"lost",
		"holds",
		"ends",
		"repeats",
		"does",
		"must",
		"needs",
		"failed",
		"of":
		return e.Field != "", detail
	}
	return e.Field != "" && detail[0] == '"', detail // a value of the field
}

// cause returns the text of the cause. The cause of an [ErrApplication] may be an [*Error] of
// another call. The remedy of that is left out.
func (e *Error) cause() string {
	text := e.Err.Error()
	if e.Kind != ErrApplication {
		return text
	}
	for _, k := range Kinds() {
		text = strings.ReplaceAll(text, "; "+k.Remedy(), "")
	}
	return text
}

// Unwrap returns the Kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// Affects returns the scope of the error: Scope, or that of the Kind.
func (e *Error) Affects() Scope {
	if e.Scope != "" {
		return e.Scope
	}
	return e.Kind.Scope()
}

// Remedy says in a few words what to do. Some codes have a remedy of their own. Otherwise it is
// that of the Kind.
func (e *Error) Remedy() string {
	switch {
	case e.Kind == ErrInvalid && e.Code == CodeOtherSession:
		return "post it with the session it belongs to"
	case e.Kind == ErrInvalid && e.Code == CodeOtherBank:
		return "offer a new link, or the reconnect again"
	case e.Kind == ErrUserAction && e.Code == CodeUserAbsent:
		return "make the call again when the user is there"
	}
	return e.Kind.Remedy()
}

// UserMustAct reports whether only the user at the front end can resolve the error.
func (e *Error) UserMustAct() bool {
	return e.Kind.UserMustAct() || e.Kind == ErrInvalid && e.Code == CodeOtherBank
}

// Repeatable reports whether a call of the given effect may be sent again unchanged, and may
// succeed then. Wait for [Error.RetryAfter] first, if that is set. A one-shot is repeatable only if
// it was certainly not sent.
func (e *Error) Repeatable(effect Effect) bool {
	if e.Unlisted || (effect == OneShot && !e.NotSent) {
		return false
	}
	return e.Kind.Temporary()
}

// outcomeKnown reports whether the outcome of the call is known.
func (e *Error) outcomeKnown() bool {
	if e.Kind == ErrOutcomeUnknown || e.Lost {
		return false
	}
	return e.NotSent || e.Code != "" || !e.Kind.is(noVerdict)
}

// ErrorOf returns the first [*Error] in the tree of err, or nil if it holds none. It is
// errors.AsType for adapters and interceptors, with one result.
func ErrorOf(err error) *Error {
	e, _ := errors.AsType[*Error](err)
	return e
}

// OutcomeKnown reports whether it is certain what the provider did. It is true if there is no
// error, if the call was not sent, and if the provider refused it. It is false after a timeout, a
// cut connection or an unreadable response. The same holds if that happened to an earlier attempt
// of the call ([Error.Lost]).
func OutcomeKnown(err error) bool {
	if err == nil {
		return true
	}
	e, ok := errors.AsType[*Error](err)
	return ok && e.outcomeKnown()
}

// MarkUnknown makes an [ErrOutcomeUnknown] of the error of a one-shot, if the outcome is unknown
// ([OutcomeKnown]). The new error has [Op.FindOut], and errors.Is finds the given error in it.
// MarkUnknown returns any other error unchanged. That includes an [ErrOutcomeUnknown] that has a
// FindOut already. It is for interceptors that decide about retries, such as those of package
// guard.
func (op *Op) MarkUnknown(err error) error {
	e := ErrorOf(err)
	if op.Effect != OneShot || OutcomeKnown(err) || e != nil && e.Kind == ErrOutcomeUnknown && e.FindOut != "" {
		return err // an adapter may have named what is unknown, such as the renewal of a token
	}
	unknown := Error{Err: err}
	if e != nil {
		cause := *e
		cause.Client, cause.Op, cause.Connection = "", "", "" // the outer error has them
		unknown = *e
		unknown.Err = &cause
	}
	unknown.Kind, unknown.Scope, unknown.Unlisted = ErrOutcomeUnknown, ScopeCall, false
	unknown.FindOut, unknown.RetryAfter = op.FindOut, 0
	unknown.Detail = "the request was sent and no readable response arrived"
	return &unknown
}

// invalid returns the error for a call that is rejected before anything is sent.
func invalid(field, detail string) *Error {
	return &Error{Kind: ErrInvalid, Field: field, Detail: detail, NotSent: true}
}
