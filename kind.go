package bankmux

// This file has the kinds of error, with one row of a table for each.

import (
	"errors"
	"log/slog"
	"maps"
	"slices"
)

// Kind is the kind of an error, and says what to do about it. It is itself an error, so one
// constant serves errors.Is, a switch on [KindOf], a metric label and a log value. The list may
// grow. Treat a kind that you do not know like [ErrUnknown].
type Kind string

// The kinds. [Kind.Remedy] returns the remedy as text.
const (
	// ErrInvalid means that the call is wrong, such as a missing field or a payload of another
	// user. Nothing was changed. Fix the call.
	ErrInvalid Kind = "invalid_request"
	// ErrCredentials means that the provider rejects the application's own keys. Alert the
	// operator.
	ErrCredentials Kind = "credentials_rejected"
	// ErrNotPermitted means that a setting of the application at the provider forbids the call.
	ErrNotPermitted Kind = "not_permitted"
	// ErrQuota means that the application's plan is used up. Free or raise the quota.
	ErrQuota Kind = "quota_reached"
	// ErrReauth means that the user must log in again at the bank. Start a session with
	// [SessionRequest.Reconnect] set.
	ErrReauth Kind = "reauth_required"
	// ErrConsent means that the user did not agree to this product. Start a session with
	// [SessionRequest.Reconnect] set and with the product in [SessionRequest.Products].
	ErrConsent Kind = "consent_missing"
	// ErrGone means that the connection no longer exists. Link the bank again.
	ErrGone Kind = "connection_gone"
	// ErrTokenSpent means that the one-time token was used, has expired or was never valid. Start a
	// new session.
	ErrTokenSpent Kind = "token_spent"
	// ErrUserAction means that the user must act, or has ended the flow (Code "cancelled").
	ErrUserAction Kind = "user_action_required"
	// ErrAnswerRejected means that the bank did not accept the user's answer to a [Challenge]. Make
	// the call again without Answers. Do not send the same answer again.
	ErrAnswerRejected Kind = "answer_rejected"
	// ErrChallengeExpired means that the [Challenge] is no longer open. Make the call again without
	// Answers.
	ErrChallengeExpired Kind = "challenge_expired"
	// ErrNotReady means that the provider has not fetched the data from the bank yet. The data is
	// not empty. Start a refresh, wait for its end, and read again.
	ErrNotReady Kind = "not_ready"
	// ErrNotFound means that nothing has the given id or name.
	ErrNotFound Kind = "not_found"
	// ErrUnsupported means that the provider cannot do what was asked. It also matches
	// errors.ErrUnsupported.
	ErrUnsupported Kind = "unsupported"
	// ErrRateLimited means that there were too many calls. Wait for [Error.RetryAfter], if it is
	// set, and make the call again.
	ErrRateLimited Kind = "rate_limited"
	// ErrInstitution means that one bank is down or failing. Other banks are not affected.
	ErrInstitution Kind = "institution_unavailable"
	// ErrUnavailable means that the provider is down, cannot be reached or did not respond in time.
	ErrUnavailable Kind = "provider_unavailable"
	// ErrMalformed means that the provider's response cannot be read.
	ErrMalformed Kind = "malformed_response"
	// ErrCircuitOpen means that too many calls failed before. Nothing was sent.
	ErrCircuitOpen Kind = "circuit_open"
	// ErrOutcomeUnknown means that a one-shot was sent and no readable response came. Do not repeat
	// it. Find its outcome as [Error.FindOut] says.
	ErrOutcomeUnknown Kind = "outcome_unknown"
	// ErrSeal means that a sealed connection cannot be opened. It was changed, belongs to another
	// row, or was sealed under a key that is not in the keyring.
	ErrSeal Kind = "seal_invalid"
	// ErrSignature means that a webhook delivery does not prove its origin, or is too old. Reject
	// the delivery.
	ErrSignature Kind = "signature_invalid"
	// ErrContextDone means that the caller's context was cancelled or its deadline has passed.
	// errors.Is also finds context.Canceled or context.DeadlineExceeded.
	ErrContextDone Kind = "context_done"
	// ErrApplication means that the library called code of the application, and that code failed.
	// Examples are [SyncRequest.Known] and an interceptor. errors.Is and errors.As find the
	// application's error.
	ErrApplication Kind = "application_failed"
	// ErrUnknown means that the provider failed for a reason that the library does not know.
	ErrUnknown Kind = "unknown"
)

// kindRow is all that the library knows about a Kind.
type kindRow struct {
	sentence string // what happened, if the error has no detail
	remedy   string // what to do about it
	scope    Scope
	level    slog.Level
	state    State // of the connection after it, "" if it says nothing about the state
	again    Again // when a read is run again that ended in it
	class    class
}

