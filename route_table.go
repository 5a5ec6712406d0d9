package bankmux

// This file indexes the routes of a registry by country.

import (
	"cmp"
	"slices"
)

// table is one consistent set of clients and routes. It never changes.
type table struct {
	clients   map[string]*Client
	byCountry map[string][]*route // routes for that country, those for everywhere included
	anywhere  []*route            // routes without countries
}

func newTable(clients []*Client, routes []Route) (*table, error) {
	switch {
	case len(clients) == 0:
		return nil, invalid("clients", "are empty")
	case len(routes) == 0:
		return nil, invalid("routes", "are empty, so no client would get a session")
	}
	t := &table{clients: map[string]*Client{}, byCountry: map[string][]*route{}}
	for _, c := range clients {
		if c == nil {
			return nil, invalid("clients", "has a nil client")
		}
		if t.clients[c.name] != nil {
			return nil, invalid("clients", "has two of the name "+quote(c.name))
		}
		t.clients[c.name] = c
	}
	index := make(map[*Client]int, len(t.clients))
	for _, c := range t.clients {
		index[c] = len(index)
	}
	ready := make([]*route, 0, len(routes))
	for _, r := range routes {
		client, err := t.check(&r)
		if err != nil {
			return nil, err
		}
		r.Countries, r.Institutions = slices.Clone(r.Countries), slices.Clone(r.Institutions)
		r.Capabilities = slices.Clone(r.Capabilities)
		ready = append(ready, newRoute(r, client, index[client]))
	}
	slices.SortStableFunc(ready, func(a, b *route) int { return cmp.Compare(a.Priority, b.Priority) })
	t.place(ready)
	return t, nil
}

// check rejects a route that no request could take, and returns the client of a valid one.
func (t *table) check(r *Route) (*Client, error) {
	client := t.clients[r.Client]
	if client == nil {
		return nil, invalid("Route.Client", quote(r.Client)+" is not registered")
	}
	if r.Weight < 0 {
		return nil, invalid("Route.Weight", "is negative in the route to "+quote(r.Client))
	}
	for i, country := range r.Countries {
		if country == "" || slices.Contains(r.Countries[:i], country) {
			return nil, invalid("Route.Countries", "has an empty or doubled entry in the route to "+quote(r.Client))
		}
		if err := checkCountry("Route.Countries", country); err != nil {
			return nil, err
		}
	}
	for _, c := range r.Capabilities {
		if !client.Has(c) {
			return nil, invalid("Route.Capabilities", quote(r.Client)+" has no "+string(c))
		}
	}
	return client, nil
}

// place lists the routes by country, in their order.
func (t *table) place(ready []*route) {
	for _, r := range ready {
		for _, country := range r.Countries {
			t.byCountry[country] = nil
		}
	}
	for _, r := range ready {
		if len(r.Countries) == 0 {
			t.anywhere = append(t.anywhere, r)
			for country := range t.byCountry {
				t.byCountry[country] = append(t.byCountry[country], r)
			}
		}
		for _, country := range r.Countries {
			t.byCountry[country] = append(t.byCountry[country], r)
		}
	}
}

// routes returns those that serve the country; without one, those that serve everywhere.
func (t *table) routes(country string) []*route {
	if rs, ok := t.byCountry[country]; ok {
		return rs
	}
	return t.anywhere
}
