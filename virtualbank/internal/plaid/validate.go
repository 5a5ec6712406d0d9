package plaid

// This file reads requests and checks them.

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// request is a call under the mutex.
type request struct {
	object
	call *bank.Call
	bank *Provider
}

// object is a JSON object under validation. A member that was never asked for is unknown.
type object struct {
	members map[string]any
	known   map[string]bool
	path    string // "options." within options
	faults  *faults
}

// faults are what is wrong with a body, by the error that it gives.
type faults struct {
	missing, unknown, invalid []string
	first                     *bank.Reply // an error of another code
	within                    []object
}

// readBody decodes a body. The reply is the refusal of one that is not a JSON object.
func readBody(c *bank.Call) (object, bank.Reply, bool) {
	none := object{}
	header := c.Request.Header.Get("Content-Type")
	kind, _, _ := mime.ParseMediaType(header)
	switch {
	case header == "":
		return none, refuse(invalidHeaders, "the following headers are required: Content-Type"), false
	case kind != bank.JSONType:
		return none, refuse(invalidBody, "body could not be parsed: Content-Type must be application/json"), false
	}
	dec := json.NewDecoder(bytes.NewReader(c.Body))
	dec.UseNumber()
	var value any
	if dec.Decode(&value) != nil || !bank.Ended(dec) {
		return none, refuse(invalidBody, "body could not be parsed as JSON"), false
	}
	members, isObject := value.(map[string]any)
	if !isObject {
		return none, refuse(invalidBody, "body must be a JSON object"), false
	}
	o := object{members: members, known: map[string]bool{}, faults: &faults{}}
	o.faults.within = []object{o}
	o.know("client_id", "secret")
	return o, bank.Reply{}, true
}

// know accepts members whose content does not matter to the bank.
func (o object) know(names ...string) {
	for _, name := range names {
		o.known[name] = true
	}
}

func (o object) invalid(name, why string) {
	o.faults.invalid = append(o.faults.invalid, o.path+name+" "+why)
}

// fail notes an error of another code than those of the form. The first one counts.
func (o object) fail(c code, message string) {
	if o.faults.first == nil {
		p := refuse(c, message)
		o.faults.first = &p
	}
}

// get returns a member; present is false for one that is absent or null.
func (o object) get(name string, required, nullable bool) (value any, present bool) {
	o.know(name)
	value, exists := o.members[name]
	switch {
	case !exists && required:
		o.faults.missing = append(o.faults.missing, o.path+name)
	case exists && value == nil && !nullable:
		o.invalid(name, "must not be null")
	}
	return value, exists && value != nil
}

// text returns a string; "" where it is absent. A required one is not empty.
func (o object) text(name string, required, nullable bool) string {
	value, present := o.get(name, required, nullable)
	if !present {
		return ""
	}
	s, isText := value.(string)
	switch {
	case !isText:
		o.invalid(name, "must be a string")
	case required && s == "":
		o.invalid(name, "must be a non-empty string")
	}
	return s
}

// oneOf returns a string among some.
func (o object) oneOf(name string, required, nullable bool, all ...string) string {
	s := o.text(name, required, nullable)
	if s != "" && !slices.Contains(all, s) {
		o.invalid(name, "must be one of: "+strings.Join(all, ", "))
	}
	return s
}

// flag returns a boolean, false where it is absent.
func (o object) flag(name string) (set, present bool) {
	value, present := o.get(name, false, true)
	if !present {
		return false, false
	}
	set, isBool := value.(bool)
	if !isBool {
		o.invalid(name, "must be a boolean")
	}
	return set, true
}

// integer returns a whole number between two.
func (o object) integer(name string, required bool, fallback, low, high int) int {
	value, present := o.get(name, required, false)
	if !present {
		return fallback
	}
	number, isNumber := value.(json.Number)
	n, err := strconv.Atoi(number.String())
	switch {
	case !isNumber || err != nil:
		o.invalid(name, "must be an integer")
	case n < low || n > high:
		o.invalid(name, "must be between "+strconv.Itoa(low)+" and "+strconv.Itoa(high))
	}
	return n
}

// number returns a JSON number as it was written.
func (o object) number(name string) string {
	value, present := o.get(name, true, false)
	if !present {
		return ""
	}
	number, isNumber := value.(json.Number)
	if !isNumber {
		o.invalid(name, "must be a number")
	}
	return number.String()
}

