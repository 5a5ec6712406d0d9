package virtualbank

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The bank moves no money yet. Beneficiaries are registered and listed, with "done". Every other
// call for payments is checked as Dapi would and then refused with a type of Dapi's. A new
// beneficiary cools down, and is never confirmed at the bank, so that no transfer goes out.
const (
	dpMissing      = "PARAMETER_MISSING"
	dpNoAccount    = "INVALID_ACCOUNT_ID"
	dpNoMoney      = "INSUFFICIENT_BALANCE"
	dpCoolDown     = "BENEFICIARY_COOL_DOWN_PERIOD"
	dpNotActivated = "BENEFICIARY_NOT_ACTIVATED"
	dpExists       = "BENEFICIARY_ALREADY_EXISTS"

	payeeWaiting = "waiting_for_confirmation"
	coolDownLife = coolDownHours * time.Hour
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

// dpCooling is the refusal of a beneficiary that cannot be paid yet.
type dpCooling struct {
	envelope
	CoolDown span `json:"coolDownPeriod"`
}

func (b *Bank) dapiPaymentRoutes() []route {
	return []route{
		{path: "/payment/beneficiaries/get", handle: b.dpPayees(false)},
		{path: "/payment/beneficiaries/create", handle: b.dpAddPayee(false)},
		{path: "/payment/transfer/create", handle: b.dpTransfer(false, false)},
		{path: "/payment/transfer/autoflow", handle: b.dpTransfer(false, true)},
		{path: "/wire/beneficiaries/get", handle: b.dpPayees(true)},
		{path: "/wire/beneficiaries/create", handle: b.dpAddPayee(true)},
		{path: "/wire/transfer/create", handle: b.dpTransfer(true, false)},
		{path: "/wire/transfer/autoflow", handle: b.dpTransfer(true, true)},
		{path: "/ach/pull/create", handle: b.dpNotOffered(notInTheUS, func(a *dpArgs) { a.amount("amount") })},
		{path: "/ach/pull/get", handle: b.dpNotOffered(notInTheUS, nil)},
		{path: "/nymcard/funds/load", handle: b.dpNotOffered(nil, func(a *dpArgs) { a.amount("amount") })},
		{path: "/batch/metadata/get", handle: b.dpNotOffered(nil, nil)},
		{path: "/batch/transfers/get", handle: b.dpNotOffered(nil, (*dpArgs).days)},
		{path: "/batch/items/get", handle: b.dpNotOffered(nil, func(a *dpArgs) { a.text("reference", true) })},
		{path: "/batch/file/create", handle: b.dpNotOffered(nil, (*dpArgs).batchFile)},
		{path: "/batch/transfers/create", handle: b.dpNotOffered(nil, (*dpArgs).batch)},
	}
}

// dpArgs are the arguments of a payment call. The first that is wrong is kept.
type dpArgs struct {
	b       *Bank
	conn    *connection
	members map[string]any
	wrong   *reply
}

func (a *dpArgs) refuse(status int, kind, msg string) {
	if a.wrong == nil {
		p := dpFail(status, kind, msg)
		a.wrong = &p
	}
}

func (a *dpArgs) member(name string, required bool) (any, bool) {
	value := a.members[name]
	if value == nil || value == "" {
		if required {
			a.refuse(http.StatusUnprocessableEntity, dpMissing, name+" is missing")
		}
		return nil, false
	}
	return value, true
}

func (a *dpArgs) mistyped(name, want string) {
	a.refuse(http.StatusBadRequest, dpInvalidArgs, "Field '"+name+"' failed validation: not "+want)
}

// text returns a string member, "" when it is absent or wrong.
func (a *dpArgs) text(name string, required bool) string {
	value, ok := a.member(name, required)
	if !ok {
		return ""
	}
	text, ok := value.(string)
	if !ok {
		a.mistyped(name, "a string")
	}
	return text
}

// word returns a string member of a vocabulary.
func (a *dpArgs) word(name string, required bool, allowed ...string) string {
	text := a.text(name, required)
	if text != "" && !slices.Contains(allowed, text) {
		a.refuse(http.StatusBadRequest, dpParameter, name+" has to be "+strings.Join(allowed, " or "))
	}
	return text
}

// within checks a text by a rule of the bank's metadata.
func (a *dpArgs) within(name, text string, r rule) {
	if len(text) > r.Length || !regexp.MustCompile("^("+r.Characters+")*$").MatchString(text) {
		msg := fmt.Sprintf("%s is longer than %d or has other characters than %s", name, r.Length, r.Characters)
		a.refuse(http.StatusBadRequest, dpParameter, msg)
	}
}

// amount returns an amount in hundredths. It has two decimals at most.
func (a *dpArgs) amount(name string) int64 {
	value, ok := a.member(name, true)
	if !ok {
		return 0
	}
	n, ok := value.(interface{ String() string }) // a JSON number
	if !ok {
		a.mistyped(name, "a number")
		return 0
	}
	whole, cents, _ := strings.Cut(n.String(), ".")
	if !plainDecimal.MatchString(n.String()) || len(cents) > 2 || len(whole) > 12 {
		a.refuse(http.StatusBadRequest, dpParameter, name+" is not an amount with two decimals at most")
		return 0
	}
	units, _ := strconv.ParseInt(whole+(cents + "00")[:2], 10, 64) // digits alone
	if units <= 0 {
		a.refuse(http.StatusBadRequest, dpParameter, name+" is not positive")
	}
	return units
}

// sender returns the account that pays; nil when there is none.
func (a *dpArgs) sender() *account {
	id := a.text("senderID", true)
	if id == "" {
		return nil
	}
	i := slices.IndexFunc(a.conn.book.accounts, func(acc *account) bool {
		return a.conn.accountID(acc) == id && !acc.kind.card
	})
	if i < 0 {
		a.refuse(http.StatusNotFound, dpNoAccount, "no such account")
		return nil
	}
	return a.conn.book.accounts[i]
}

func (a *dpArgs) days() {
	from, ok1 := parseDay(a.text("fromDate", true))
	to, ok2 := parseDay(a.text("toDate", true))
	if !ok1 || !ok2 || to < from {
		a.refuse(http.StatusBadRequest, dpParameter, "fromDate or toDate is wrong")
	}
}

func (a *dpArgs) items() {
	a.word("type", true, "same", "local", "intl")
	value, ok := a.member("items", true)
	if list, isList := value.([]any); ok && (!isList || len(list) == 0) {
		a.mistyped("items", "a list with something in it")
	}
}

func (a *dpArgs) batch() {
	a.sender()
	a.items()
}

func (a *dpArgs) batchFile() {
	if value, ok := a.member("sender", true); ok {
		if _, ok := value.(map[string]any); !ok {
			a.mistyped("sender", "an object")
		}
	}
	a.items()
}

// dpPay is a call for payments: a data call whose arguments are checked before the work.
func (b *Bank) dpPay(unfit func(Institution) string, check func(*dpArgs), work func(*dpArgs) reply) func(*call) reply {
	return func(c *call) reply {
		return b.dpData(c, func(conn *connection, in dpBody) reply {
			a := &dpArgs{b: b, conn: conn, members: in.members()}
			if unfit != nil {
				if why := unfit(conn.institution); why != "" {
					return dpFail(http.StatusBadRequest, dpParameter, why)
				}
			}
			if check != nil {
				check(a)
			}
			if a.wrong != nil {
				return *a.wrong
			}
			return work(a)
		})
	}
}

func notInTheUS(at Institution) string {
	if at.Country == "US" {
		return ""
	}
	return "the bank is not in the US"
}

// onlyFor is where a kind of beneficiary is at home.
func onlyFor(wire bool) func(Institution) string {
	if wire {
		return notInTheUS
	}
	return nil
}

// dpNotOffered refuses what no customer of the bank has, once the arguments are right.
func (b *Bank) dpNotOffered(unfit func(Institution) string, check func(*dpArgs)) func(*call) reply {
	return b.dpPay(unfit, check, func(*dpArgs) reply {
		return dpFail(http.StatusBadRequest, dpParameter, "the bank does not offer this to the customer")
	})
}

func (b *Bank) dpPayees(wire bool) func(*call) reply {
	return b.dpPay(onlyFor(wire), nil, func(a *dpArgs) reply {
		list := []map[string]any{}
		for _, p := range a.conn.book.payees {
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
func (bk *book) known(p *payee) *payee {
	i := slices.IndexFunc(bk.payees, func(q *payee) bool {
		number := p.number != "" && p.number == q.number && p.routing == q.routing
		return p.wire == q.wire && (number || (p.iban != "" && p.iban == q.iban))
	})
	if i < 0 {
		return nil
	}
	return bk.payees[i]
}

// register adds a beneficiary to those of the customer.
func (bk *book) register(p *payee) *payee {
	p.id = bk.bank.name88(bk.institution.Name, bk.username, "payee", strconv.Itoa(len(bk.payees)))
	bk.payees = append(bk.payees, p)
	return p
}

func (b *Bank) dpAddPayee(wire bool) func(*call) reply {
	return b.dpPay(onlyFor(wire), nil, func(a *dpArgs) reply {
		p := a.payee(wire, true)
		if a.wrong != nil {
			return *a.wrong
		}
		if a.conn.book.known(p) != nil {
			return dpFail(http.StatusBadRequest, dpExists, "a beneficiary with this account is registered already")
		}
		a.conn.book.register(p)
		return reply{status: http.StatusOK, body: done()}
	})
}

// dpTransfer checks a transfer and refuses it: for want of money, or since the beneficiary cools
// down or was not confirmed. autoflow registers the beneficiary first.
func (b *Bank) dpTransfer(wire, autoflow bool) func(*call) reply {
	return b.dpPay(onlyFor(wire), nil, func(a *dpArgs) reply {
		rules := metadataOf(a.conn.institution, 0)
		from, hundredths := a.sender(), a.amount("amount")
		if least := int64(rules.Bounds[0].Minimum); hundredths < least*100 {
			a.refuse(http.StatusBadRequest, dpParameter, fmt.Sprintf("amount is less than %d", least))
		}
		if remark := a.text("remark", false); remark != "" {
			a.within("remark", remark, rules.Validators.Transfer["local"]["remarks"])
		}
		to := a.receiver(wire, autoflow)
		if a.wrong != nil {
			return *a.wrong
		}
		unit := int64(1)
		for range exponentOf(from.currency) {
			unit *= 10
		}
		booked, held := a.conn.book.state(from, b.Now())
		if hundredths*unit > (booked+held)*100 {
			return dpFail(http.StatusBadRequest, dpNoMoney, "the account does not hold the amount")
		}
		if autoflow && to.id == "" {
			a.conn.book.register(to)
		}
		if left := to.added.Add(coolDownLife).Sub(b.Now()); left > 0 {
			hours := int((left + time.Hour - 1) / time.Hour)
			return reply{status: http.StatusBadRequest, body: dpCooling{
				envelope{
					Status: statusFailed, Type: dpCoolDown,
					Msg: fmt.Sprintf("The new beneficiary can receive transfers after %d hour(s)", hours),
				},
				span{hours, "hrs"},
			}}
		}
		return dpFail(
			http.StatusBadRequest,
			dpNotActivated,
			"the customer has not confirmed the beneficiary at the bank",
		)
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
		if q := bk.known(p); q != nil {
			return q
		}
		return p
	}
	if id := a.text("receiverID", false); id != "" {
		i := slices.IndexFunc(bk.payees, func(p *payee) bool { return p.id == id && p.wire == wire })
		if i < 0 {
			a.refuse(http.StatusBadRequest, dpParameter, "receiverID is not that of a beneficiary")
			return nil
		}
		return bk.payees[i]
	}
	p := &payee{wire: wire, name: a.text("name", false)}
	p.iban, p.number = a.text("iban", false), a.text("accountNumber", false)
	if p.name == "" || p.iban+p.number == "" {
		a.refuse(http.StatusUnprocessableEntity, dpMissing, "receiverID is missing, or name with iban or accountNumber")
		return nil
	}
	q := bk.known(p)
	if q == nil {
		a.refuse(http.StatusBadRequest, dpParameter, "the bank wants the beneficiary registered first")
	}
	return q
}
