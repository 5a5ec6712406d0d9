package bank

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
)

const ControlPrefix = "/virtualbank/"

// ControlCall is one call of the control plane. GET /virtualbank/ lists them all.
type ControlCall struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	About  string `json:"about"`
	// Example is a body that succeeds; absent where the call takes none.
	Example any `json:"example,omitempty"`

	Serve func(body []byte) (any, error) `json:"-"`
}

// Newest stands for the last link or connection that a user made, wherever a control call takes
// an id.
const Newest = "newest"

// Post is a call that reads its body into an In.
func Post[In any](name, about string, example any, do func(In) (any, error)) ControlCall {
	return ControlCall{http.MethodPost, ControlPrefix + name, about, example, func(body []byte) (any, error) {
		var in In
		if err := decodeControl(body, &in); err != nil {
			return nil, err
		}
		return do(in)
	}}
}

func Get(name, about string, do func() (any, error)) ControlCall {
	return ControlCall{http.MethodGet, ControlPrefix + name, about, nil, func([]byte) (any, error) { return do() }}
}

// LinkRef names the link or the connection that a control call is about.
type LinkRef struct {
	LinkID       string `json:"link_id"`
	ConnectionID string `json:"connectionID"`
}

// ID is that of the link or connection.
func (o LinkRef) ID(b *Bank, p Provider) string {
	return ResolveNewest(b, p, o.LinkID+o.ConnectionID)
}

// ResolveNewest replaces the word for the newest link or connection by its id.
func ResolveNewest(b *Bank, p Provider, id string) string {
	b.Lock()
	defer b.Unlock()
	if id != Newest {
		return id
	}
	if all := p.Links(); len(all) > 0 {
		return all[len(all)-1].ID()
	}
	return id
}

// Example is an example that is about the newest link or connection.
func Example(spec Spec, more map[string]any) map[string]any {
	example := map[string]any{spec.IDName: Newest}
	for key, value := range more {
		example[key] = value
	}
	return example
}

// decodeControl reads a body of the control plane; a member nobody knows is named.
func decodeControl(body []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return Refuse(http.StatusBadRequest, "the body is wrong: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if !Ended(dec) {
		return Refuse(http.StatusBadRequest, "the body is wrong: more than one JSON value")
	}
	return nil
}
