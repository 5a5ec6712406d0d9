package dapi

// This file lists what Dapi documents and the adapter does not read.

import (
	"sync"

	"github.com/bankmux/bankmux/normalize"
)

// Documented returns the members of Dapi's responses and deliveries that the adapter does not read,
// and the values of its enumerations. They are from its documentation and SDKs. Those of deliveries
// are the virtual bank's.
func Documented() *normalize.Documented { return documented() }

var documented = sync.OnceValue(func() *normalize.Documented {
	return normalize.NewDocumented(
		documentation, normalize.Codes{Members: "root, opInfo.errorType", Catalogue: catalogue},
	)
})

const documentation = `
root: success msg code coolDownPeriod userID data payload
userInputs: queryType answer
currency: name
accounts: isFavourite
balance: accountNumber cardNumber

root.status = done, failed, user_input_required, initialized
accounts.type = current, savings, loan, credit, deposit, other
transactions.type = credit, debit
cards.type = credit
cards.status = active, blocked, disabled
numbers.type = mobile, home, office, fax
identification, identifications.type = passport, national_id, visa_number
userInputs.id = otp, secret_question, captcha, pin, confirmation, token, multiple_choice
transferBounds.type = same, local, intl, own
beneficiaryCoolDownPeriod.unit = hrs, hours, days
transactionRange.unit = days, months, years
root.event = connection.state_changed, connection.deleted, transactions.available
root.state = connected, error
`