// class is a set of properties of a Kind.
type class uint16

const (
	userTurn      class = 1 << iota // only the user at the front end can act on it
	temporary                       // the same call may succeed later
	noVerdict                       // it leaves open whether the provider carried the call out
	endsReading                     // the other accounts of the connection would fail too
	failover                        // another provider may do what this one could not
	uncounted                       // circuit breakers ignore it
	bankResponded                   // only a bank that works gives this response
	answerRefused                   // the user's answer was not accepted, so the user must be asked again
)

// kindTable has one row per Kind. A new Kind is a constant and a row here.
var kindTable = map[Kind]kindRow{
	ErrInvalid: {
		sentence: "the request was refused",
		remedy:   "fix the call",
		scope:    ScopeCall, level: slog.LevelWarn, again: againSlowly,
	},
	ErrCredentials: {
		sentence: "the application's credentials were refused",
		remedy:   "check the application's credentials with the provider",
		scope:    ScopeApp, level: slog.LevelError, again: againSlowly,
		class: endsReading,
	},
	ErrNotPermitted: {
		sentence: "the application may not do this",
		remedy:   "allow it in the application's settings at the provider",
		scope:    ScopeApp, level: slog.LevelError, again: againSlowly,
	},
	ErrQuota: {
		sentence: "the application's quota is used up",
		remedy:   "free or raise the application's quota at the provider",
		scope:    ScopeApp, level: slog.LevelError, again: againSlowly,
	},
	ErrReauth: {
		sentence: "the bank wants the user to log in again",
		remedy:   "send the user through the flow again with Reconnect set",
		scope:    ScopeConnection, level: slog.LevelWarn, state: StateReauth, again: againLogin,
		class: userTurn | endsReading | bankResponded,
	},
	ErrConsent: {
		sentence: "the user did not agree to this",
		remedy:   "start a reconnect session that asks for the product",
		scope:    ScopeConnection, level: slog.LevelWarn, again: againLogin,
		class: userTurn | endsReading,
	},
	ErrGone: {
		sentence: "the connection no longer exists",
		remedy:   "link the bank again",
		scope:    ScopeConnection, level: slog.LevelWarn, state: StateGone, again: againNever,
		class: userTurn | endsReading,
	},
	ErrTokenSpent: {
		sentence: "the token can no longer be used",
		remedy:   "start a new session",
		scope:    ScopeCall, level: slog.LevelWarn, again: againLogin,
		class: userTurn,
	},
	ErrUserAction: {
		sentence: "the user must act first",
		remedy:   "ask the user to act or to start again",
		scope:    ScopeCall, level: slog.LevelWarn, again: againPresent,
		class: userTurn | endsReading | bankResponded,
	},
	ErrAnswerRejected: {
		sentence: "the user's answer was not accepted",
		remedy:   "make the call again without Answers and ask the user again",
		scope:    ScopeCall, level: slog.LevelWarn, again: againPresent,
		class: userTurn | bankResponded | answerRefused,
	},
	ErrChallengeExpired: {
		sentence: "the challenge is no longer open",
		remedy:   "make the call again without Answers",
		scope:    ScopeCall, level: slog.LevelWarn, again: againPresent,
		class: userTurn | answerRefused,
	},
	ErrNotReady: {
		sentence: "the provider has not fetched this yet",
		remedy:   "refresh, wait for its end, and read again",
		scope:    ScopeConnection, level: slog.LevelWarn, again: againSoon,
	},
	ErrNotFound: {
		sentence: "the provider does not know this",
		remedy:   "check the identifier",
		scope:    ScopeCall, level: slog.LevelWarn, again: againSlowly,
	},
	ErrUnsupported: {
		sentence: "the provider cannot do this",
		remedy:   "choose another provider for this",
		scope:    ScopeCall, level: slog.LevelWarn, again: againNever,
		class: endsReading | failover,
	},
	ErrRateLimited: {
		sentence: "too many requests were made",
		remedy:   "wait and repeat",
		scope:    ScopeApp, level: slog.LevelWarn, again: againSoon,
		class: temporary | endsReading | failover | uncounted,
	},
	ErrInstitution: {
		sentence: "the bank is not available",
		remedy:   "repeat later; only this bank is affected",
		scope:    ScopeInstitution, level: slog.LevelWarn, again: againSoon,
	},
	ErrUnavailable: {
		sentence: "the provider is not available",
		remedy:   "repeat later or choose another provider",
		scope:    ScopeProvider, level: slog.LevelWarn, again: againSoon,
		class: temporary | noVerdict | failover,
	},
	ErrMalformed: {
		sentence: "the response cannot be read",
		remedy:   "repeat later and report it to the provider",
		scope:    ScopeProvider, level: slog.LevelError, again: againSlowly,
		class: noVerdict | failover,
	},
	ErrCircuitOpen: {
		sentence: "too many calls failed",
		remedy:   "wait for the provider to recover or choose another",
		scope:    ScopeProvider, level: slog.LevelWarn, again: againSoon,
		class: endsReading | failover | uncounted,
	},
	ErrOutcomeUnknown: {
		sentence: "the request was sent and no readable response came",
		remedy:   "look up the outcome before doing anything again",
		scope:    ScopeCall, level: slog.LevelWarn, again: againSlowly,
		class: noVerdict,
	},
	ErrSeal: {
		sentence: "what was sealed cannot be opened",
		remedy:   "check the key, the row and its owner; link the bank again if it is lost",
		scope:    ScopeCall, level: slog.LevelWarn, again: againSlowly,
	},
	ErrSignature: {
		sentence: "nothing proves that the provider sent this",
		remedy:   "refuse the delivery",
		scope:    ScopeCall, level: slog.LevelWarn, again: againSlowly,
	},
	ErrContextDone: {
		sentence: "the call was cut short",
		remedy:   "use a longer deadline",
		scope:    ScopeCall, level: slog.LevelWarn, again: againCaller,
		class: noVerdict | endsReading | failover,
	},
	ErrApplication: {
		sentence: "code of the application failed",
		remedy:   "see the cause, which is an error of the application's own code",
		scope:    ScopeCall, level: slog.LevelError, again: againCaller,
		class: noVerdict | uncounted,
	},
	ErrUnknown: {
		sentence: "the provider failed and did not say why",
		remedy:   "read Code and ask the provider",
		scope:    ScopeCall, level: slog.LevelError, again: againSlowly,
		class: noVerdict,
	},
}

