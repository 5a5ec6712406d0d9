package virtualbank

import (
	"net/url"
	"slices"
	"strings"
)

// route is one operation of an API. op names it for faults and the journal.
type route struct {
	method string
	path   string // segments in braces match anything but an empty segment
	op     string
	open   bool // needs no credentials
	handle func(*call) reply
}

type found struct {
	route route
	vars  map[string]string
}

// match finds the route of a path. Routes are tried in order, so literal paths go before
// those with variables. When the path is known but not for this method, the methods
// it is known for come back.
func match(routes []route, method, escaped string) (found, []string) {
	var allow []string
	for _, rt := range routes {
		vars, ok := rt.matches(escaped)
		if !ok {
			continue
		}
		if rt.method == method {
			return found{rt, vars}, nil
		}
		if !slices.Contains(allow, rt.method) {
			allow = append(allow, rt.method)
		}
	}
	slices.Sort(allow)
	return found{}, allow
}

func (rt route) matches(escaped string) (map[string]string, bool) {
	want := strings.Split(rt.path, "/")
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
