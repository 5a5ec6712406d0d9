package bankmux

// This file turns the query of a redirect into a payload.

import (
	"encoding/json"
	"net/url"
	"unicode/utf8"
)

// PayloadFromQuery returns the payload for an [ExchangeRequest] from the query of a redirect. A
// provider with a hosted page ([Launch.URL]) sends the browser back to a URL with such a query.
// Pass it unchanged, from [url.ParseQuery] of r.URL.RawQuery: r.URL.Query() leaves out malformed
// parts. Each parameter becomes a text member of the same name.
//
// A query with a parameter "error" becomes the payload of a flow that the user did not finish. The
// error is [ErrInvalid] for a parameter that is repeated or not UTF-8, and for a query that is
// longer than a payload may be. The error has no value of the query. Calls are safe to repeat.
func PayloadFromQuery(query url.Values) (json.RawMessage, error) {
	members := make(map[string]string, len(query))
	for name, values := range query {
		if len(values) != 1 {
			return nil, invalid("Payload", "does not have exactly one query parameter "+quote(name))
		}
		if !utf8.ValidString(name) || !utf8.ValidString(values[0]) {
			return nil, invalid("Payload", "has a query parameter that is not UTF-8")
		}
		members[name] = values[0]
	}
	payload, err := json.Marshal(members)
	if err != nil {
		return nil, invalid("Payload", "cannot be built from the query")
	}
	if _, err := ParsePayload(payload); err != nil {
		return nil, err
	}
	return payload, nil
}
