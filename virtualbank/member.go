package virtualbank

// This file adds a member to the responses.

import (
	"encoding/json"

	"github.com/bankmux/bankmux/internal/wirefault"
	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// AddedValue is the value of the members of [Bank.AddMember], "the value of an added member".
const AddedValue = wirefault.AddedValue

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
	if name != "" && p.Body != nil {
		p.Body = json.RawMessage(wirefault.AddMember(bank.Encode(p.Body), name))
	}
	return p
}
