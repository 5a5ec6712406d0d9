package providertest

// This file searches texts for many strings at once.

import (
	"encoding/binary"
	"strings"
)

// needles searches a text for many strings in one pass. One pass per string would take most of the
// suite's time.
type needles struct {
	secrets map[string]string   // by needle: the secret that it is a form of
	short   []string            // needles that are shorter than a window
	starts  map[uint64][]string // the other needles, by their first window
	maybe   [1 << 10]uint64     // a bit per first window, to skip other positions fast
	windows bool
}

// window is the number of bytes that are compared at once.
const window = 8

func newNeedles() *needles {
	return &needles{secrets: map[string]string{}, starts: map[uint64][]string{}}
}

func (n *needles) has(needle string) bool { _, ok := n.secrets[needle]; return ok }

// add adds a form of a secret.
func (n *needles) add(needle, secret string) {
	if needle == "" || n.has(needle) {
		return
	}
	n.secrets[needle] = secret
	if len(needle) < window {
		n.short = append(n.short, needle)
		return
	}
	start := binary.LittleEndian.Uint64([]byte(needle[:window]))
	n.starts[start] = append(n.starts[start], needle)
	word, bit := slot(start)
	n.maybe[word] |= bit
	n.windows = true
}

// slot returns the bit of a window in the filter.
func slot(start uint64) (word, bit uint64) {
	h := start * 0x9e3779b97f4a7c15 >> 48
	return h >> 6, 1 << (h & 63)
}

// in returns the secrets that have a form in text.
func (n *needles) in(text string) map[string]bool {
	found := map[string]bool{}
	for _, needle := range n.short {
		if strings.Contains(text, needle) {
			found[n.secrets[needle]] = true
		}
	}
	if !n.windows {
		return found
	}
	var last uint64 // the last bytes that were read
	for i := range len(text) {
		last = last>>8 | uint64(text[i])<<56
		if word, bit := slot(last); n.maybe[word]&bit == 0 || i < window-1 {
			continue
		}
		for _, needle := range n.starts[last] {
			if strings.HasPrefix(text[i+1-window:], needle) {
				found[n.secrets[needle]] = true
			}
		}
	}
	return found
}
