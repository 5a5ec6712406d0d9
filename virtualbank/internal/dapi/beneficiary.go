package dapi

// This file registers and lists beneficiaries.

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// payee is a beneficiary that a customer registered.
type payee struct {
	id, name, kind, iban, number, routing, bank string
	wire                                        bool
	added                                       time.Time
}

// payeesReply is the response with beneficiaries.
type payeesReply struct {
	envelope
	List []map[string]any `json:"beneficiaries"`
}

// servePayees serves the lists of beneficiaries.
func (b *Provider) servePayees(wire bool) func(*bank.Call) bank.Reply {
	return b.servePayment(onlyFor(wire), nil, func(a *paymentArgs) bank.Reply {
		list := []map[string]any{}
		for _, p := range b.payees[a.conn.book] {
			if p.wire != wire {
				continue
			}
			out := map[string]any{
				"id": p.id, "name": p.name, "type": p.kind, "status": payeeWaiting,
				"accountNumber": bank.Nullable(p.number),
			}
			if wire {
				out["routingNumber"], out["bankName"] = bank.Nullable(p.routing), bank.Nullable(p.bank)
				out["address"] = nil
			} else {
				out["iban"] = bank.Nullable(p.iban)
			}
			list = append(list, out)
		}
		return bank.Reply{Status: http.StatusOK, Body: payeesReply{done(), list}}
	})
}

// payee reads a beneficiary. Dapi's sources disagree about the required members; the bank requires
// those on which they agree. If typed is set, type is required too.
func (a *paymentArgs) payee(wire, typed bool) *payee {
	p := &payee{wire: wire, name: a.text("name", true), number: a.text("accountNumber", true), added: a.b.Now()}
	p.bank, p.iban, p.routing = a.text("bankName", false), a.text("iban", !wire), a.text("routingNumber", wire)
	p.kind = a.word("type", typed && !wire, "same", "local", "intl")
	if p.kind == "" {
		p.kind = "local"
	}
	if !wire {
		for _, name := range []string{"country", "branchAddress", "branchName"} {
			a.text(name, true)
		}
		a.within("name", p.name, metadataOf(a.conn.institution, 0).Validators.Beneficiary["local"]["name"])
	} else if p.routing != "" && !bank.IsRoutingNumber(p.routing) {
		a.refuse(http.StatusBadRequest, typeParameter, "routingNumber is not nine digits with a valid check digit")
	}
	return p
}

// knownPayee returns the registered beneficiary with the same account, or nil.
func (b *Provider) knownPayee(bk *bank.Book, p *payee) *payee {
	payees := b.payees[bk]
	i := slices.IndexFunc(payees, func(q *payee) bool {
		number := p.number != "" && p.number == q.number && p.routing == q.routing
		return p.wire == q.wire && (number || (p.iban != "" && p.iban == q.iban))
	})
	if i < 0 {
		return nil
	}
	return payees[i]
}

// register adds a beneficiary.
func (b *Provider) register(bk *bank.Book, p *payee) {
	p.id = b.Name88(bk.Institution.Name, bk.Username, "payee", strconv.Itoa(len(b.payees[bk])))
	b.payees[bk] = append(b.payees[bk], p)
}

// addPayee serves the registration of a beneficiary.
func (b *Provider) addPayee(wire bool) func(*bank.Call) bank.Reply {
	return b.servePayment(onlyFor(wire), nil, func(a *paymentArgs) bank.Reply {
		p := a.payee(wire, true)
		if a.wrong != nil {
			return *a.wrong
		}
		if b.knownPayee(a.conn.book, p) != nil {
			return fail(http.StatusBadRequest, typeExists, "a beneficiary with this account is registered already")
		}
		b.register(a.conn.book, p)
		return bank.Reply{Status: http.StatusOK, Body: done()}
	})
}

// receiver returns the beneficiary to pay. With autoflow it may be a new one.
func (a *paymentArgs) receiver(wire, autoflow bool) *payee {
	bk := a.conn.book
	if autoflow {
		inner, ok := a.member("beneficiary", false)
		if !ok { // Dapi's Go SDK writes a capital letter
			inner, ok = a.member("Beneficiary", false)
		}
		members, isObject := inner.(map[string]any)
		switch {
		case !ok:
			a.missing("beneficiary is missing, and the dashboard names none")
			return nil
		case !isObject:
			a.mistyped("beneficiary", "an object")
			return nil
		}
		of := &paymentArgs{b: a.b, conn: a.conn, members: members, wrong: a.wrong}
		p := of.payee(wire, false)
		a.wrong = of.wrong
		if q := a.b.knownPayee(bk, p); q != nil {
			return q
		}
		return p
	}
	if id := a.text("receiverID", false); id != "" {
		i := slices.IndexFunc(a.b.payees[bk], func(p *payee) bool { return p.id == id && p.wire == wire })
		if i < 0 {
			a.refuse(http.StatusBadRequest, typeParameter, "receiverID is not that of a beneficiary")
			return nil
		}
		return a.b.payees[bk][i]
	}
	p := &payee{wire: wire, name: a.text("name", false)}
	p.iban, p.number = a.text("iban", false), a.text("accountNumber", false)
	if p.name == "" || p.iban+p.number == "" {
		a.missing("receiverID is missing, or name with iban or accountNumber")
		return nil
	}
	q := a.b.knownPayee(bk, p)
	if q == nil {
		a.refuse(http.StatusBadRequest, typeParameter, "the bank wants the beneficiary registered first")
	}
	return q
}
