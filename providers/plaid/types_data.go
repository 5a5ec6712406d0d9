package plaid

import "github.com/bankmux/bankmux/adapter/wire"

// The types of this file are the wire format of the data of an Item.

// currencies are the two members of which Plaid sets one.
type currencies struct {
	ISO        string `json:"iso_currency_code"`
	Unofficial string `json:"unofficial_currency_code"`
}

// account is an account. Responses with other data repeat it.
type account struct {
	AccountID    string                       `json:"account_id"`
	PersistentID string                       `json:"persistent_account_id"`
	Name         string                       `json:"name"`
	Mask         string                       `json:"mask"`
	Type         string                       `json:"type"`
	Subtype      string                       `json:"subtype"`
	Balances     wire.Object[accountBalances] `json:"balances"`
}

type accountBalances struct {
	currencies
	Current   wire.Number `json:"current"` // positive is what the holder owes, for credit and loan
	Available wire.Number `json:"available"`
	Limit     wire.Number `json:"limit"`
	UpdatedAt string      `json:"last_updated_datetime"`
}

type accountsResponse struct {
	Accounts wire.List[account] `json:"accounts" need:"value"`
}

// numbersResponse has the numbers of all accounts, in no order.
type numbersResponse struct {
	Numbers struct {
		ACH           wire.List[accountNumber] `json:"ach"           need:"value"`
		EFT           wire.List[accountNumber] `json:"eft"           need:"value"`
		BACS          wire.List[accountNumber] `json:"bacs"          need:"value"`
		International wire.List[accountNumber] `json:"international" need:"value"`
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

type transactionsResponse struct {
	Transactions wire.Rows[transaction] `json:"transactions"       need:"value"`
	Total        wire.Exact[*int]       `json:"total_transactions" need:"value"`
}

// transaction has a positive amount for money out of the account. Its members are in the order of
// Plaid's documentation, which is the fastest to decode.
type transaction struct {
	AccountID string      `json:"account_id"`
	Amount    wire.Number `json:"amount"`
	currencies
	Parties      []party `json:"counterparties"`
	Date         string  `json:"date"`
	Datetime     string  `json:"datetime"`
	Name         string  `json:"name"`
	MerchantName string  `json:"merchant_name"`
	MerchantID   string  `json:"merchant_entity_id"`
	LogoURL      string  `json:"logo_url"`
	Original     string  `json:"original_description"`
	PaymentMeta  struct {
		Payee     string `json:"payee"`
		Payer     string `json:"payer"`
		Reference string `json:"reference_number"`
	} `json:"payment_meta"`
	Pending   wire.Flag `json:"pending"`
	PendingID string    `json:"pending_transaction_id"`
	Category  struct {
		Primary    string `json:"primary"`
		Detailed   string `json:"detailed"`
		Confidence string `json:"confidence_level"`
	} `json:"personal_finance_category"`
	TransactionID string `json:"transaction_id"`
}

// party is who took part in a transaction, as Plaid concludes.
type party struct {
	Name       string `json:"name"`
	Type       string `json:"type"`
	LogoURL    string `json:"logo_url"`
	ID         string `json:"entity_id"`
	Confidence string `json:"confidence_level"`
}

type syncResponse struct {
	Added    wire.Rows[transaction] `json:"added"       need:"value"`
	Modified wire.Rows[transaction] `json:"modified"    need:"value"`
	Removed  wire.List[removedRow]  `json:"removed"     need:"value"`
	Next     wire.Text              `json:"next_cursor"`
	// HasMore decides whether the round is complete.
	HasMore wire.Exact[*bool] `json:"has_more"                   need:"value"`
	Status  string            `json:"transactions_update_status"`
}

type removedRow struct {
	TransactionID string `json:"transaction_id"`
	AccountID     string `json:"account_id"`
}

// The states of the transactions of an Item that the adapter treats by name.
const updateNotReady, updateComplete = "NOT_READY", "HISTORICAL_UPDATE_COMPLETE"

type holdingsResponse struct {
	accountsResponse
	Holdings   wire.List[holding]  `json:"holdings"   need:"value"`
	Securities wire.List[security] `json:"securities" need:"value"`
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
	Transactions wire.List[investment] `json:"investment_transactions"       need:"value"`
	Securities   wire.List[security]   `json:"securities"                    need:"value"`
	Total        wire.Exact[*int]      `json:"total_investment_transactions" need:"value"`
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
	Liabilities *liabilityLists `json:"liabilities" need:"value"`
}

type liabilityLists struct {
	Credit   wire.List[liability] `json:"credit"`
	Mortgage wire.List[liability] `json:"mortgage"`
	Student  wire.List[liability] `json:"student"`
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
	AccessToken string `json:"new_access_token" need:"token"`
}
