package bankmux

import "errors"

// Kind says what to do about an error. It is itself an error, so the same
// constant serves errors.Is, a switch on [KindOf], a metric label and a log value.
// The list may grow; treat an unknown Kind like [ErrUnknown].
type Kind string

// The kinds. The comment of each gives its remedy; [Kind.Remedy] gives it as text.
const (
	// ErrInvalid: the call itself is wrong (a missing field, a payload of another
	// user). Fix the call; nothing was changed.
	ErrInvalid Kind = "invalid_request"
	// ErrCredentials: the provider rejects the application's own keys. Page the operator.
	ErrCredentials Kind = "credentials_rejected"
	// ErrNotPermitted: a setting of the application at the provider forbids it.
	ErrNotPermitted Kind = "not_permitted"
	// ErrQuota: the application's plan is used up. Free or raise the quota.
	ErrQuota Kind = "quota_reached"
	// ErrReauth: the bank wants the user to log in again. Send the user through
	// the flow with [SessionRequest.Reconnect] set.
	ErrReauth Kind = "reauth_required"
	// ErrConsent: the user never agreed to this product. Ask with a new session
	// that reconnects and names the product.
	ErrConsent Kind = "consent_missing"
	// ErrGone: the connection no longer exists. Link anew.
	ErrGone Kind = "connection_gone"
	// ErrTokenSpent: the one-time token was used, expired or never valid. Start a new session.
	ErrTokenSpent Kind = "token_spent"
	// ErrUserAction: the user must act, or ended the flow (Code "cancelled").
	ErrUserAction Kind = "user_action_required"
	// ErrAnswerRejected: the bank did not accept the user's answer to a [Challenge].
	// Make the call again without Answers; the same answer is never right the second time.
	ErrAnswerRejected Kind = "answer_rejected"
	// ErrChallengeExpired: the [Challenge] is not open any more. Make the call again without
	// Answers.
	ErrChallengeExpired Kind = "challenge_expired"
	// ErrNotReady: the provider has not fetched this from the bank yet. Ask for a
	// refresh, wait for its end, and read again. It is not an empty answer.
	ErrNotReady Kind = "not_ready"
	// ErrNotFound: no such thing under this name.
	ErrNotFound Kind = "not_found"
	// ErrUnsupported: this provider cannot do it. Also matches errors.ErrUnsupported.
	ErrUnsupported Kind = "unsupported"
	// ErrRateLimited: wait, then repeat; [Error.RetryAfter] says how long where known.
	ErrRateLimited Kind = "rate_limited"
	// ErrInstitution: one bank is down or failing; other banks are not affected.
	ErrInstitution Kind = "institution_unavailable"
	// ErrUnavailable: the provider is down, unreachable or did not answer in time.
	ErrUnavailable Kind = "provider_unavailable"
	// ErrMalformed: the provider's answer cannot be read.
	ErrMalformed Kind = "malformed_response"
	// ErrCircuitOpen: the provider failed too often; nothing was sent.
	ErrCircuitOpen Kind = "circuit_open"
	// ErrOutcomeUnknown: a call that must not be repeated was sent and no answer
	// came. Look the outcome up; see [Provider] for how.
	ErrOutcomeUnknown Kind = "outcome_unknown"
	// ErrSeal: a sealed connection cannot be opened: changed, of another row, or
	// under a key that is not in the keyring.
	ErrSeal Kind = "seal_invalid"
	// ErrSignature: what came as a webhook does not prove that the provider sent it, or is too old.
	// Refuse it and believe nothing of it.
	ErrSignature Kind = "signature_invalid"
	// ErrContextDone: the caller's context was cancelled or its deadline passed.
	// errors.Is also finds context.Canceled or context.DeadlineExceeded.
	ErrContextDone Kind = "context_done"
	// ErrApplication: code of the application failed that the library called, such as
	// [SyncRequest.Known] or an interceptor. errors.Is and errors.As find its error.
	ErrApplication Kind = "application_failed"
	// ErrUnknown: the provider failed for a reason nobody has listed.
	ErrUnknown Kind = "unknown"
)

