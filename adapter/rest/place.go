package rest

import (
	"net/http"
	"strings"
)

// inPlace reports whether each parameter of a path has a value that stays where it stands. Ids come
// from outside: "" would be another endpoint, and ".." the one above. Servers also resolve dots
// between slashes that are escaped.
func inPlace(path string, params map[string]string) bool {
	for {
		_, after, found := strings.Cut(path, "{")
		if !found {
			return true
		}
		name, rest, closed := strings.Cut(after, "}")
		value := params[name]
		if !closed || value == "" {
			return false
		}
		for part := range strings.FieldsFuncSeq(value, isSlash) {
			if part == "." || part == ".." {
				return false
			}
		}
		path = rest
	}
}

func isSlash(r rune) bool { return r == '/' || r == '\\' }

const unsendable = "a header field has a name or a value that cannot be sent"

// sendable reports whether net/http sends the fields (RFC 9110, section 5). What it refuses looks
// like a broken connection.
func sendable(header http.Header) bool {
	for name, values := range header {
		if name == "" || strings.ContainsFunc(name, notOfName) {
			return false
		}
		for _, value := range values {
			if strings.ContainsFunc(value, isControl) {
				return false
			}
		}
	}
	return true
}

func notOfName(r rune) bool {
	return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
}

func isControl(r rune) bool { return (r < ' ' && r != '\t') || r == 0x7f }