// day returns a required date; 0 where it is wrong.
func (o object) day(name string) bank.Day {
	text := o.text(name, true, false)
	if text == "" {
		return 0
	}
	d, valid := bank.ParseDay(text)
	if !valid {
		o.invalid(name, "must be a date in the format YYYY-MM-DD")
		return 0
	}
	return d
}

// moment returns a date-time.
func (o object) moment(name string) (t time.Time, present bool) {
	text := o.text(name, false, false)
	if text == "" {
		return t, false
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		o.invalid(name, "must be a date-time in the format of RFC 3339")
	}
	return t, err == nil
}

// texts returns a list of strings; nil where it is absent.
func (o object) texts(name string, required, nullable bool, least int) []string {
	value, present := o.get(name, required, nullable)
	if !present {
		return nil
	}
	items, isList := value.([]any)
	if !isList {
		o.invalid(name, "must be an array of strings")
		return nil
	}
	if len(items) < least {
		o.invalid(name, "must have at least "+strconv.Itoa(least)+" entries")
	}
	list := make([]string, 0, len(items))
	for _, item := range items {
		s, isText := item.(string)
		if !isText {
			o.invalid(name, "must be an array of strings")
			return nil
		}
		list = append(list, s)
	}
	return list
}

// object returns an object member. One that is absent has no members.
func (o object) object(name string, required, nullable bool) (object, bool) {
	value, present := o.get(name, required, nullable)
	return o.inner(name, value, present)
}

func (o object) inner(name string, value any, present bool) (object, bool) {
	in := object{known: map[string]bool{}, path: o.path + name + ".", faults: o.faults}
	if !present {
		return in, false
	}
	members, isObject := value.(map[string]any)
	if !isObject {
		o.invalid(name, "must be an object")
		return in, false
	}
	in.members = members
	o.faults.within = append(o.faults.within, in)
	return in, true
}

// address returns a URL of http or https.
func (o object) address(name string, nullable bool) string {
	text := o.text(name, false, nullable)
	if text == "" {
		return ""
	}
	if u, err := url.Parse(text); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		o.invalid(name, "must be a valid URL")
	}
	return text
}

var clientIDForm = regexp.MustCompile(`^[0-9a-f]{24}$`)

// refusal returns what is wrong with the body so far. Unknown and missing members come first, then
// the form of client_id, the keys, the form of the members, and what else was noted. Plaid does not
// publish an order, so this one is the bank's.
func (r request) refusal() (bank.Reply, bool) {
	f := r.faults
	for _, o := range f.within {
		for name := range o.members {
			if !o.known[name] {
				f.unknown = append(f.unknown, o.path+name)
			}
		}
	}
	id, secret := r.credential("client_id", "PLAID-CLIENT-ID"), r.credential("secret", "PLAID-SECRET")
	version := r.call.Request.Header.Get("Plaid-Version")
	slices.Sort(f.unknown)
	slices.Sort(f.missing)
	switch {
	case len(f.unknown) > 0:
		return refuse(unknownFields, "the following fields are not recognized by this endpoint: "+
			strings.Join(f.unknown, ", ")), true
	case len(f.missing) > 0:
		return refuse(missingFields, "the following required fields are missing: "+strings.Join(f.missing, ", ")), true
	case !clientIDForm.MatchString(id):
		return refuse(invalidField, "client_id must be a properly formatted, non-empty string"), true
	case !bank.Same(id, r.bank.creds.ClientID) || !bank.Same(secret, r.bank.creds.Secret):
		return refuse(invalidKeys, "invalid client_id or secret provided"), true
	case version != "" && version != Version:
		return refuse(oldVersion, "the bank serves version "+Version+" alone"), true
	case len(f.invalid) > 0:
		return refuse(invalidField, f.invalid[0]), true
	case f.first != nil:
		return *f.first, true
	}
	return bank.Reply{}, false
}

// credential returns a credential from the body or a header. Where both have it the body counts,
// which is the bank's choice.
func (r request) credential(name, header string) string {
	value, exists := r.members[name]
	if !exists || value == nil {
		if text := r.call.Request.Header.Get(header); text != "" {
			return text
		}
		r.faults.missing = append(r.faults.missing, name)
		return ""
	}
	text, isText := value.(string)
	if !isText {
		r.invalid(name, "must be a string")
	}
	return text
}
