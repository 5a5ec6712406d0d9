package rest

// This file refuses requests that cannot be sent.

import (
	"net/http"
	"net/url"
	"strings"
)

// expand replaces the parameters of a path. It reports whether none is missing or leads to another
// endpoint. Ids come from outside: "" would be another endpoint, and ".." the one above. Servers
// also resolve dots between escaped slashes.
func expand(path string, params map[string]string) (expanded string, ok bool) {
	for {
		before, after, found := strings.Cut(path, "{")
		expanded += before
		if !found {
			return expanded, true
		}
		name, rest, closed := strings.Cut(after, "}")
		value := params[name]
		if !closed || value == "" {
			return "", false
		}
		for part := range strings.FieldsFuncSeq(value, isSlash) {
			if part == "." || part == ".." {
				return "", false
			}
		}
		expanded += url.PathEscape(value)
		path = rest
	}
}

func isSlash(r rune) bool { return r == '/' || r == '\\' }

// unsendable is the detail of the error for such a header.
const unsendable = "a header field has a name or a value that cannot be sent"

// sendable reports whether net/http sends the header fields (RFC 9110, section 5). If net/http
// refuses a field, its error looks like a broken connection.
func sendable(header http.Header) bool {
	for name, values := range header {
		for i := range len(name) {
			if !nameBytes[name[i]] {
				return false
			}
		}
		for _, value := range values {
			for i := range len(value) {
				if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
					return false
				}
			}
		}
		if name == "" {
			return false
		}
	}
	return true
}

// nameBytes has true for each byte that the name of a header field may contain.
var nameBytes = func() (allowed [256]bool) {
	for c := byte('!'); c <= '~'; c++ {
		allowed[c] = strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) < 0
	}
	return allowed
}()
