package bankmux

import (
	"cmp"
	"math"
	"slices"
)

// Route selects the new sessions of a client.
type Route struct {
	Client       string       // registered name
	Countries    []string     // ISO 3166-1 alpha-2; empty means everywhere
	Institutions []string     // the provider's ids; with some, only requests that name one of them
	Capabilities []Capability // narrows what the route is used for; empty means all the client has
	Priority     int          // lower is tried first
	Weight       int          // relative share of users among routes of equal priority; 0 means 1
}

// route is a Route ready for selection.
type route struct {
	Route
	client *Client
	index  int     // of the client in its table
	share  float64 // 1/weight
	seed   uint64  // of the client's name, for the sticky order
}

func newRoute(r Route, client *Client, index int) *route {
	return &route{
		Route:  r,
		client: client,
		index:  index,
		share:  1 / float64(max(r.Weight, 1)),
		seed:   mix(fnv(r.Client)),
	}
}

// serves reports whether the route may take the request, its country aside.
func (r *route) serves(req *SessionRequest) bool {
	if len(req.Institution) > 0 {
		id, ok := req.Institution[r.client.desc.Provider]
		if !ok || (len(r.Institutions) > 0 && !slices.Contains(r.Institutions, id)) {
			return false
		}
	} else if len(r.Institutions) > 0 {
		return false
	}
	for _, c := range req.Capabilities {
		if !r.client.Has(c) || (len(r.Capabilities) > 0 && !slices.Contains(r.Capabilities, c)) {
			return false
		}
	}
	return true
}

// score orders routes of equal priority for a user by weighted rendezvous hashing. Each user keeps
// the same client, and a new client takes only its share. A smaller score comes first. A score that
// is not below best is not exact.
func (r *route) score(user uint64, best float64) float64 {
	u := (float64(mix(user^r.seed)>>11) + 0.5) * (1.0 / (1 << 53)) // in (0, 1)
	if floor := (1 - u) * r.share; floor >= best {
		return floor // -ln u >= 1-u: cannot win, so the logarithm is saved
	}
	return -math.Log(u) * r.share
}

// first returns the best route for the request. routes are in order of priority.
func first(routes []*route, req *SessionRequest, user uint64) *route {
	var best *route
	score := math.Inf(1)
	for _, r := range routes {
		if best != nil && r.Priority != best.Priority {
			break
		}
		s := r.score(user, score)
		if s < score && r.serves(req) {
			best, score = r, s
		}
	}
	return best
}

// ranked returns the clients of the routes that serve the request, by priority and then by score.
// Each client occurs once, and the first one is that of first. The routes are in order of priority,
// and the table has so many clients.
func ranked(routes []*route, req *SessionRequest, user uint64, clients int) []*Client {
	type place struct {
		score float64
		at    int // in routes
	}
	places := make([]place, 0, len(routes))
	for i, r := range routes {
		if r.serves(req) {
			places = append(places, place{r.score(user, math.Inf(1)), i})
		}
	}
	slices.SortFunc(places, func(a, b place) int {
		if p, q := routes[a.at].Priority, routes[b.at].Priority; p != q {
			return cmp.Compare(p, q)
		}
		return cmp.Or(cmp.Compare(a.score, b.score), cmp.Compare(a.at, b.at))
	})
	all, seen := make([]*Client, 0, len(places)), make([]bool, clients)
	for _, p := range places {
		if r := routes[p.at]; !seen[r.index] {
			seen[r.index] = true
			all = append(all, r.client)
		}
	}
	return all
}

// userHash is the same in all processes and releases, so a user keeps the client.
func userHash(user string) uint64 { return mix(fnv(user)) }

func fnv(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// mix spreads every bit over all (the finalizer of splitmix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