var remedies = map[Kind]string{
	ErrInvalid:          "fix the call",
	ErrCredentials:      "check the application's credentials with the provider",
	ErrNotPermitted:     "allow it in the application's settings at the provider",
	ErrQuota:            "free or raise the application's quota at the provider",
	ErrReauth:           "send the user through the flow again with Reconnect set",
	ErrConsent:          "start a reconnect session that asks for the product",
	ErrGone:             "link the bank anew",
	ErrTokenSpent:       "start a new session",
	ErrUserAction:       "ask the user to act or to start again",
	ErrAnswerRejected:   "make the call again without Answers and ask the user anew",
	ErrChallengeExpired: "make the call again without Answers",
	ErrNotReady:         "refresh, wait for its end, and read again",
	ErrNotFound:         "check the identifier",
	ErrUnsupported:      "choose another provider for this",
	ErrRateLimited:      "wait and repeat",
	ErrInstitution:      "repeat later; only this bank is affected",
	ErrUnavailable:      "repeat later or choose another provider",
	ErrMalformed:        "repeat later and report it to the provider",
	ErrCircuitOpen:      "wait for the provider to recover or choose another",
	ErrOutcomeUnknown:   "look up the outcome before doing anything again",
	ErrSeal:             "check the key, the row and its owner; link anew if it is lost",
	ErrSignature:        "refuse the delivery",
	ErrContextDone:      "give the call more time if it was cut short",
	ErrApplication:      "see the cause, which is an error of the application's own code",
	ErrUnknown:          "read Code and ask the provider",
}

// sentences say what happened where nothing more is known.
var sentences = map[Kind]string{
	ErrInvalid:          "the request was refused",
	ErrCredentials:      "the application's credentials were refused",
	ErrNotPermitted:     "the application may not do this",
	ErrQuota:            "the application's quota is used up",
	ErrReauth:           "the bank wants the user to log in again",
	ErrConsent:          "the user did not agree to this",
	ErrGone:             "the connection no longer exists",
	ErrTokenSpent:       "the token can no longer be used",
	ErrUserAction:       "the user must act first",
	ErrAnswerRejected:   "the user's answer was not accepted",
	ErrChallengeExpired: "the challenge is no longer open",
	ErrNotReady:         "the provider has not fetched this yet",
	ErrNotFound:         "the provider does not know this",
	ErrUnsupported:      "the provider cannot do this",
	ErrRateLimited:      "too many requests were made",
	ErrInstitution:      "the bank is not available",
	ErrUnavailable:      "the provider is not available",
	ErrMalformed:        "the answer cannot be read",
	ErrCircuitOpen:      "too many calls failed",
	ErrOutcomeUnknown:   "the request was sent and no readable answer came",
	ErrSeal:             "what was sealed cannot be opened",
	ErrSignature:        "nothing proves that the provider sent this",
	ErrContextDone:      "the call was cut short",
	ErrApplication:      "code of the application failed",
	ErrUnknown:          "the provider failed and did not say why",
}

// sentence says what happened where an error of this kind has no detail.
func (k Kind) sentence() string {
	if s, ok := sentences[k]; ok {
		return s
	}
	return sentences[ErrUnknown]
}

// Kinds returns every kind, in no particular order.
func Kinds() []Kind {
	all := make([]Kind, 0, len(remedies))
	for k := range remedies {
		all = append(all, k)
	}
	return all
}

// Error returns the kind's name.
func (k Kind) Error() string { return string(k) }

// Is makes [ErrUnsupported] match errors.ErrUnsupported.
func (k Kind) Is(target error) bool {
	return k == ErrUnsupported && target == errors.ErrUnsupported
}

// Remedy says in a few words what to do about an error of this kind.
func (k Kind) Remedy() string {
	if r, ok := remedies[k]; ok {
		return r
	}
	return remedies[ErrUnknown]
}

// KindOf returns the kind of err: that of the first [*Error] or Kind in its
// tree, "" for nil, and [ErrUnknown] for an error this library did not make.
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

// Scope says how much of the world an error concerns.
type Scope string

// The scopes, from the narrowest to the widest.
const (
	ScopeCall        Scope = "call"        // this call only
	ScopeConnection  Scope = "connection"  // one user at one bank
	ScopeInstitution Scope = "institution" // one bank
	ScopeApp         Scope = "app"         // everything under these credentials
	ScopeProvider    Scope = "provider"    // the provider as a whole
)

// Scope is the scope an error of this kind has unless its maker knows better.
func (k Kind) Scope() Scope {
	switch k {
	case ErrReauth, ErrConsent, ErrGone, ErrNotReady:
		return ScopeConnection
	case ErrInstitution:
		return ScopeInstitution
	case ErrCredentials, ErrNotPermitted, ErrQuota, ErrRateLimited:
		return ScopeApp
	case ErrUnavailable, ErrMalformed, ErrCircuitOpen:
		return ScopeProvider
	default:
		return ScopeCall
	}
}
