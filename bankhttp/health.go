package bankhttp

// This file has the handler for the health of the service.

import (
	"context"
	"net/http"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/httpbody"
)

// health is the response of Health.
type health struct {
	Status   string               `json:"status"` // "ok", or "unavailable" if the store is
	Store    string               `json:"store"`  // "ok" if it can be read, or "unavailable"
	Clients  []client             `json:"clients"`
	Breakers []guard.BreakerState `json:"breakers,omitempty"`
}

// client is a registered client.
type client struct {
	Name        string              `json:"name"`
	Provider    string              `json:"provider"`
	Environment bankmux.Environment `json:"environment,omitempty"`
}

// healthFor limits the time for the store to respond.
const healthFor = 2 * time.Second

// Health handles GET. It returns whether the store can be read, the clients, and the states of
// their circuit breakers. The status is 503 if the store does not respond to a read within two
// seconds. Nothing is written, so a store whose disk is full is "ok": watch for responses of 503
// too. A provider that is down does not change the status, because a restart of this service does
// not help. It needs no user and has no data of one. Breakers name institutions by the provider's
// ids, so keep it away from the public. [Service.Handler] does not have it: mount it on an address
// of its own.
func (s *Service) Health() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			refuseMethod(w, r, http.MethodGet, http.MethodHead)
			return
		}
		httpbody.CloseUnread(w, r)
		ctx, cancel := context.WithTimeout(r.Context(), healthFor)
		defer cancel()
		out, status := health{Status: "ok", Store: "ok", Clients: []client{}}, http.StatusOK
		if _, err := s.store.Seen(ctx, "bankhttp/health"); err != nil {
			out.Status, out.Store, status = "unavailable", "unavailable", http.StatusServiceUnavailable
		}
		for _, c := range s.config.Registry.Clients() {
			out.Clients = append(out.Clients, client{c.Name(), c.Provider(), c.Environment()})
		}
		if s.config.Breakers != nil {
			out.Breakers = s.config.Breakers()
		}
		write(w, status, "application/json", out)
	})
}
