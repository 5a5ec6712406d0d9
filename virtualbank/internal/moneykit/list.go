package moneykit

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
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

func readLimit(q url.Values, fallback, lowest, highest int) (int, bank.Reply, bool) {
	text := q.Get("limit")
	if text == "" {
		return fallback, bank.Reply{}, true
	}
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return 0, queryFault("limit", "value is not a valid integer", "type_error.integer"), false
	case n < lowest:
		return 0, queryFault(
			"limit",
			"ensure this value is greater than or equal to "+strconv.Itoa(lowest),
			"value_error.number.not_ge",
		), false
	case n > highest:
		return 0, queryFault(
			"limit",
			"ensure this value is less than or equal to "+strconv.Itoa(highest),
			"value_error.number.not_le",
		), false
	}
	return n, bank.Reply{}, true
}

type linkItem struct {
	LinkID  string  `json:"link_id"`
	Created *string `json:"created_at"`
}

type linkList struct {
	Links []linkItem `json:"links"`
	Next  string     `json:"next_cursor"` // empty on the last page
}

// serveLinks serves GET /links: the connected links, oldest first. The cursor counts
// links ever made, so that it holds while links come and go.
func (b *Provider) serveLinks(c *bank.Call) bank.Reply {
	q := c.Request.URL.Query()
	limit, p, ok := readLimit(q, 1000, 500, 5000)
	if !ok {
		return p
	}
	at, ok := readCursor(q, "links")
	if !ok {
		return queryFault("cursor", "invalid cursor", "value_error")
	}
	b.Lock()
	defer b.Unlock()
	out := linkList{Links: []linkItem{}}
	for ; at < len(b.order); at++ {
		l := b.order[at]
		if l.state != bank.StateConnected {
			continue
		}
		if len(out.Links) == limit {
			out.Next = cursorOf("links", at)
			break
		}
		out.Links = append(out.Links, linkItem{l.id, timestamp(l.created)})
	}
	return bank.Reply{Status: http.StatusOK, Body: out}
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

func institutionWireOf(in bank.Institution) institutionWire {
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

func (b *Provider) serveInstitutions(c *bank.Call) bank.Reply {
	q := c.Request.URL.Query()
	limit, p, ok := readLimit(q, 50, 1, 1000)
	if !ok {
		return p
	}
	at, ok := readCursor(q, "institutions")
	if !ok {
		return queryFault("cursor", "invalid cursor", "value_error")
	}
	featured := false
	if text := q.Get("featured"); text != "" {
		var err error
		if featured, err = strconv.ParseBool(text); err != nil {
			return queryFault("featured", "value could not be parsed to a boolean", "type_error.bool")
		}
	}
	out := institutionList{Institutions: []institutionWire{}}
	for ; at < len(b.Institutions); at++ {
		in := b.Institutions[at]
		if in.MoneyKitID == "" || (featured && !in.Featured) || !nameHas(in, q.Get("name")) {
			continue
		}
		if len(out.Institutions) == limit {
			out.Cursors.Next = new(cursorOf("institutions", at))
			break
		}
		out.Institutions = append(out.Institutions, institutionWireOf(in))
	}
	return bank.Reply{Status: http.StatusOK, Body: out}
}

func (b *Provider) serveInstitution(c *bank.Call) bank.Reply {
	in, ok := b.Institution(func(in bank.Institution) bool { return in.MoneyKitGoesBy(c.Vars["institution_id"]) })
	if !ok {
		return fail(http.StatusNotFound, codeNoInstitution, "Institution not found")
	}
	return bank.Reply{Status: http.StatusOK, Body: institutionWireOf(in)}
}

// avatarOf is an address nobody serves, as the real ones are on another host.
func avatarOf(in bank.Institution) string {
	return "https://cdn.example.com/institutions/" + in.MoneyKitID + ".png"
}

// nameHas reports whether a word of the name begins with prefix, as MoneyKit's search does.
func nameHas(in bank.Institution, prefix string) bool {
	prefix = strings.ToLower(strings.TrimSpace(prefix))
	name := strings.ToLower(in.Name)
	for i := range name {
		if (i == 0 || name[i-1] == ' ') && strings.HasPrefix(name[i:], prefix) {
			return true
		}
	}
	return prefix == ""
}
