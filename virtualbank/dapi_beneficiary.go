package virtualbank

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// payee is a beneficiary that a customer registered at a bank.
type payee struct {
	id, name, kind, iban, number, routing, bank string
	wire                                        bool
	added                                       time.Time
}

// dpPayees is the answer with beneficiaries.
type dpPayees struct {
	envelope
	List []map[string]any `json:"beneficiaries"`
}

func (b *dpProvider) dpPayees(wire bool) func(*call) reply {
	return b.dpPay(onlyFor(wire), nil, func(a *dpArgs) reply {
		list := []map[string]any{}
		for _, p := range b.payees[a.conn.book] {
			if p.wire != wire {
				continue
			}
			out := map[string]any{
				"id": p.id, "name": p.name, "type": p.kind, "accountNumber": nullable(p.number), "status": payeeWaiting,
			}
			if wire {
				out["routingNumber"], out["bankName"], out["address"] = nullable(p.routing), nullable(p.bank), nil
			} else {
				out["iban"] = nullable(p.iban)
			}
			list = append(list, out)
		}
		return reply{status: http.StatusOK, body: dpPayees{done(), list}}
	})
}

// payee reads a beneficiary. Sources disagree about what is required: the bank wants what all of
// them want. typed is where the kind must be told.
func (a *dpArgs) payee(wire, typed bool) *payee {
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
	} else if p.routing != "" && !routingNumber(p.routing) {
		a.refuse(http.StatusBadRequest, dpParameter, "routingNumber is not nine digits with a valid check digit")
	}
	return p
}

// known finds a registered beneficiary that has the same account.
func (b *dpProvider) knownPayee(bk *book, p *payee) *payee {
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

// register adds a beneficiary to those of the customer.
func (b *dpProvider) register(bk *book, p *payee) *payee {
	p.id = b.name88(bk.institution.Name, bk.username, "payee", strconv.Itoa(len(b.payees[bk])))
	b.payees[bk] = append(b.payees[bk], p)
	return p
}

func (b *dpProvider) dpAddPayee(wire bool) func(*call) reply {
	return b.dpPay(onlyFor(wire), nil, func(a *dpArgs) reply {
		p := a.payee(wire, true)
		if a.wrong != nil {
			return *a.wrong
		}
		if b.knownPayee(a.conn.book, p) != nil {
			return dpFail(http.StatusBadRequest, dpExists, "a beneficiary with this account is registered already")
		}
		b.register(a.conn.book, p)
		return reply{status: http.StatusOK, body: done()}
	})
}

// receiver is who is paid: a registered beneficiary or, for autoflow, one that may be new.
func (a *dpArgs) receiver(wire, autoflow bool) *payee {
	bk := a.conn.book
	if autoflow {
		inner, ok := a.member("beneficiary", false)
		if !ok { // Dapi's Go SDK writes it with a capital letter
			inner, ok = a.member("Beneficiary", false)
		}
		members, isObject := inner.(map[string]any)
		switch {
		case !ok:
			a.refuse(http.StatusUnprocessableEntity, dpMissing, "beneficiary is missing, and the dashboard names none")
			return nil
		case !isObject:
			a.mistyped("beneficiary", "an object")
			return nil
		}
		of := &dpArgs{b: a.b, conn: a.conn, members: members, wrong: a.wrong}
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
			a.refuse(http.StatusBadRequest, dpParameter, "receiverID is not that of a beneficiary")
			return nil
		}
		return a.b.payees[bk][i]
	}
	p := &payee{wire: wire, name: a.text("name", false)}
	p.iban, p.number = a.text("iban", false), a.text("accountNumber", false)
	if p.name == "" || p.iban+p.number == "" {
		a.refuse(http.StatusUnprocessableEntity, dpMissing, "receiverID is missing, or name with iban or accountNumber")
		return nil
	}
	q := a.b.knownPayee(bk, p)
	if q == nil {
		a.refuse(http.StatusBadRequest, dpParameter, "the bank wants the beneficiary registered first")
	}
	return q
}
