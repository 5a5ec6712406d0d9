package plaid

import (
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
)

// The types of this file are the wire format of the data of an Item.

// currencies are the two members of which Plaid sets one.
type currencies struct {
	ISO        string `json:"iso_currency_code"`
	Unofficial string `json:"unofficial_currency_code"`
}

// account is an account. Responses with other data repeat it.
type account struct {
	AccountID    string `json:"account_id"`
	PersistentID string `json:"persistent_account_id"`
	Name         string `json:"name"`
	Mask         string `json:"mask"`
	Type         string `json:"type"`
	Subtype      string `json:"subtype"`
	Balances     struct {
		currencies
		Current   wire.Number `json:"current"` // positive is what the holder owes, for credit and loan
		Available wire.Number `json:"available"`
		Limit     wire.Number `json:"limit"`
		UpdatedAt string      `json:"last_updated_datetime"`
	} `json:"balances"`
}

type accountsResponse struct {
	Accounts wire.List[account] `json:"accounts"`
}

// balancesRequest asks the bank. Capital One requires the oldest moment that is good enough, and
// Plaid ignores it for other banks.
type balancesRequest struct {
	AccessToken string `json:"access_token"`
	Options     struct {
		Oldest string `json:"min_last_updated_datetime"`
	} `json:"options"`
}

// numbersResponse has the numbers of all accounts, in no order.
type numbersResponse struct {
	Numbers *struct {
		ACH           wire.List[accountNumber] `json:"ach"`
		EFT           wire.List[accountNumber] `json:"eft"`
		BACS          wire.List[accountNumber] `json:"bacs"`
		International wire.List[accountNumber] `json:"international"`
	} `json:"numbers"`
}

// accountNumber has the members of all schemes.
type accountNumber struct {
	AccountID   string `json:"account_id"`
	Account     string `json:"account"`
	Routing     string `json:"routing"`
	WireRouting string `json:"wire_routing"`
	Institution string `json:"institution"`
	Branch      string `json:"branch"`
	SortCode    string `json:"sort_code"`
	IBAN        string `json:"iban"`
	BIC         string `json:"bic"`
}

// listRequest is the body for a page of a list between two days.
type listRequest struct {
	AccessToken string      `json:"access_token"`
	From        string      `json:"start_date"`
	To          string      `json:"end_date"`
	Options     listOptions `json:"options"`
}

type listOptions struct {
	Accounts []string `json:"account_ids,omitempty"`
	Count    int      `json:"count"`
	Offset   int      `json:"offset"`
	Original bool     `json:"include_original_description,omitempty"`
	// Async makes the first reading of investments return at once. Otherwise it takes minutes.
	Async bool `json:"async_update,omitempty"`
}

type transactionsResponse struct {
	Transactions wire.Rows[transaction] `json:"transactions"`
	Total        wire.Exact[*int]       `json:"total_transactions"`
}

// transaction has a positive amount for money out of the account.
type transaction struct {
	TransactionID string `json:"transaction_id"`
	AccountID     string `json:"account_id"`
	currencies
	Amount      wire.Number `json:"amount"`
	Date        string      `json:"date"`
	Datetime    string      `json:"datetime"`
	Pending     wire.Flag   `json:"pending"`
	PendingID   string      `json:"pending_transaction_id"`
	Name        string      `json:"name"`
	Original    string      `json:"original_description"`
	PaymentMeta struct {
		Reference string `json:"reference_number"`
		Payee     string `json:"payee"`
		Payer     string `json:"payer"`
	} `json:"payment_meta"`

	MerchantName string `json:"merchant_name"`
	MerchantID   string `json:"merchant_entity_id"`
	LogoURL      string `json:"logo_url"`
	Category     struct {
		Primary    string `json:"primary"`
		Detailed   string `json:"detailed"`
		Confidence string `json:"confidence_level"`
	} `json:"personal_finance_category"`
	Parties []party `json:"counterparties"`
}

// party is who took part in a transaction, as Plaid concludes.
type party struct {
	Name       string `json:"name"`
	Type       string `json:"type"`
	ID         string `json:"entity_id"`
	LogoURL    string `json:"logo_url"`
	Confidence string `json:"confidence_level"`
}

// syncRequest is the body of POST /transactions/sync. The options must stay the same for a cursor.
type syncRequest struct {
	AccessToken string       `json:"access_token"`
	Cursor      string       `json:"cursor,omitempty"`
	Count       int          `json:"count"`
	Options     *syncOptions `json:"options,omitempty"`
}

type syncOptions struct {
	Original bool `json:"include_original_description"`
}

type syncResponse struct {
	Added    wire.Rows[transaction] `json:"added"`
	Modified wire.Rows[transaction] `json:"modified"`
	Removed  wire.List[removedRow]  `json:"removed"`
	Next     wire.Text              `json:"next_cursor"`
	// HasMore decides whether the round is complete.
	HasMore wire.Exact[*bool] `json:"has_more"`
	Status  string            `json:"transactions_update_status"`
}

type removedRow struct {
	TransactionID string `json:"transaction_id"`
	AccountID     string `json:"account_id"`
}

