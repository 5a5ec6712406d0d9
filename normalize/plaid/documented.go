package plaid

// This file lists what Plaid documents and the adapter does not read.

import (
	"sync"

	"github.com/bankmux/bankmux/normalize"
)

// Documented returns the members of Plaid's responses and deliveries that the adapter does not
// read, and the values of its enumerations. They are from its OpenAPI document of 2026.
func Documented() *normalize.Documented { return documented() }

var documented = sync.OnceValue(func() *normalize.Documented {
	return normalize.NewDocumented(
		documentation, normalize.Codes{Members: "error.error_code", Catalogue: catalogue},
	)
})

const documentation = `
root: account_id account_ids account_ids_with_new_auth account_ids_with_new_liabilities
	account_ids_with_updated_auth account_ids_with_updated_identity
	account_ids_with_updated_liabilities accounts cancelled_investments_transactions causes
	consent_expiration_time created_at disconnect_time display_message documentation_url
	environment error error_code_reason error_message events expiration historical_update_complete
	initial_update_complete institution_id is_investments_fallback_item item link_session_id metadata
	new_holdings new_investments_transactions new_transactions new_webhook_url provided_account_subtypes reason
	removed_transactions request_id required_account_subtypes reset_login status suggested_action
	updated_holdings user_id user_token webhook_fired
accounts: balances holder_category mask name official_name persistent_account_id subtype type
	verification_insights verification_name verification_status
ach: can_transfer_in can_transfer_out is_tokenized_account_number
added, modified, transactions: account_owner authorized_date authorized_datetime
	business_finance_category category category_id check_number client_customization location
	payment_channel personal_finance_category_icon_url transaction_code transaction_type website
aprs: balance_subject_to_apr interest_charge_amount
balances: margin_loan_amount
counterparties: account_numbers website
emails: type
error: causes display_message documentation_url error_code_reason error_message
	provided_account_subtypes request_id required_account_subtypes status suggested_action
holdings: tax_lots vested_quantity vested_value
institution, institutions: auth_metadata dtc_numbers logo oauth payment_initiation_metadata
	products routing_numbers status
investment_transactions: cancel_transaction_id
item: auth_method available_products consented_data_scopes consented_products consented_use_cases
	created_at update_type
item_add_results: accounts
link_sessions: events link_session_id
mortgage: account_number current_late_fee escrow_balance has_pmi has_prepayment_penalty loan_term
	loan_type_description maturity_date origination_date origination_principal_amount
	property_address ytd_interest_paid ytd_principal_paid
on_success: metadata
payment_meta: by_order_of payment_method payment_processor ppd_id reason
personal_finance_category: version
results: bank_income_results cra_document_upload_results cra_item_add_results cra_update_results
	document_income_results payroll_income_results
securities: cfi_code fixed_income industry institution_id institution_security_id
	is_cash_equivalent option_contract proxy_security_id sector subtype update_datetime
status: last_webhook
student: account_number disbursement_dates expected_payoff_date guarantor loan_name loan_status
	origination_date origination_principal_amount outstanding_interest_amount
	payment_reference_number pslf_status repayment_plan sequence_number servicer_address
	ytd_interest_paid ytd_principal_paid

accounts.type = investment, credit, depository, loan, brokerage, other
accounts.subtype = 401a, 401k, 403B, 457b, 529, auto, brokerage, business, cash isa,
	cash management, cd, checking, commercial, construction, consumer, credit card,
	crypto exchange, ebt, education savings account, fhsa, fixed annuity, gic,
	health reimbursement arrangement, home equity, hsa, isa, ira, keogh, lif, life insurance,
	limited purpose checking, line of credit, lira, loan, lrif, lrsp, money market, mortgage,
	mutual fund, non-custodial wallet, non-taxable brokerage account, other, other insurance,
	other annuity, overdraft, paypal, payroll, pension, prepaid, prif, profit sharing plan, qshr,
	rdsp, resp, retirement, rlif, roth, roth 401k, roth 403B, roth 457b, roth pension,
	roth profit sharing plan, roth thrift savings plan, rrif, rrsp, sarsep, savings, sep ira,
	simple ira, sipp, stock plan, student, thrift savings plan, tfsa, trust, ugma, utma,
	variable annuity
aprs.apr_type = balance_transfer_apr, cash_apr, purchase_apr, special
counterparties.type = merchant, financial_institution, payment_app, marketplace, payment_terminal,
	income_source
root, error.error_type = INVALID_REQUEST, INVALID_RESULT, INVALID_INPUT, INSTITUTION_ERROR,
	RATE_LIMIT_EXCEEDED, API_ERROR, ITEM_ERROR, ASSET_REPORT_ERROR, BASE_REPORT_ERROR,
	RECAPTCHA_ERROR, OAUTH_ERROR, PAYMENT_ERROR, BANK_TRANSFER_ERROR, INCOME_VERIFICATION_ERROR,
	MICRODEPOSITS_ERROR, SANDBOX_ERROR, PARTNER_ERROR, SIGNAL_ERROR, TRANSACTIONS_ERROR,
	TRANSACTION_ERROR, TRANSFER_ERROR, CHECK_REPORT_ERROR, CONSUMER_REPORT_ERROR, USER_ERROR
institution, institutions.country_codes = US, GB, ES, NL, FR, IE, CA, DE, IT, PL, DK, NO, SE, EE,
	LT, LV, PT, BE, AT, FI
investment_transactions.type = buy, sell, cancel, cash, fee, transfer
investment_transactions.subtype = account fee, adjustment, assignment, buy, buy to cover,
	contribution, deposit, distribution, dividend, dividend reinvestment, exercise, expire,
	fund fee, interest, interest receivable, interest reinvestment, legal fee, loan payment,
	long-term capital gain, long-term capital gain reinvestment, management fee, margin expense,
	merger, miscellaneous fee, non-qualified dividend, non-resident tax, pending credit,
	pending debit, qualified dividend, rebalance, return of principal, request, sell, sell short,
	send, short-term capital gain, short-term capital gain reinvestment, spin off, split,
	stock distribution, tax, tax withheld, trade, transfer, transfer fee, trust fee,
	unqualified gain, withdrawal
item.products = assets, auth, balance, balance_plus, beacon, identity, identity_match,
	investments, investments_auth, liabilities, payment_initiation, identity_verification,
	transactions, credit_details, income, income_verification, standing_orders, transfer,
	employment, recurring_transactions, transactions_refresh, signal, statements,
	processor_payments, processor_identity, profile, cra_base_report, cra_income_insights,
	cra_partner_insights, cra_network_insights, cra_cashflow_insights, cra_monitoring,
	cra_lend_score, cra_plaid_credit_score, layer, pay_by_bank, protect_linked_bank,
	protect_transactions
item.billed_products = assets, auth, balance, balance_plus, beacon, identity, identity_match,
	investments, investments_auth, liabilities, payment_initiation, identity_verification,
	transactions, credit_details, income, income_verification, standing_orders, transfer,
	employment, recurring_transactions, transactions_refresh, signal, statements,
	processor_payments, processor_identity, profile, cra_base_report, cra_income_insights,
	cra_partner_insights, cra_network_insights, cra_cashflow_insights, cra_monitoring,
	cra_lend_score, cra_plaid_credit_score, layer, pay_by_bank, protect_linked_bank,
	protect_transactions
phone_numbers.type = home, work, office, mobile, mobile1, other
root.webhook_type = ITEM, TRANSACTIONS, HOLDINGS, INVESTMENTS_TRANSACTIONS, LIABILITIES, AUTH,
	IDENTITY, LINK, ASSETS, DASHBOARD_CONFIGURED_ALERT
root.webhook_code = ERROR, LOGIN_REPAIRED, PENDING_EXPIRATION, PENDING_DISCONNECT,
	USER_PERMISSION_REVOKED, USER_ACCOUNT_REVOKED, NEW_ACCOUNTS_AVAILABLE,
	WEBHOOK_UPDATE_ACKNOWLEDGED, SYNC_UPDATES_AVAILABLE, INITIAL_UPDATE, HISTORICAL_UPDATE,
	DEFAULT_UPDATE, TRANSACTIONS_REMOVED, RECURRING_TRANSACTIONS_UPDATE,
	PRODUCT_PERMISSIONS_REQUIRED, AUTOMATICALLY_VERIFIED, VERIFICATION_EXPIRED,
	SMS_MICRODEPOSITS_VERIFICATION, AUTHORIZATION_GRANTED, PRODUCT_READY, SESSION_FINISHED,
	ITEM_ADD_RESULT, EVENTS, INSTITUTION_STATUS_ALERT_TRIGGERED
root.transactions_update_status = TRANSACTIONS_UPDATE_STATUS_UNKNOWN, NOT_READY,
	INITIAL_UPDATE_COMPLETE, HISTORICAL_UPDATE_COMPLETE
personal_finance_category, counterparties.confidence_level = VERY_HIGH, HIGH, MEDIUM, LOW, UNKNOWN
`
