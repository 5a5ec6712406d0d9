package moneykit

// This file serves the lists of links and institutions.

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// cursorOf returns the cursor for a place in a list. MoneyKit does not document the response to an
// unknown cursor; the bank's choice is an invalid request.
func cursorOf(list string, at int) string {
	return base64.RawURLEncoding.EncodeToString([]byte(list + ":" + strconv.Itoa(at)))
}

// readCursor returns the place of the cursor in a query.
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

// readLimit returns the limit in a query. If ok is false, it returns the refusal.
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
	Next  string     `json:"next_cursor"` // "" on the last page
}

// serveLinks serves GET /links: the connected links, the oldest first. The cursor counts all links
// ever made, so it stays valid while links are added and deleted.
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

// institutionWireOf returns an institution as MoneyKit writes it.
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

// serveInstitutions serves GET /institutions.
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

// serveInstitution serves GET /institutions/{institution_id}.
func (b *Provider) serveInstitution(c *bank.Call) bank.Reply {
	in, ok := b.Institution(func(in bank.Institution) bool { return in.MoneyKitGoesBy(c.Vars["institution_id"]) })
	if !ok {
		return fail(http.StatusNotFound, codeNoInstitution, "Institution not found")
	}
	return bank.Reply{Status: http.StatusOK, Body: institutionWireOf(in)}
}

// avatarOf returns the address of an institution's logo. It does not exist, as real logos are on
// another host.
func avatarOf(in bank.Institution) string {
	return "https://cdn.example.com/institutions/" + in.MoneyKitID + ".png"
}

// nameHas reports whether a word of the name starts with prefix, like MoneyKit's search.
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