// The states of the transactions of an Item that the adapter treats by name.
const (
	updateNotReady = "NOT_READY"
	updateComplete = "HISTORICAL_UPDATE_COMPLETE"
)

type holdingsResponse struct {
	accountsResponse
	Holdings   wire.List[holding]  `json:"holdings"`
	Securities wire.List[security] `json:"securities"`
}

type holding struct {
	AccountID  string `json:"account_id"`
	SecurityID string `json:"security_id"`
	currencies
	Quantity  wire.Number `json:"quantity"`
	Price     wire.Number `json:"institution_price"`
	PriceDay  string      `json:"institution_price_as_of"`
	PriceTime string      `json:"institution_price_datetime"`
	Value     wire.Number `json:"institution_value"`
	CostBasis wire.Number `json:"cost_basis"`
}

type security struct {
	SecurityID string `json:"security_id"`
	currencies
	Name       string      `json:"name"`
	Type       string      `json:"type"`
	Ticker     string      `json:"ticker_symbol"`
	ISIN       string      `json:"isin"`
	CUSIP      string      `json:"cusip"`
	SEDOL      string      `json:"sedol"`
	Market     string      `json:"market_identifier_code"`
	ClosePrice wire.Number `json:"close_price"`
	CloseDay   string      `json:"close_price_as_of"`
}

type investmentsResponse struct {
	Transactions wire.List[investment] `json:"investment_transactions"`
	Securities   wire.List[security]   `json:"securities"`
	Total        wire.Exact[*int]      `json:"total_investment_transactions"`
}

// investment is a transaction of an investment account. A positive amount is money out of it.
type investment struct {
	ID         string `json:"investment_transaction_id"`
	AccountID  string `json:"account_id"`
	SecurityID string `json:"security_id"`
	currencies
	Type     string      `json:"type"`
	Subtype  string      `json:"subtype"`
	Name     string      `json:"name"`
	Date     string      `json:"date"`
	Datetime string      `json:"transaction_datetime"`
	Amount   wire.Number `json:"amount"`
	Fees     wire.Number `json:"fees"`
	Price    wire.Number `json:"price"`
	Quantity wire.Number `json:"quantity"`
}

type liabilitiesResponse struct {
	accountsResponse
	Liabilities *struct {
		Credit   wire.List[liability] `json:"credit"`
		Mortgage wire.List[liability] `json:"mortgage"`
		Student  wire.List[liability] `json:"student"`
	} `json:"liabilities"`
}

// liability has the members of the three kinds of debt. Amounts are positive.
type liability struct {
	AccountID    string      `json:"account_id"`
	Minimum      wire.Number `json:"minimum_payment_amount"` // credit and student
	Monthly      wire.Number `json:"next_monthly_payment"`   // mortgage
	DueDay       string      `json:"next_payment_due_date"`
	Statement    wire.Number `json:"last_statement_balance"`
	StatementDay string      `json:"last_statement_issue_date"`
	LastPayment  wire.Number `json:"last_payment_amount"`
	PaymentDay   string      `json:"last_payment_date"`
	Overdue      wire.Flag   `json:"is_overdue"`
	PastDue      wire.Number `json:"past_due_amount"` // mortgage
	APRs         wire.List[struct {
		Type    string      `json:"apr_type"`
		Percent wire.Number `json:"apr_percentage"`
	}] `json:"aprs"` // credit
	Mortgage struct {
		Type    string      `json:"type"`
		Percent wire.Number `json:"percentage"`
	} `json:"interest_rate"`
	Student wire.Number `json:"interest_rate_percentage"`
}

type rotatedResponse struct {
	AccessToken string `json:"new_access_token"`
}

// The members that a response must have, see [wire.Required].

func (r *accountsResponse) Lacks() string { return wire.Need(r.Accounts.Present, "accounts") }
func (r *numbersResponse) Lacks() string  { return wire.Need(r.Numbers != nil, "numbers") }

func (r *transactionsResponse) Lacks() string {
	return wire.Need(r.Transactions.Present && r.Total.Value != nil, "transactions or total_transactions")
}

func (r *syncResponse) Lacks() string {
	all := r.Added.Present && r.Modified.Present && r.Removed.Present && r.HasMore.Value != nil
	return wire.Need(all, "added, modified, removed or has_more")
}

func (r *holdingsResponse) Lacks() string {
	all := r.Accounts.Present && r.Holdings.Present && r.Securities.Present
	return wire.Need(all, "accounts, holdings or securities")
}

func (r *investmentsResponse) Lacks() string {
	all := r.Transactions.Present && r.Securities.Present && r.Total.Value != nil
	return wire.Need(all, "investment_transactions, securities or total_investment_transactions")
}

func (r *liabilitiesResponse) Lacks() string {
	return wire.Need(r.Accounts.Present && r.Liabilities != nil, "accounts or liabilities")
}

// Lacks requires a token that can be sent, since the old one no longer works.
func (r *rotatedResponse) Lacks() string {
	return wire.Need(normalize.Token(r.AccessToken), "a new_access_token of visible characters")
}
