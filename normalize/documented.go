package normalize

// This file knows what a provider documents, and what looks like a name.

import (
	"slices"
	"strings"

	"github.com/bankmux/bankmux/internal/plain"
)

// Documented lists what a provider documents beyond the types of its adapter: members that the
// adapter does not read, and the values of enumerations. Anything else in a response is drift: see
// Options.OnDrift in package guard. It is immutable and safe for concurrent use. A nil Documented
// lists nothing.
type Documented struct{ objects map[string]*DocumentedObject }

// DocumentedObject lists the members of one object and the values of its enumerations. A nil
// DocumentedObject lists nothing.
type DocumentedObject struct {
	members map[string]bool
	values  map[string]map[string]bool // by member; values in lower case
	codes   map[string]bool            // the members whose values are codes of errors
}

// Root is the name of the outermost object of a response in a [Documented].
const Root = "root"

// NewDocumented reads a text of two forms of lines:
//
//	root, item: request_id status
//	accounts, account.type = depository.*, credit, money market
//
// The first one lists members of objects. An object has the name of the member that it is the value
// of, and so has each object of a list or map. The second one lists the values of a member of
// objects. Their case does not count, and ".*" stands for any rest after a dot. A line without ":"
// and "=" continues the line above it. The codes of errors that are in the responses of calls which
// succeeded, and in deliveries, have [Codes]. NewDocumented panics if the text has another form,
// since it is part of a program.
func NewDocumented(text string, codes ...Codes) *Documented {
	d := &Documented{objects: map[string]*DocumentedObject{}}
	add := func(string) { panic("normalize: the first line of a Documented names no object") }
	for line := range strings.Lines(text) {
		if names, members, ok := strings.Cut(line, ":"); ok {
			add, line = d.membersOf(names), members
		} else if name, values, ok := strings.Cut(line, "="); ok {
			add, line = d.valuesOf(name), values
		}
		if line = strings.TrimSpace(line); line != "" {
			add(line)
		}
	}
	for _, one := range codes {
		d.addCodes(one)
	}
	return d
}

// Codes says where responses have the codes of errors, and which are listed.
type Codes struct {
	Members   string // such as "item, error.error_code", in the form of [NewDocumented]
	Catalogue *Catalogue
}

// addCodes adds the codes of a catalogue to the values of a member.
func (d *Documented) addCodes(c Codes) {
	objects, member, _ := strings.Cut(c.Members, ".")
	for name := range strings.SplitSeq(objects, ",") {
		o := d.object(name)
		o.codes[member] = true
		if o.values[member] == nil {
			o.values[member] = map[string]bool{}
		}
		for _, row := range c.Catalogue.rows {
			if row.Code != "" {
				o.values[member][strings.ToLower(row.Code)] = true
			}
		}
	}
}

// membersOf returns a function that adds members to objects.
func (d *Documented) membersOf(objects string) func(string) {
	return func(line string) {
		for name := range strings.SplitSeq(objects, ",") {
			for member := range strings.FieldsSeq(line) {
				d.object(name).members[member] = true
			}
		}
	}
}

// valuesOf returns a function that adds the values of a member of objects.
func (d *Documented) valuesOf(path string) func(string) {
	objects, member, ok := strings.Cut(strings.TrimSpace(path), ".")
	if !ok {
		panic("normalize: a line of a Documented has values and no member")
	}
	values := map[string]bool{}
	for name := range strings.SplitSeq(objects, ",") {
		d.object(name).values[member] = values
	}
	return func(line string) {
		for value := range strings.SplitSeq(line, ",") {
			if value = strings.TrimSpace(value); value != "" {
				values[strings.ToLower(value)] = true
			}
		}
	}
}

// object returns an object, and makes it on first use.
func (d *Documented) object(name string) *DocumentedObject {
	name = strings.TrimSpace(name)
	if d.objects[name] == nil {
		d.objects[name] = &DocumentedObject{
			members: map[string]bool{}, values: map[string]map[string]bool{}, codes: map[string]bool{},
		}
	}
	return d.objects[name]
}

// Object returns what is documented of an object, nil if nothing is.
func (d *Documented) Object(name string) *DocumentedObject {
	if d == nil {
		return nil
	}
	return d.objects[name]
}

// HasMember reports whether a member is listed. It does not keep the name.
func (o *DocumentedObject) HasMember(name []byte) bool { return o != nil && o.members[string(name)] }

// Enumerates reports whether the values of a member are listed.
func (o *DocumentedObject) Enumerates(member string) bool { return o != nil && o.values[member] != nil }

// IsCode reports whether the values of a member are codes of errors.
func (o *DocumentedObject) IsCode(member string) bool { return o != nil && o.codes[member] }

// HasValue reports whether a value of a member is listed.
func (o *DocumentedObject) HasValue(member, value string) bool {
	if o == nil {
		return false
	}
	value = strings.ToLower(value)
	family, _, dotted := strings.Cut(value, ".")
	return o.values[member][value] || dotted && o.values[member][family+".*"]
}

// Masked stands for what does not look like a name.
const Masked = "*"

// Name returns a text that looks like the name of a member or of a value, such as "account_id",
// "bankName" or "SYNC_UPDATES_AVAILABLE". It returns [Masked] for anything else, which may be an
// id, an address or a secret, such as the key of a map. A name has at most 64 letters, digits and
// _ . or -, and no run of more than two digits.
//
// A person's name of one word of letters passes, such as "maria" or "jane.doe". So does an id of
// letters in one case.
func Name(text string) string {
	if !plain.IsName(text) {
		return Masked
	}
	return text
}

// ValueName returns a value of a member as [Name] does. A value of several words may be a person's
// name. It is [Masked] unless the documented values of the member have each of the words.
func (o *DocumentedObject) ValueName(member, value string) string {
	const maxWords = 8
	words := strings.SplitN(value, " ", maxWords+1)
	if len(words) == 1 {
		return Name(value)
	}
	for _, word := range words {
		if len(words) > maxWords || Name(word) == Masked || !o.hasWord(member, word) {
			return Masked
		}
	}
	return value
}

// hasWord reports whether a documented value of a member has a word.
func (o *DocumentedObject) hasWord(member, word string) bool {
	if o == nil {
		return false
	}
	for value := range o.values[member] {
		if slices.Contains(strings.Fields(value), strings.ToLower(word)) {
			return true
		}
	}
	return false
}
