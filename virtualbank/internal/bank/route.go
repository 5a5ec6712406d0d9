package bank

import (
	"net/url"
	"slices"
	"strings"
)

// Route is one operation of an API. op names it for faults and the journal.
type Route struct {
	Method    string
	Path      string // segments in braces match anything but an empty segment
	Operation string
	Open      bool // needs no credentials
	Handle    func(*Call) Reply
}

type Found struct {
	Route Route
	Vars  map[string]string
}

// Match finds the route of a path. Routes are tried in order, so literal paths go before
// those with variables. When the path is known but not for this method, the methods
// it is known for come back.
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

func (rt Route) matches(escaped string) (map[string]string, bool) {
	want := strings.Split(rt.Path, "/")
	got := strings.Split(escaped, "/")
	if len(want) != len(got) {
		return nil, false
	}
	var vars map[string]string
	for i, segment := range want {
		// Segments are unescaped one by one: an identifier may hold a slash.
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
