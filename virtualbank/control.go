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

// control serves the control plane under /virtualbank/ of one provider's server.
func (b *Bank) control(provider string) http.Handler {
	mux := http.NewServeMux()
	link := func(body []byte) (any, error) {
		if provider == providerMoneyKit {
			var in MoneyKitLink
			if err := decodeControl(body, &in); err != nil {
				return nil, err
			}
			return b.LinkMoneyKit(in)
		}
		var in DapiLink
		if err := decodeControl(body, &in); err != nil {
			return nil, err
		}
		return b.LinkDapi(in)
	}
	mux.Handle("POST /virtualbank/link", controlled(link))
	mux.Handle("POST /virtualbank/fault", controlled(func(body []byte) (any, error) {
		var f Fault
		if err := decodeControl(body, &f); err != nil {
			return nil, err
		}
		if f.Provider == "" {
			f.Provider = provider
		}
		if f.Provider != provider {
			return nil, refuse(http.StatusBadRequest, "this is the server of %s", provider)
		}
		return map[string]any{"injected": f}, b.Inject(f)
	}))
	mux.Handle("DELETE /virtualbank/fault", controlled(func([]byte) (any, error) {
		b.clearFaultsOf(provider)
		return map[string]any{"cleared": true}, nil
	}))
	mux.Handle("GET /virtualbank/fault", controlled(func([]byte) (any, error) {
		return map[string]any{"faults": FaultNames(), "summaries": describeFaults()}, nil
	}))
	mux.Handle("POST /virtualbank/clock", controlled(func(body []byte) (any, error) {
		var in struct {
			Advance string `json:"advance"`
		}
		if err := decodeControl(body, &in); err != nil {
			return nil, err
		}
		d, err := time.ParseDuration(in.Advance)
		if err != nil || d < 0 {
			return nil, refuse(http.StatusBadRequest, "advance is not a duration such as 24h")
		}
		b.Advance(d)
		return map[string]any{"now": b.Now().UTC().Format(time.RFC3339Nano)}, nil
	}))
	mux.Handle("POST /virtualbank/lapse", controlled(func(body []byte) (any, error) {
		var in struct {
			LinkID       string `json:"link_id"`
			ConnectionID string `json:"connectionID"`
		}
		if err := decodeControl(body, &in); err != nil {
			return nil, err
		}
		return map[string]any{"lapsed": true}, b.Lapse(in.LinkID + in.ConnectionID)
	}))
	mux.Handle("POST /virtualbank/outage", controlled(func(body []byte) (any, error) {
		var in struct {
			Institution string `json:"institution_id"`
			Down        bool   `json:"down"`
		}
		if err := decodeControl(body, &in); err != nil {
			return nil, err
		}
		return map[string]any{"down": in.Down}, b.Outage(in.Institution, in.Down)
	}))
	mux.Handle("POST /virtualbank/refresh", controlled(func(body []byte) (any, error) {
		var in struct {
			LinkID string `json:"link_id"`
		}
		if err := decodeControl(body, &in); err != nil {
			return nil, err
		}
		return map[string]any{"refreshed": true}, b.Refresh(in.LinkID)
	}))
	mux.Handle("POST /virtualbank/input", controlled(func(body []byte) (any, error) {
		var in struct {
			ConnectionID string     `json:"connectionID"`
			Operation    string     `json:"operation"`
			Rounds       [][]string `json:"rounds"`
		}
		if err := decodeControl(body, &in); err != nil {
			return nil, err
		}
		return map[string]any{"required": true}, b.RequireInput(in.ConnectionID, in.Operation, in.Rounds...)
	}))
	mux.Handle("POST /virtualbank/situation", controlled(func(body []byte) (any, error) {
		var in struct {
			LinkID       string `json:"link_id"`
			ConnectionID string `json:"connectionID"`
			Situation    string `json:"situation"`
		}
		if err := decodeControl(body, &in); err != nil {
			return nil, err
		}
		return map[string]any{"staged": in.Situation}, b.Stage(in.LinkID+in.ConnectionID, in.Situation)
	}))
	mux.Handle("GET /virtualbank/situation", controlled(func([]byte) (any, error) {
		return map[string]any{"situations": Situations()}, nil
	}))
	b.controlWebhooks(mux, provider)
	mux.Handle("GET /virtualbank/requests", controlled(func([]byte) (any, error) {
		mine := []Request{}
		for _, r := range b.Requests() {
			if r.Provider == provider {
				mine = append(mine, r)
			}
		}
		return map[string]any{"requests": mine}, nil
	}))
	mux.Handle("GET /virtualbank/institutions", controlled(func([]byte) (any, error) {
		return map[string]any{"institutions": b.Institutions()}, nil
	}))
	return mux
}

// controlled answers with what f returns, or says why not.
func controlled(f func(body []byte) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			controlError(refuse(http.StatusRequestEntityTooLarge, "the body is too large")).write(w)
			return
		}
		out, err := f(body)
		if err != nil {
			controlError(err).write(w)
			return
		}
		reply{status: http.StatusOK, body: out}.write(w)
	})
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
