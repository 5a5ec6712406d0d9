package virtualbank

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// control serves the control plane under /virtualbank/ of one provider's server.
func (b *Bank) control(p coreProvider) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls := b.controlCalls(p, "http://"+r.Host)
		if r.Method == http.MethodGet && strings.TrimSuffix(r.URL.Path, "/") == strings.TrimSuffix(controlPrefix, "/") {
			now := b.Now().UTC().Format(time.RFC3339Nano)
			reply{status: http.StatusOK, body: controlIndex{p.Spec().Name, now, calls}}.write(w)
			return
		}
		var allow []string
		for _, call := range calls {
			if call.Path != r.URL.Path {
				continue
			}
			if call.Method == r.Method {
				answerControl(call, w, r)
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
func (b *Bank) controlCalls(p coreProvider, server string) []controlCall {
	calls := []controlCall{p.Connect()}
	calls = append(calls, b.controlTime()...)
	calls = append(calls, b.controlFaults(p.Spec())...)
	calls = append(calls, b.controlLife(p)...)
	calls = append(calls, p.Controls()...)
	calls = append(calls, b.controlWebhooks(p, server)...)
	return append(calls, b.controlReads(p.Spec().Name)...)
}

// answerControl writes what the call returns, or says why not.
func answerControl(call controlCall, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		controlError(refuse(http.StatusRequestEntityTooLarge, "the body is too large")).write(w)
		return
	}
	out, err := call.Serve(body)
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
