package wire

// This file leaves out the parts of an owner that a response leaves empty.

import "github.com/bankmux/bankmux"

// StatedOwner returns an owner without its empty parts, which a bank writes as null or "". Those
// are empty names, and addresses, telephone numbers, e-mail addresses and documents without
// content. The owner is zero if nothing is left. It may share memory with o.
func StatedOwner(o bankmux.Owner) bankmux.Owner {
	o.Names = stated(o.Names, func(name string) bool { return name != "" })
	o.Addresses = stated(o.Addresses, func(a bankmux.Address) bool {
		return a != bankmux.Address{Primary: a.Primary}
	})
	o.Phones = stated(o.Phones, func(p bankmux.Phone) bool { return p.Number != "" })
	o.Emails = stated(o.Emails, func(m bankmux.Email) bool { return m.Address != "" })
	o.Documents = stated(o.Documents, func(d bankmux.Document) bool { return d.Number != "" })
	return o
}

// stated returns the elements that have content, nil if there are none.
func stated[T any](all []T, has func(T) bool) (kept []T) {
	for _, one := range all {
		if has(one) {
			kept = append(kept, one)
		}
	}
	return kept
}
