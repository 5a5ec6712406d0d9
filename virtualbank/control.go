package virtualbank

// This file serves the control plane and lists its calls.

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// control serves the control plane on the address of one provider.
func (b *Bank) control(p bank.Provider) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls := b.controlCalls(p, "http://"+r.Host)
		if r.Method == http.MethodGet && strings.TrimSuffix(r.URL.Path, "/")+"/" == bank.ControlPrefix {
			now := b.Now().UTC().Format(time.RFC3339Nano)
			bank.Reply{Status: http.StatusOK, Body: controlIndex{p.Spec().Name, now, calls}}.Write(w)
			return
		}
		var allow []string
		for _, call := range calls {
			if call.Path != r.URL.Path {
				continue
			}
			if call.Method == r.Method {
				serveControl(call, w, r)
				return
			}
			allow = append(allow, call.Method)
		}
		if len(allow) > 0 {
			w.Header().Set("Allow", strings.Join(allow, ", "))
			refused := bank.Refuse(http.StatusMethodNotAllowed, "%s takes %s", r.URL.Path, strings.Join(allow, " or "))
			controlError(refused).Write(w)
			return
		}
		refused := bank.Refuse(http.StatusNotFound, "there is no such call; GET %s lists all", bank.ControlPrefix)
		controlError(refused).Write(w)
	})
}

// controlIndex is the response to GET /virtualbank/.
type controlIndex struct {
	Provider string             `json:"provider"`
	Now      string             `json:"now"`
	Calls    []bank.ControlCall `json:"calls"`
}

// controlCalls returns the calls on the address of one provider, in an order in which every example
// succeeds. server is that address.
func (b *Bank) controlCalls(p bank.Provider, server string) []bank.ControlCall {
	calls := []bank.ControlCall{p.Connect()}
	calls = append(calls, b.controlTime()...)
	calls = append(calls, b.controlFaults(p.Spec())...)
	calls = append(calls, b.controlLinks(p)...)
	calls = append(calls, p.Controls()...)
	calls = append(calls, b.controlWebhooks(p, server)...)
	return append(calls, b.controlReads(p.Spec().Name)...)
}

// serveControl writes the result of a call, or its error.
func serveControl(call bank.ControlCall, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bank.MaxBody))
	if err != nil {
		controlError(bank.Refuse(http.StatusRequestEntityTooLarge, "the body is too large")).Write(w)
		return
	}
	out, err := call.Serve(body)
	if err != nil {
		controlError(err).Write(w)
		return
	}
	bank.Reply{Status: http.StatusOK, Body: out}.Write(w)
}

// controlError returns the response for an error.
func controlError(err error) bank.Reply {
	status := http.StatusBadRequest
	if refusal, ok := errors.AsType[*bank.Refusal](err); ok {
		status = refusal.Status
	}
	text := strings.TrimPrefix(err.Error(), "virtualbank: ")
	return bank.Reply{Status: status, Body: map[string]string{"error": text}}
}
