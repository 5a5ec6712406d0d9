package moneykit

import "github.com/bankmux/bankmux/adapter/wire"

// The types of this file are the wire format of the data of a link.

// balances may have null for any member. For a liability, a positive current is what the holder
// owes.
type balances struct {
	Currency    string      `json:"currency"`
	Available   wire.Number `json:"available"`
	Current     wire.Number `json:"current"`
	Limit       wire.Number `json:"limit"`
	BalanceDate string      `json:"balance_date"`
}

// account is an account. Responses with other data repeat it.
type account struct {
	AccountID   string   `json:"account_id"`
	AccountType string   `json:"account_type"`
	Name        string   `json:"name"`
	Nickname    string   `json:"nickname"`
	AccountMask string   `json:"account_mask"`
	Balances    balances `json:"balances"`
	OriginalID  string   `json:"original_id"`
	Closed      bool     `json:"closed"`
}

type accountsResponse struct {
	linked
	Accounts wire.List[account] `json:"accounts" need:"value"`
}

type accountResponse struct {
	linked
	Account wire.Object[account] `json:"account"`
}

type userAccountsResponse struct {
	Links map[string]struct {
		Accounts wire.OptionalList[account] `json:"accounts"`
	} `json:"links" need:"value"`
}

type userTransactionsResponse struct {
	Total        int                    `json:"total"`
	Transactions wire.Rows[transaction] `json:"transactions" need:"value"`
	Accounts     map[string]struct {
		LinkID wire.Text `json:"link_id"`
	} `json:"accounts"`
}

type numbersResponse struct {
	linked
	Accounts wire.List[accountNumbers] `json:"accounts" need:"value"`
}

type accountNumbers struct {
	AccountID string `json:"account_id"`
	Numbers   struct {
		ACH           wire.List[accountNumber] `json:"ach"`
		EFT           wire.List[accountNumber] `json:"eft"`
		BACS          wire.List[accountNumber] `json:"bacs"`
		International wire.List[accountNumber] `json:"international"`
	} `json:"numbers"`
}

// accountNumber has the members of all schemes.
type accountNumber struct {
	Number      string `json:"account_number"`
	Routing     string `json:"routing_number"`
	WireRouting string `json:"wire_routing_number"`
	Institution string `json:"institution_number"`
	Branch      string `json:"branch_number"`
	SortCode    string `json:"sort_code"`
	IBAN        string `json:"iban"`
	BIC         string `json:"bic"`
}

type identityResponse struct {
	linked
	Accounts wire.List[accountOwners] `json:"accounts" need:"value"`
}

type accountOwners struct {
	AccountID string           `json:"account_id"`
	Owners    wire.List[Owner] `json:"owners"`
}

// transaction has its amount as text that is never negative. Its type has the direction.
type transaction struct {
	TransactionID  string      `json:"transaction_id"`
	AccountID      string      `json:"account_id"`
	Amount         wire.Number `json:"amount"`
	Type           string      `json:"type"`
	Currency       string      `json:"currency"`
	Date           string      `json:"date"`
	Datetime       string      `json:"datetime"`
	Description    string      `json:"description"`
	RawDescription string      `json:"raw_description"`
	Pending        wire.Flag   `json:"pending"`
	Category       string      `json:"category"`
	Enrichment     enrichment  `json:"enrichment"`
	OriginalID     string      `json:"original_id"`
}

type enrichment struct {
	Category    rated `json:"category"`
	Subcategory rated `json:"subcategory"`
	Merchant    party `json:"merchant"`
	Processor   party `json:"processor"`
	Recurrence  struct {
		Frequency string `json:"frequency"`
		Next      string `json:"next_predicted_date"`
	} `json:"recurrence"`
}

type rated struct {
	Value      string `json:"value"`
	Confidence int    `json:"confidence"`
}

type party struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Logo       string `json:"logo"`
	Confidence int    `json:"confidence"`
}

type transactionsResponse struct {
	linked
	Total        int                            `json:"total"`
	Transactions wire.Rows[transaction]         `json:"transactions" need:"value"`
	Accounts     wire.OptionalList[accountName] `json:"accounts"` // those that were requested
}

// syncResponse has three lists without an order. One id may be in several of them.
type syncResponse struct {
	linked
	Transactions struct {
		Created wire.Rows[transaction] `json:"created"`
		Updated wire.Rows[transaction] `json:"updated"`
		Removed wire.List[string]      `json:"removed"`
	} `json:"transactions"`
	Cursor struct {
		Next wire.Text `json:"next"`
	} `json:"cursor"`
	// HasMore decides: read as false, it would make rows of later pages seem to be gone.
	HasMore wire.Exact[bool] `json:"has_more"`
}

type accountName struct {
	AccountID wire.Text `json:"account_id"`
}

type holdingsResponse struct {
	linked
	Accounts   wire.OptionalList[account]  `json:"accounts"`
	Holdings   wire.List[holding]          `json:"holdings"   need:"value"`
	Securities wire.OptionalList[security] `json:"securities"`
}

type holding struct {
	AccountID     string      `json:"account_id"`
	SecurityID    string      `json:"security_id"`
	Quantity      wire.Number `json:"quantity"`
	Price         wire.Number `json:"price"`
	PriceDatetime string      `json:"price_datetime"`
	Value         wire.Number `json:"value"`
	CostBasis     wire.Number `json:"cost_basis"`
}

type security struct {
	SecurityID string      `json:"security_id"`
	Name       string      `json:"name"`
	Type       string      `json:"type"`
	Currency   string      `json:"currency"`
	Ticker     string      `json:"ticker"`
	ISIN       string      `json:"isin"`
	SEDOL      string      `json:"sedol"`
	ClosePrice wire.Number `json:"close_price"`
	CloseDate  string      `json:"close_date"`
}

// investmentTransaction has a positive amount for money out of the account, unlike all other rows.
type investmentTransaction struct {
	ID          string      `json:"investment_transaction_id"`
	AccountID   string      `json:"account_id"`
	Amount      wire.Number `json:"amount"`
	Date        string      `json:"date"`
	Datetime    string      `json:"datetime"`
	Description string      `json:"description"`
	Type        string      `json:"type"`
	Fees        wire.Number `json:"fees"`
	ForexRate   wire.Number `json:"forex_rate"`
	Price       wire.Number `json:"price"`
	Quantity    wire.Number `json:"quantity"`
	SecurityID  string      `json:"security_id"`
}

type investmentsResponse struct {
	linked
	Total        int                              `json:"total"`
	Accounts     wire.OptionalList[account]       `json:"accounts"`
	Transactions wire.List[investmentTransaction] `json:"investment_transactions" need:"value"`
	Securities   wire.OptionalList[security]      `json:"securities"`
}