// row returns the row of the kind. A kind without one reads like ErrUnknown and has no class.
func (k Kind) row() kindRow {
	if row, ok := kindTable[k]; ok {
		return row
	}
	unknown := kindTable[ErrUnknown]
	return kindRow{
		sentence: unknown.sentence, remedy: unknown.remedy, scope: unknown.scope, level: slog.LevelWarn,
		again: unknown.again,
	}
}

// is reports whether the kind has all the given properties.
func (k Kind) is(c class) bool { return k.row().class&c == c }

// sentence says what happened, if an error of this kind has no detail.
func (k Kind) sentence() string { return k.row().sentence }

// Kinds returns every kind, in no particular order.
func Kinds() []Kind { return slices.Collect(maps.Keys(kindTable)) }

// Error returns the kind's name.
func (k Kind) Error() string { return string(k) }

// Is makes [ErrUnsupported] match errors.ErrUnsupported.
func (k Kind) Is(target error) bool {
	return k == ErrUnsupported && target == errors.ErrUnsupported
}

// Remedy says in a few words what to do about an error of this kind.
func (k Kind) Remedy() string { return k.row().remedy }

// UserMustAct reports whether only the user at the front end can resolve an error of this kind.
func (k Kind) UserMustAct() bool { return k.is(userTurn) }

// Temporary reports whether the same call may succeed later, after [Error.RetryAfter] if that is
// set. [Error.Repeatable] reports whether the call may be sent again.
func (k Kind) Temporary() bool { return k.is(temporary) }

// State returns the state of a connection after a call on it ended in an error of this kind. It is
// "" for the kinds that leave the state as it was.
func (k Kind) State() State { return k.row().state }

// LogLevel returns the level at which to log an error of this kind: [slog.LevelError] if an
// operator or developer must act, else [slog.LevelWarn].
func (k Kind) LogLevel() slog.Level { return k.row().level }

// Counted reports whether circuit breakers count a call that ends in an error of this kind. They
// ignore the others, which show neither that the provider works nor that it fails.
func (k Kind) Counted() bool { return !k.is(uncounted) }

// BankResponded reports whether an error of this kind shows that the bank was reached and works.
func (k Kind) BankResponded() bool { return k.is(bankResponded) }

// KindOf returns the kind of the first [*Error] or Kind in the tree of err. It returns "" for nil,
// and [ErrUnknown] for an error of other code.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	if k, ok := errors.AsType[Kind](err); ok {
		return k
	}
	return ErrUnknown
}

// Scope says what an error affects.
type Scope string

// The scopes, from the narrowest to the widest.
const (
	ScopeCall        Scope = "call"        // this call only
	ScopeConnection  Scope = "connection"  // one user at one bank
	ScopeInstitution Scope = "institution" // one bank
	ScopeApp         Scope = "app"         // everything under these credentials
	ScopeProvider    Scope = "provider"    // the provider as a whole
)

// Scope returns the scope of an error of this kind, unless [Error.Scope] names another.
func (k Kind) Scope() Scope { return k.row().scope }
