package dapi

// This file finds the names of Dapi's fields in its sentences.

import (
	"strings"

	"github.com/bankmux/bankmux/normalize"
)

// fields knows the members of Dapi's request bodies.
var fields = normalize.NewFields(strings.Fields(`
	appSecret userSecret operationID userInputs id index answer query accessCode connectionID
	accountID cardID fromDate toDate senderID receiverID amount name iban accountNumber remark nickname
	beneficiary bankID bundleID appKey userID swiftCode address country branchAddress branchName bankName
	phoneNumber routingNumber sortCode type line1 line2 line3 firstName lastName receiverType
	receiverAccountType city state zipCode reference sender items currency remittanceCurrency date
	remark2 remark3 fxDeal payableCountry routeCode email branchCity intermediaryBankName
	intermediaryBankSwiftCode`)...)

// FieldIn returns the name of the request's field that a msg of Dapi is about, or "". It never
// returns a value that the msg quotes.
func FieldIn(msg string) string { return fields.In(msg) }
