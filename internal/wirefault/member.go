package wirefault

// This file adds a member to a response, as a provider does from one day to the next.

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// AddedValue is the value of a member that [AddMember] adds.
const AddedValue = "the value of an added member"

// AddMember returns a JSON text with a member added to the outermost object, and to each object of
// its lists. An object that has the member keeps it. A text that is not JSON stays as it is.
func AddMember(body []byte, name string) []byte {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber() // an amount keeps its text
	var value any
	if dec.Decode(&value) != nil {
		return body
	}
	addMember(value, name, true)
	changed, err := json.Marshal(value)
	if err != nil {
		return body
	}
	return changed
}

// addMember adds a member to what is in a value, and to the value itself if here is set.
func addMember(value any, name string, here bool) {
	switch v := value.(type) {
	case map[string]any:
		for _, member := range v {
			addMember(member, name, false)
		}
		if _, has := v[name]; here && !has {
			v[name] = AddedValue
		}
	case []any:
		for _, element := range v {
			addMember(element, name, true)
		}
	}
}

// ServeWithMember sends the response of next with an added member.
func ServeWithMember(name string, w http.ResponseWriter, r *http.Request, next http.Handler) {
	res := record(r, next)
	if len(res.body) > 0 {
		res.body = AddMember(res.body, name)
		res.header.Del("Content-Length")
	}
	res.send(w)
}
