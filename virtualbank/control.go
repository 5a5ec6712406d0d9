package virtualbank

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// controlCall is one call of the control plane. GET /virtualbank/ lists them all.
type controlCall struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	About  string `json:"about"`
	// Example is a body that succeeds; absent where the call takes none.
	Example any `json:"example,omitempty"`

	serve func(body []byte) (any, error)
}

// newest stands for the last link or connection that a user made, wherever a control call takes
// an id.
const newest = "newest"

// control serves the control plane under /virtualbank/ of one provider's server.
func (b *Bank) control(provider string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls := b.controlCalls(provider, "http://"+r.Host)
		if r.Method == http.MethodGet && strings.TrimSuffix(r.URL.Path, "/") == strings.TrimSuffix(controlPrefix, "/") {
			now := b.Now().UTC().Format(time.RFC3339Nano)
			reply{status: http.StatusOK, body: controlIndex{provider, now, calls}}.write(w)
			return
		}
		var allow []string
		for _, call := range calls {
			if call.Path != r.URL.Path {
				continue
			}
			if call.Method == r.Method {
				call.answer(w, r)
				return
			}
			allow = append(allow, call.Method)
		}
		if len(allow) > 0 {
			w.Header().Set("Allow", strings.Join(allow, ", "))
			refused := refuse(http.StatusMethodNotAllowed, "%s takes %s", r.URL.Path, strings.Join(allow, " or "))
			controlError(refused).write(w)
			return
		}
		controlError(refuse(http.StatusNotFound, "there is no such call: GET %s lists them", controlPrefix)).write(w)
	})
}

type controlIndex struct {
	Provider string        `json:"provider"`
	Now      string        `json:"now"`
	Calls    []controlCall `json:"calls"`
}

// controlCalls are the calls at one provider's server, in an order in which every example
// succeeds. server is its address.
func (b *Bank) controlCalls(provider, server string) []controlCall {
	calls := []controlCall{b.controlLink(provider)}
	calls = append(calls, b.controlTime()...)
	calls = append(calls, b.controlFaults(provider)...)
	calls = append(calls, b.controlLife(provider)...)
	if provider == providerMoneyKit {
		calls = append(calls, b.controlMoneyKit()...)
	} else {
		calls = append(calls, b.controlDapi()...)
	}
	calls = append(calls, b.controlWebhooks(provider, server)...)
	return append(calls, b.controlReads(provider)...)
}

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
func (o one) id(b *Bank, provider string) string {
	return b.newestOr(provider, o.LinkID+o.ConnectionID)
}

// newestOr replaces the word for the newest link or connection by its id.
func (b *Bank) newestOr(provider, id string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case id != newest:
	case provider == providerMoneyKit && len(b.mk.order) > 0:
		return b.mk.order[len(b.mk.order)-1].id
	case provider == providerDapi && len(b.dp.order) > 0:
		return b.dp.order[len(b.dp.order)-1].id
	}
	return id
}

// exampleOf is an example that is about the newest link or connection.
func exampleOf(provider string, more map[string]any) map[string]any {
	name := "link_id"
	if provider == providerDapi {
		name = "connectionID"
	}
	example := map[string]any{name: newest}
	for key, value := range more {
		example[key] = value
	}
	return example
}

// answer writes what the call returns, or says why not.
func (call controlCall) answer(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		controlError(refuse(http.StatusRequestEntityTooLarge, "the body is too large")).write(w)
		return
	}
	out, err := call.serve(body)
	if err != nil {
		controlError(err).write(w)
		return
	}
	reply{status: http.StatusOK, body: out}.write(w)
}

func controlError(err error) reply {
	status := http.StatusBadRequest
	var refusal *Refusal
	if errors.As(err, &refusal) {
		status = refusal.Status
	}
	return reply{status: status, body: map[string]string{"error": strings.TrimPrefix(err.Error(), "virtualbank: ")}}
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
