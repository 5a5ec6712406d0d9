package plaid

// This file reads Plaid's webhook codes.

import "github.com/bankmux/bankmux"

// event is a webhook by its type and code.
type event struct{ kind, code string }

// events lists the webhooks that mean something for an application. The others are
// [bankmux.EventUnknown]: acknowledgements, new accounts, micro-deposits, recurring transactions,
// alerts, and a bank that was added to a session which is still open.
var events = map[event]bankmux.EventKind{
	{"ITEM", "ERROR"}:                   bankmux.EventConnectionStateChanged,
	{"ITEM", "LOGIN_REPAIRED"}:          bankmux.EventConnectionStateChanged,
	{"ITEM", "USER_PERMISSION_REVOKED"}: bankmux.EventConnectionDeleted,
	{"ITEM", "PENDING_EXPIRATION"}:      bankmux.EventConsentExpiring,
	{"ITEM", "PENDING_DISCONNECT"}:      bankmux.EventConsentExpiring,
	{"ITEM", "USER_ACCOUNT_REVOKED"}:    bankmux.EventProductRefreshed,

	{"TRANSACTIONS", "SYNC_UPDATES_AVAILABLE"}: bankmux.EventTransactionsAvailable,
	{"TRANSACTIONS", "INITIAL_UPDATE"}:         bankmux.EventTransactionsAvailable,
	{"TRANSACTIONS", "HISTORICAL_UPDATE"}:      bankmux.EventTransactionsAvailable,
	{"TRANSACTIONS", "DEFAULT_UPDATE"}:         bankmux.EventTransactionsAvailable,
	{"TRANSACTIONS", "TRANSACTIONS_REMOVED"}:   bankmux.EventTransactionsAvailable,

	{"HOLDINGS", "DEFAULT_UPDATE"}:                    bankmux.EventProductRefreshed,
	{"INVESTMENTS_TRANSACTIONS", "DEFAULT_UPDATE"}:    bankmux.EventProductRefreshed,
	{"INVESTMENTS_TRANSACTIONS", "HISTORICAL_UPDATE"}: bankmux.EventProductRefreshed,
	{"LIABILITIES", "DEFAULT_UPDATE"}:                 bankmux.EventProductRefreshed,
	{"AUTH", "DEFAULT_UPDATE"}:                        bankmux.EventProductRefreshed,
	{"IDENTITY", "DEFAULT_UPDATE"}:                    bankmux.EventProductRefreshed,

	{"LINK", "SESSION_FINISHED"}: bankmux.EventLinkFinished,
}

// Event returns the kind of a webhook.
func Event(webhookType, code string) bankmux.EventKind {
	if kind, ok := events[event{webhookType, code}]; ok {
		return kind
	}
	return bankmux.EventUnknown
}

// EventProduct returns the product that a webhook of this type is about. A webhook about the
// accounts of an Item is of the type ITEM. Liabilities are balances, which come with accounts.
func EventProduct(webhookType string) bankmux.Product {
	switch webhookType {
	case "TRANSACTIONS":
		return bankmux.ProductTransactions
	case "HOLDINGS", "INVESTMENTS_TRANSACTIONS":
		return bankmux.ProductInvestments
	case "AUTH":
		return bankmux.ProductAccountNumbers
	case "IDENTITY":
		return bankmux.ProductIdentity
	}
	return bankmux.ProductAccounts
}
