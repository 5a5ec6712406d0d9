package dapi

// This file serves payment calls.

import (
	"fmt"
	"net/http"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// The bank moves no money. It registers and lists beneficiaries. It checks every other payment call
// and then refuses it with one of Dapi's types. A new beneficiary has a cool-down period and is
// never confirmed, so no transfer succeeds.
const (
	typeMissing      = "PARAMETER_MISSING"
	typeNoAccount    = "INVALID_ACCOUNT_ID"
	typeNoMoney      = "INSUFFICIENT_BALANCE"
	typeCoolDown     = "BENEFICIARY_COOL_DOWN_PERIOD"
	typeNotActivated = "BENEFICIARY_NOT_ACTIVATED"
	typeExists       = "BENEFICIARY_ALREADY_EXISTS"

	payeeWaiting = "waiting_for_confirmation"
	coolDown     = coolDownHours * time.Hour
)

// coolingReply is the refusal of a transfer to a beneficiary in its cool-down period.
type coolingReply struct {
	envelope
	CoolDown span `json:"coolDownPeriod"`
}

// paymentRoutes returns the payment operations.
func (b *Provider) paymentRoutes() []bank.Route {
	return []bank.Route{
		{Path: "/payment/beneficiaries/get", Handle: b.servePayees(false)},
		{Path: "/payment/beneficiaries/create", Handle: b.addPayee(false)},
		{Path: "/payment/transfer/create", Handle: b.serveTransfer(false, false)},
		{Path: "/payment/transfer/autoflow", Handle: b.serveTransfer(false, true)},
		{Path: "/wire/beneficiaries/get", Handle: b.servePayees(true)},
		{Path: "/wire/beneficiaries/create", Handle: b.addPayee(true)},
		{Path: "/wire/transfer/create", Handle: b.serveTransfer(true, false)},
		{Path: "/wire/transfer/autoflow", Handle: b.serveTransfer(true, true)},
		{Path: "/ach/pull/create", Handle: b.notOffered(notInTheUS, func(a *paymentArgs) { a.amount("amount") })},
		{Path: "/ach/pull/get", Handle: b.notOffered(notInTheUS, nil)},
		{Path: "/nymcard/funds/load", Handle: b.notOffered(nil, func(a *paymentArgs) { a.amount("amount") })},
		{Path: "/batch/metadata/get", Handle: b.notOffered(nil, nil)},
		{Path: "/batch/transfers/get", Handle: b.notOffered(nil, (*paymentArgs).days)},
		{Path: "/batch/items/get", Handle: b.notOffered(nil, func(a *paymentArgs) { a.text("reference", true) })},
		{Path: "/batch/file/create", Handle: b.notOffered(nil, (*paymentArgs).batchFile)},
		{Path: "/batch/transfers/create", Handle: b.notOffered(nil, (*paymentArgs).batch)},
	}
}

// servePayment serves a payment call: a data call whose arguments are checked before the work. The
// function unfit returns why an institution does not support the call, or "".
func (b *Provider) servePayment(
	unfit func(bank.Institution) string, check func(*paymentArgs), work func(*paymentArgs) bank.Reply,
) func(*bank.Call) bank.Reply {
	return func(c *bank.Call) bank.Reply {
		return b.serveData(c, func(conn *connection, in callBody) bank.Reply {
			a := &paymentArgs{b: b, conn: conn, members: in.members()}
			if unfit != nil {
				if why := unfit(conn.institution); why != "" {
					return fail(http.StatusBadRequest, typeParameter, why)
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

// notInTheUS returns why an institution does not support a US payment.
func notInTheUS(at bank.Institution) string {
	if at.Country == "US" {
		return ""
	}
	return "the bank is not in the US"
}

// onlyFor returns the restriction of a kind of beneficiary to institutions.
func onlyFor(wire bool) func(bank.Institution) string {
	if wire {
		return notInTheUS
	}
	return nil
}

// notOffered serves a call that the bank refuses to every customer, after a check of its arguments.
func (b *Provider) notOffered(
	unfit func(bank.Institution) string, check func(*paymentArgs),
) func(*bank.Call) bank.Reply {
	return b.servePayment(unfit, check, func(*paymentArgs) bank.Reply {
		return fail(http.StatusBadRequest, typeParameter, "the bank does not offer this to the customer")
	})
}

// serveTransfer checks a transfer and refuses it. The account lacks the amount, the beneficiary is
// in its cool-down period, or it was not confirmed. autoflow registers the beneficiary first.
func (b *Provider) serveTransfer(wire, autoflow bool) func(*bank.Call) bank.Reply {
	return b.servePayment(onlyFor(wire), nil, func(a *paymentArgs) bank.Reply {
		rules := metadataOf(a.conn.institution, 0)
		from, hundredths := a.sender(), a.amount("amount")
		if least := int64(rules.Bounds[0].Minimum); hundredths < least*100 {
			a.refuse(http.StatusBadRequest, typeParameter, fmt.Sprintf("amount is less than %d", least))
		}
		if remark := a.text("remark", false); remark != "" {
			a.within("remark", remark, rules.Validators.Transfer["local"]["remarks"])
		}
		to := a.receiver(wire, autoflow)
		if a.wrong != nil {
			return *a.wrong
		}
		booked, held := a.conn.book.State(from, b.Now())
		if hundredths*bank.UnitOf(from.Currency) > (booked+held)*100 {
			return fail(http.StatusBadRequest, typeNoMoney, "the account does not hold the amount")
		}
		if autoflow && to.id == "" {
			b.register(a.conn.book, to)
		}
		if left := to.added.Add(coolDown).Sub(b.Now()); left > 0 {
			hours := int((left + time.Hour - 1) / time.Hour)
			return bank.Reply{Status: http.StatusBadRequest, Body: coolingReply{
				envelope{
					Status: statusFailed, Type: typeCoolDown,
					Msg: fmt.Sprintf("The new beneficiary can receive transfers after %d hour(s)", hours),
				},
				span{hours, "hrs"},
			}}
		}
		return fail(
			http.StatusBadRequest,
			typeNotActivated,
			"the customer has not confirmed the beneficiary at the bank",
		)
	})
}
