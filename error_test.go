package bankmux_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
)

// TestError specifies the text and the questions of an error.
func TestError(t *testing.T) {
	t.Parallel()
	t.Run("one line has the client, the operation, the cause and the remedy", oneLineHasTheCauseAndTheRemedy)
	t.Run("a code that looks like a secret is cut", aCodeThatLooksLikeASecretIsCut)
	t.Run("errors.Is finds the kind and the cause", errorsIsFindsTheKindAndTheCause)
	t.Run("an Error is in each error about a part, also if that names no cause", anErrorIsInEachErrorAboutAPart)
	t.Run("an unknown outcome is not known", anUnknownOutcomeIsNotKnown)
	t.Run("every kind has a remedy and a scope", everyKindHasARemedyAndAScope)
	t.Run("an error is repeatable only where a repeat is safe and may succeed", anErrorIsRepeatableOnlyWhereItIsSafe)
	t.Run("an outcome is known only with a verdict", anOutcomeIsKnownOnlyWithAVerdict)
}

func oneLineHasTheCauseAndTheRemedy(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]*bankmux.Error{
		"mk: ExchangeToken: token_spent: used before (HTTP 400, some.code, connection c1); start a new session": {
			Kind: bankmux.ErrTokenSpent, Client: "mk", Op: "ExchangeToken", Detail: "used before",
			Code: "some.code", Status: 400, Connection: "c1",
		},
		"invalid_request: SessionRequest.User is empty; fix the call": {
			Kind: bankmux.ErrInvalid, Field: "SessionRequest.User", Detail: "is empty",
		},
		"rate_limited: too many requests were made (retry after 7s); wait and repeat: context canceled": {
			Kind: bankmux.ErrRateLimited, RetryAfter: 7 * time.Second, Err: context.Canceled,
		},
	} {
		assert.Equal(t, want, e.Error())
	}
}

// aCodeThatLooksLikeASecretIsCut specifies which codes a text has. A server could repeat a token.
func aCodeThatLooksLikeASecretIsCut(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"INVALID_CREDENTIALS":              "INVALID_CREDENTIALS",
		"api_error.auth.unauthorized":      "api_error.auth.unauthorized",
		"notFound":                         "notFound",
		"E1001":                            "E1001",
		"40001234":                         "40001234",
		"a b":                              `"a b"`,
		"access-sandbox-8f3c0d51-planted":  "acce…",
		"eyJhbGciOiJIUzI1NiJ9.e30.planted": "eyJh…",
		"sk_live_4eC39HqLyjWDarjtT1zdp7dc": "sk_l…",
		"4111111111111111":                 "4111…",
		"a token with planted words":       `"a to"…`,
		"münchen-planted":                  `"mün"…`,
	} {
		err := &bankmux.Error{Kind: bankmux.ErrUnknown, Code: code, Unlisted: true}
		text := "unknown: the provider failed and did not say why (" + want + "); read Code and ask the provider"
		var logged bytes.Buffer
		slog.New(slog.NewTextHandler(&logged, nil)).Info("call", "error", err)
		assert.Equal(t, text, err.Error())
		assert.Equal(t, text, fmt.Sprintf("%+v", err))
		assert.NotContains(t, logged.String(), "planted")
		outer := fmt.Errorf("outer: %w", &bankmux.Error{Kind: bankmux.ErrOutcomeUnknown, Code: code, Err: err})
		assert.NotContains(t, outer.Error(), "planted")
		assert.Equal(t, code, bankmux.ErrorOf(err).Code, "the field has it as sent")
	}
}

func anErrorIsInEachErrorAboutAPart(t *testing.T) {
	t.Parallel()
	gone := &bankmux.Error{Kind: bankmux.ErrGone}
	nameless := make([]bankmux.Failure, 11) // one more than the text names
	for name, tt := range map[string]struct {
		err  error
		kind bankmux.Kind
	}{
		"no failure":                     {&bankmux.PartialError{Op: bankmux.OpBalances}, bankmux.ErrUnknown},
		"a failure without a cause":      {&bankmux.PartialError{Failed: nameless[:1]}, bankmux.ErrUnknown},
		"many failures without a cause":  {&bankmux.PartialError{Failed: nameless}, bankmux.ErrUnknown},
		"a failure alone":                {bankmux.Failure{Account: "a"}, bankmux.ErrUnknown},
		"a failure alone with its cause": {bankmux.Failure{Account: "a", Err: gone}, bankmux.ErrGone},
		"a cause behind one without": {
			&bankmux.PartialError{Failed: []bankmux.Failure{{}, {Err: gone}}}, bankmux.ErrGone,
		},
	} {
		for _, err := range []error{tt.err, fmt.Errorf("outer: %w", tt.err)} {
			e := bankmux.ErrorOf(err)
			if assert.NotNil(t, e, name) {
				assert.Equal(t, tt.kind, e.Kind, name)
				assert.Equal(t, tt.kind, bankmux.KindOf(err), name)
				assert.ErrorIs(t, err, tt.kind, name)
			}
		}
	}
	assert.NotErrorIs(t, &bankmux.PartialError{}, bankmux.ErrGone)
	unknown := &bankmux.Error{Kind: bankmux.ErrUnknown}
	assert.Equal(t, "account a: "+unknown.Error(), bankmux.Failure{Account: "a"}.Error())
}

