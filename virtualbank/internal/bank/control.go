package bank

// This file has the calls of the control plane and their bodies.

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
)

// ControlPrefix is the path below which the control plane is served.
const ControlPrefix = "/virtualbank/"

// ControlCall is one call of the control plane, as GET /virtualbank/ lists it.
type ControlCall struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	About  string `json:"about"`

	// Example is a body that succeeds. It is nil if the call takes no body.
	Example any `json:"example,omitempty"`

	// Serve serves the call. An error is a *Refusal or one of another kind, which means status 400.
	Serve func(body []byte) (any, error) `json:"-"`
}

// Newest is the id that means the link or connection that a user made last.
const Newest = "newest"

// Post returns a POST call whose body is decoded into an In.
func Post[In any](name, about string, example any, do func(In) (any, error)) ControlCall {
	return ControlCall{http.MethodPost, ControlPrefix + name, about, example, func(body []byte) (any, error) {
		var in In
		if err := decodeControl(body, &in); err != nil {
			return nil, err
		}
		return do(in)
	}}
}

// Get returns a GET call.
func Get(name, about string, do func() (any, error)) ControlCall {
	return ControlCall{http.MethodGet, ControlPrefix + name, about, nil, func([]byte) (any, error) { return do() }}
}

// LinkRef names the link or connection that a control call is about. Every provider has a member.
type LinkRef struct {
	LinkID       string `json:"link_id"`
	ConnectionID string `json:"connectionID"`
	Reference    string `json:"reference"` // Plaid's item_id; any provider's id may stand here
}

// ID returns the id of the link or connection.
func (o LinkRef) ID(b *Bank, p Provider) string {
	return ResolveNewest(b, p, o.LinkID+o.ConnectionID+o.Reference)
}

// ResolveNewest returns the id of the last link of p if id is Newest. Otherwise it returns id.
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

// Example returns an example body about the last link of a provider, with more members.
func Example(spec Spec, more map[string]any) map[string]any {
	example := map[string]any{spec.IDName: Newest}
	maps.Copy(example, more)
	return example
}

// decodeControl decodes the body of a control call. An unknown member is an error that names it.
func decodeControl(body []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return Refuse(http.StatusBadRequest, "the body is invalid: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if !Ended(dec) {
		return Refuse(http.StatusBadRequest, "the body is invalid: more than one JSON value")
	}
	return nil
}
