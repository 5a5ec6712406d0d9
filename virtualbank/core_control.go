package virtualbank

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
)

const controlPrefix = "/virtualbank/"

// controlCall is one call of the control plane. GET /virtualbank/ lists them all.
type controlCall struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	About  string `json:"about"`
	// Example is a body that succeeds; absent where the call takes none.
	Example any `json:"example,omitempty"`

	Serve func(body []byte) (any, error) `json:"-"`
}

// newest stands for the last link or connection that a user made, wherever a control call takes
// an id.
const newest = "newest"

// posted is a call that reads its body into an In.
func posted[In any](name, about string, example any, do func(In) (any, error)) controlCall {
	return controlCall{http.MethodPost, controlPrefix + name, about, example, func(body []byte) (any, error) {
		var in In
		if err := decodeControl(body, &in); err != nil {
			return nil, err
		}
		return do(in)
	}}
}

func got(name, about string, do func() (any, error)) controlCall {
	return controlCall{http.MethodGet, controlPrefix + name, about, nil, func([]byte) (any, error) { return do() }}
}

// one names the link or the connection that a control call is about.
type one struct {
	LinkID       string `json:"link_id"`
	ConnectionID string `json:"connectionID"`
}

// id is that of the link or connection.
func (o one) id(b *core, p coreProvider) string {
	return newestOr(b, p, o.LinkID+o.ConnectionID)
}

// newestOr replaces the word for the newest link or connection by its id.
func newestOr(b *core, p coreProvider, id string) string {
	b.Lock()
	defer b.Unlock()
	if id != newest {
		return id
	}
	if all := p.Links(); len(all) > 0 {
		return all[len(all)-1].ID()
	}
	return id
}

// exampleOf is an example that is about the newest link or connection.
func exampleOf(spec coreSpec, more map[string]any) map[string]any {
	example := map[string]any{spec.IDName: newest}
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
		return refuse(http.StatusBadRequest, "the body is wrong: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if !ended(dec) {
		return refuse(http.StatusBadRequest, "the body is wrong: more than one JSON value")
	}
	return nil
}