func errorsIsFindsTheKindAndTheCause(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("outer: %w", &bankmux.Error{Kind: bankmux.ErrContextDone, Err: context.DeadlineExceeded})
	assert.ErrorIs(t, err, bankmux.ErrContextDone)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.NotErrorIs(t, err, bankmux.ErrInvalid)
	assert.ErrorIs(t, &bankmux.Error{Kind: bankmux.ErrUnsupported}, errors.ErrUnsupported)
	assert.Equal(t, bankmux.ErrContextDone, bankmux.KindOf(err))
	assert.Equal(t, bankmux.Kind(""), bankmux.KindOf(nil))
	assert.Equal(t, bankmux.ErrUnknown, bankmux.KindOf(errors.New("foreign")))
	assert.Equal(t, bankmux.ErrGone, bankmux.KindOf(fmt.Errorf("x: %w", bankmux.ErrGone)))
	assert.Equal(t, bankmux.ErrContextDone, bankmux.ErrorOf(err).Kind)
	assert.Nil(t, bankmux.ErrorOf(nil))
	assert.Nil(t, bankmux.ErrorOf(bankmux.ErrGone), "a Kind is not an Error")
}

func anUnknownOutcomeIsNotKnown(t *testing.T) {
	t.Parallel()
	for kind, known := range map[bankmux.Kind]bool{
		bankmux.ErrOutcomeUnknown: false, bankmux.ErrUnavailable: false, bankmux.ErrMalformed: false,
		bankmux.ErrContextDone: false, bankmux.ErrUnknown: false,
		bankmux.ErrTokenSpent: true, bankmux.ErrInvalid: true, bankmux.ErrQuota: true,
	} {
		assert.Equal(t, known, bankmux.OutcomeKnown(&bankmux.Error{Kind: kind}), kind)
		assert.True(
			t,
			bankmux.OutcomeKnown(&bankmux.Error{Kind: kind, NotSent: true}) || kind == bankmux.ErrOutcomeUnknown,
			kind,
		)
	}
	assert.False(t, bankmux.OutcomeKnown(&bankmux.Error{Kind: bankmux.ErrOutcomeUnknown, Code: "X"}))
	assert.False(t, bankmux.OutcomeKnown(errors.New("foreign")))
	assert.True(t, bankmux.OutcomeKnown(nil))
}

func everyKindHasARemedyAndAScope(t *testing.T) {
	t.Parallel()
	for _, k := range bankmux.Kinds() {
		assert.NotEmpty(t, k.Remedy(), k)
		assert.NotEmpty(t, k.Scope(), k)
	}
	assert.Equal(t, bankmux.ErrUnknown.Remedy(), bankmux.Kind("of a later version").Remedy())
}

func anErrorIsRepeatableOnlyWhereItIsSafe(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		err    bankmux.Error
		effect bankmux.Effect
		want   bool
	}{
		{"a read while the provider is down", bankmux.Error{Kind: bankmux.ErrUnavailable}, bankmux.Read, true},
		{"an idempotent call under a rate limit", bankmux.Error{Kind: bankmux.ErrRateLimited}, bankmux.Idempotent, true},
		{"a one-shot that was sent", bankmux.Error{Kind: bankmux.ErrUnavailable}, bankmux.OneShot, false},
		{"a one-shot that never left", bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: true}, bankmux.OneShot, true},
		{"an unlisted code", bankmux.Error{Kind: bankmux.ErrUnavailable, Unlisted: true}, bankmux.Read, false},
		{"a rejected login", bankmux.Error{Kind: bankmux.ErrReauth}, bankmux.Read, false},
		{"an open circuit", bankmux.Error{Kind: bankmux.ErrCircuitOpen, NotSent: true}, bankmux.Read, false},
		{"an unreadable answer", bankmux.Error{Kind: bankmux.ErrMalformed}, bankmux.Read, false},
	} {
		assert.Equal(t, c.want, c.err.Repeatable(c.effect), c.name)
	}
}

func anOutcomeIsKnownOnlyWithAVerdict(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		err  error
		want bool
	}{
		{"success", nil, true},
		{"a provider's code", &bankmux.Error{Kind: bankmux.ErrUnavailable, Code: "busy"}, true},
		{"never sent", &bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: true}, true},
		{"a plain 400", &bankmux.Error{Kind: bankmux.ErrInvalid, Status: 400}, true},
		{"a plain 502", &bankmux.Error{Kind: bankmux.ErrUnavailable, Status: 502}, false},
		{"an unreadable 200", &bankmux.Error{Kind: bankmux.ErrMalformed, Status: 200}, false},
		{"the caller left", &bankmux.Error{Kind: bankmux.ErrContextDone}, false},
		{"an error of somebody else", errors.New("?"), false},
	} {
		assert.Equal(t, c.want, bankmux.OutcomeKnown(c.err), c.name)
	}
}
