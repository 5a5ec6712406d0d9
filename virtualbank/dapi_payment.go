package virtualbank

import (
	"fmt"
	"net/http"
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

// dpCooling is the refusal of a beneficiary that cannot be paid yet.
type dpCooling struct {
	envelope
	CoolDown span `json:"coolDownPeriod"`
}

func (b *dpProvider) dapiPaymentRoutes() []route {
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

// dpPay is a call for payments: a data call whose arguments are checked before the work.
func (b *dpProvider) dpPay(unfit func(coreInstitution) string, check func(*dpArgs), work func(*dpArgs) reply) func(*call) reply {
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

func notInTheUS(at coreInstitution) string {
	if at.Country == "US" {
		return ""
	}
	return "the bank is not in the US"
}

// onlyFor is where a kind of beneficiary is at home.
func onlyFor(wire bool) func(coreInstitution) string {
	if wire {
		return notInTheUS
	}
	return nil
}

// dpNotOffered refuses what no customer of the bank has, once the arguments are right.
func (b *dpProvider) dpNotOffered(unfit func(coreInstitution) string, check func(*dpArgs)) func(*call) reply {
	return b.dpPay(unfit, check, func(*dpArgs) reply {
		return dpFail(http.StatusBadRequest, dpParameter, "the bank does not offer this to the customer")
	})
}

// dpTransfer checks a transfer and refuses it: for want of money, or since the beneficiary cools
// down or was not confirmed. autoflow registers the beneficiary first.
func (b *dpProvider) dpTransfer(wire, autoflow bool) func(*call) reply {
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
			b.register(a.conn.book, to)
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
