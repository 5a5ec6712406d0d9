package virtualbank

// This file adds a member to the responses, as a provider does from one day to the next.

import (
	"bytes"
	"encoding/json"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// AddedValue is the value of the members of [Bank.AddMember].
const AddedValue = "the value of an added member"

// AddMember adds a member with the value [AddedValue] to every later response of all providers. The
// outermost object of a response gets it, and each object of its lists. An object that has the
// member keeps it. "" ends that.
func (b *Bank) AddMember(name string) {
	b.core.Lock()
	defer b.core.Unlock()
	b.member = name
}

// withMember returns a response with the added member.
func (b *Bank) withMember(p bank.Reply) bank.Reply {
	b.core.Lock()
	name := b.member
	b.core.Unlock()
	if name == "" || p.Body == nil {
		return p
	}
	dec := json.NewDecoder(bytes.NewReader(bank.Encode(p.Body)))
	dec.UseNumber() // an amount keeps its text
	var body any
	if err := dec.Decode(&body); err != nil {
		panic(err) // the bank has just written it
	}
	addMember(body, name, true)
	p.Body = body
	return p
}

// addMember adds a member to a value and to what is in it.
func addMember(value any, name string, here bool) {
	switch v := value.(type) {
	case map[string]any:
		for _, member := range v {
			addMember(member, name, false)
		}
		if _, has := v[name]; here && !has {
			v[name] = AddedValue
		}
	case []any:
		for _, element := range v {
			addMember(element, name, true)
		}
	}
}
