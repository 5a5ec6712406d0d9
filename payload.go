package bankmux

// This file reads what the front end posts.

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/bankmux/bankmux/internal/plain"
	"github.com/bankmux/bankmux/internal/strictjson"
)

// maxPayload is much more than the page of any provider posts, and little enough to read.
const maxPayload = 256 << 10

// Payload is a JSON object from the front end, which was read strictly. Unlike encoding/json,
// [ParsePayload] rejects a repeated key, keys that differ only in case, and text after the object.
// It is immutable.
type Payload struct {
	members func() []strictjson.Member // fmt prints a function's address, never what it returns
}

func payloadOf(members []strictjson.Member) Payload {
	return Payload{func() []strictjson.Member { return members }}
}

func (p Payload) all() []strictjson.Member {
	if p.members == nil {
		return nil
	}
	return p.members()
}

// ParsePayload reads raw. The error is [ErrInvalid]. It says which key is wrong and why, and never
// has a value.
func ParsePayload(raw json.RawMessage) (Payload, error) {
	if len(raw) > maxPayload {
		return Payload{}, longPayload()
	}
	return parsePayload(bytes.Clone(raw))
}

func parseSecret(raw Secret) (Payload, error) {
	if raw.size() > maxPayload {
		return Payload{}, longPayload()
	}
	return parsePayload(raw.appendText(make([]byte, 0, raw.size())))
}

func longPayload() error {
	return invalid("Payload", "is longer than "+strconv.Itoa(maxPayload)+" bytes")
}

// parsePayload reads raw and keeps it, without a copy.
func parsePayload(raw []byte) (Payload, error) {
	members, err := strictjson.Object(raw)
	if err != nil {
		return Payload{}, invalid("Payload", err.Error())
	}
	return payloadOf(members), nil
}

// value returns the value of key, and nil if the key is missing.
func (p Payload) value(key string) []byte {
	for _, m := range p.all() {
		if string(m.Key) == key {
			return m.Value
		}
	}
	return nil
}

// member names a member of the payload, for [Error.Field].
func member(key string) string { return "Payload." + key }

// Has reports whether the payload has the key, with a value other than null.
func (p Payload) Has(key string) bool {
	v := p.value(key)
	return v != nil && string(v) != "null"
}

// Text returns the string of key. The error is [ErrInvalid] if it is missing, null, empty or not a
// string. Its [Error.Field] is "Payload." and the key.
func (p Payload) Text(key string) (string, error) {
	if !p.Has(key) {
		for _, m := range p.all() {
			if other := string(m.Key); other != key && strings.EqualFold(other, key) {
				return "", invalid(member(key), "is missing, and there is "+quote(other))
			}
		}
		return "", invalid(member(key), "is missing")
	}
	s, ok := strictjson.Text(p.value(key))
	if !ok {
		return "", invalid(member(key), "is not a string")
	}
	if s == "" {
		return "", invalid(member(key), "is empty")
	}
	return s, nil
}

// Object returns the object of key. The error is [ErrInvalid] if it is missing or not an object.
// Its [Error.Field] is "Payload." and the key.
func (p Payload) Object(key string) (Payload, error) {
	if !p.Has(key) {
		return Payload{}, invalid(member(key), "is missing")
	}
	members, err := strictjson.Object(p.value(key))
	if err != nil {
		return Payload{}, invalid(member(key), "is not an object")
	}
	return payloadOf(members), nil
}

// Left returns the error for a payload that says that the user did not finish, and nil for any
// other. It is [ErrUserAction] with [CodeCancelled]. Only an [ExitDecider] sees such a payload.
func (p Payload) Left() error {
	reason := p.value("error")
	if reason == nil || (string(reason) == "null" && len(p.all()) > 1) {
		return nil
	}
	detail := "the user left the flow"
	if string(reason) != "null" {
		detail = "the flow ended with an error at the front end"
	}
	return &Error{Kind: ErrUserAction, Code: CodeCancelled, Detail: detail, NotSent: true}
}

// CodeCancelled is the Code of the [ErrUserAction] for a flow that the user did not finish, and for
// a [Challenge] that was given up.
const CodeCancelled = "cancelled"

// CodeOtherSession is the Code of the [ErrInvalid] for a payload of another session, such as one
// from another tab of the user. Call ExchangeToken with the payload and the session that it belongs
// to, even if the token was exchanged in the meantime. The session of the failed call can still be
// used with its own payload.
const CodeOtherSession = "other_session"

// CodeOtherBank is the Code of the [ErrInvalid] for a reconnect in which the user logged in at
// another bank. The connection stays as it was. The adapter ends the access to the other bank;
// [Error.Detail] and [Error.Err] say so if that failed. Offer a new link, without
// [SessionRequest.Reconnect], or the reconnect again.
//
// An exchange may be unable to read which bank it was. If [Client.ConnectionStatus] finds later
// that it is another one, the [Status.Code] of the connection is CodeOtherBank. Its state is then
// [StateReauth], and data calls fail with [ErrReauth]. The access stays open until
// [Client.Disconnect].
const CodeOtherBank = "other_bank"

func quote(s string) string { return plain.Quote(s) }
