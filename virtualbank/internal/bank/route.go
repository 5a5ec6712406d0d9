package bank

// This file finds the operation of a request.

import (
	"net/url"
	"slices"
	"strings"
)

// Route is one operation of an API. Operation is its name in faults and the journal.
type Route struct {
	Method    string
	Path      string // a segment in braces matches any segment that is not empty
	Operation string
	Open      bool // the operation needs no credentials
	Handle    func(*Call) Reply
}

// Found is the route of a request, with the variables of its path.
type Found struct {
	Route Route
	Vars  map[string]string
}

// Match returns the route of a path. Routes are tried in order, so literal paths precede those with
// variables. If the path has routes for other methods only, Match returns these methods.
func Match(routes []Route, method, escaped string) (Found, []string) {
	var allow []string
	for _, rt := range routes {
		vars, ok := rt.matches(escaped)
		if !ok {
			continue
		}
		if rt.Method == method {
			return Found{rt, vars}, nil
		}
		if !slices.Contains(allow, rt.Method) {
			allow = append(allow, rt.Method)
		}
	}
	slices.Sort(allow)
	return Found{}, allow
}

// matches reports whether the route is for a path, and returns the variables of the path.
func (rt Route) matches(escaped string) (map[string]string, bool) {
	want := strings.Split(rt.Path, "/")
	got := strings.Split(escaped, "/")
	if len(want) != len(got) {
		return nil, false
	}
	var vars map[string]string
	for i, segment := range want {
		// Segments are unescaped one by one, because an id may contain a slash.
		text, err := url.PathUnescape(got[i])
		if err != nil {
			return nil, false
		}
		if name, ok := strings.CutPrefix(segment, "{"); ok && text != "" {
			if vars == nil {
				vars = map[string]string{}
			}
			vars[strings.TrimSuffix(name, "}")] = text
			continue
		}
		if text != segment {
			return nil, false
		}
	}
	return vars, true
}
