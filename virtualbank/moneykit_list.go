package virtualbank

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// cursor is a place in a list, opaque to clients. An unknown cursor is refused as an
// invalid request, which is the bank's choice: nothing is documented.
func cursorOf(list string, at int) string {
	return base64.RawURLEncoding.EncodeToString([]byte(list + ":" + strconv.Itoa(at)))
}

func readCursor(q url.Values, list string) (at int, ok bool) {
	text := q.Get("cursor")
	if text == "" {
		return 0, true
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	number, found := strings.CutPrefix(string(raw), list+":")
	if err != nil || !found {
		return 0, false
	}
	at, err = strconv.Atoi(number)
	return at, err == nil && at >= 0
}

func readLimit(q url.Values, fallback, least, most int) (int, reply, bool) {
	text := q.Get("limit")
	if text == "" {
		return fallback, reply{}, true
	}
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return 0, mkQueryFault("limit", "value is not a valid integer", "type_error.integer"), false
	case n < least:
		return 0, mkQueryFault(
			"limit",
			"ensure this value is greater than or equal to "+strconv.Itoa(least),
			"value_error.number.not_ge",
		), false
	case n > most:
		return 0, mkQueryFault(
			"limit",
			"ensure this value is less than or equal to "+strconv.Itoa(most),
			"value_error.number.not_le",
		), false
	}
	return n, reply{}, true
}

type linkItem struct {
	LinkID  string  `json:"link_id"`
	Created *string `json:"created_at"`
}

type linkList struct {
	Links []linkItem `json:"links"`
	Next  string     `json:"next_cursor"` // empty on the last page
}

// mkListLinks serves GET /links: the connected links, oldest first. The cursor counts
// links ever made, so that it holds while links come and go.
func (b *mkProvider) mkListLinks(c *call) reply {
	q := c.r.URL.Query()
	limit, p, ok := readLimit(q, 1000, 500, 5000)
	if !ok {
		return p
	}
	at, ok := readCursor(q, "links")
	if !ok {
		return mkQueryFault("cursor", "invalid cursor", "value_error")
	}
	b.Lock()
	defer b.Unlock()
	out := linkList{Links: []linkItem{}}
	for ; at < len(b.order); at++ {
		l := b.order[at]
		if l.state != stateConnected {
			continue
		}
		if len(out.Links) == limit {
			out.Next = cursorOf("links", at)
			break
		}
		out.Links = append(out.Links, linkItem{l.id, mkTime(l.created)})
	}
	return reply{status: http.StatusOK, body: out}
}

type institutionWire struct {
	ID        string   `json:"institution_id"`
	Aliases   []string `json:"institution_id_aliases"`
	Name      string   `json:"name"`
	Country   string   `json:"country"`
	Domain    *string  `json:"domain"`
	Color     *string  `json:"color"`
	ColorDark *string  `json:"color_dark"`
	Featured  bool     `json:"is_featured"`
}

func institutionWireOf(in coreInstitution) institutionWire {
	return institutionWire{
		ID: in.MoneyKitID, Aliases: append([]string{}, in.MoneyKitAliases...), Name: in.Name, Country: in.Country,
		Domain: new(in.Domain), Color: new("#1F4E79"), Featured: in.Featured,
	}
}

type institutionList struct {
	Institutions []institutionWire `json:"institutions"`
	Cursors      struct {
		Next *string `json:"next"`
	} `json:"cursors"`
}

func (b *mkProvider) mkListInstitutions(c *call) reply {
	q := c.r.URL.Query()
	limit, p, ok := readLimit(q, 50, 1, 1000)
	if !ok {
		return p
	}
	at, ok := readCursor(q, "institutions")
	if !ok {
		return mkQueryFault("cursor", "invalid cursor", "value_error")
	}
	featured := false
	if text := q.Get("featured"); text != "" {
		var err error
		if featured, err = strconv.ParseBool(text); err != nil {
			return mkQueryFault("featured", "value could not be parsed to a boolean", "type_error.bool")
		}
	}
	out := institutionList{Institutions: []institutionWire{}}
	for ; at < len(b.institutions); at++ {
		in := b.institutions[at]
		if in.MoneyKitID == "" || (featured && !in.Featured) || !nameHas(in, q.Get("name")) {
			continue
		}
		if len(out.Institutions) == limit {
			out.Cursors.Next = new(cursorOf("institutions", at))
			break
		}
		out.Institutions = append(out.Institutions, institutionWireOf(in))
	}
	return reply{status: http.StatusOK, body: out}
}

func (b *mkProvider) mkGetInstitution(c *call) reply {
	in, ok := b.institution(func(in coreInstitution) bool { return in.moneyKitGoesBy(c.vars["institution_id"]) })
	if !ok {
		return mkFail(http.StatusNotFound, mkNoInstitution, "Institution not found")
	}
	return reply{status: http.StatusOK, body: institutionWireOf(in)}
}

// avatarOf is an address nobody serves, as the real ones are on another host.
func avatarOf(in coreInstitution) string {
	return "https://cdn.example.com/institutions/" + in.MoneyKitID + ".png"
}

// nameHas reports whether a word of the name begins with prefix, as MoneyKit's search does.
func nameHas(in coreInstitution, prefix string) bool {
	prefix = strings.ToLower(strings.TrimSpace(prefix))
	name := strings.ToLower(in.Name)
	for i := range name {
		if (i == 0 || name[i-1] == ' ') && strings.HasPrefix(name[i:], prefix) {
			return true
		}
	}
	return prefix == ""
}
