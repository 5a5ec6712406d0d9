package pelican

import "github.com/bankmux/bankmux/adapter/wire"

// This file has the wire format of Pelican. Types of package wire accept each form that banks send.
// The tag need marks the members that a response must have: see [wire.Lacks].

type errorResponse struct {
	Type      string `json:"type"`
	Code      string `json:"code"`
	RequestID string `json:"request_id"`
}

// flowRequest opens Pelican's page.
type flowRequest struct {
	State    string   `json:"state"`
	User     string   `json:"user"`
	Country  string   `json:"country,omitempty"`
	Redirect string   `json:"redirect,omitempty"`
	Webhook  string   `json:"webhook,omitempty"`
	Language string   `json:"language,omitempty"`
	Days     int      `json:"days,omitempty"`
	Products []string `json:"products,omitempty"`
}

type flowResponse struct {
	Flow string `json:"flow" need:"value"`
}

// noContent is the response of an endpoint that has no body.
type noContent struct{}

type redeemRequest struct {
	Code string `json:"code"`
}

type redeemResponse struct {
	Grant string `json:"grant" need:"token"` // the credential
	ID    string `json:"id"    need:"value"` // the id in deliveries
	State string `json:"state"`              // the state of its flow
}

type grantResponse struct {
	Status string `json:"status" need:"value"` // live, lapsed, gone
	Bank   struct {
		ID      string `json:"id"      need:"value"`
		Name    string `json:"name"`
		Country string `json:"country"`
	} `json:"bank"`
	Products []string `json:"products"`
	Ends     string   `json:"ends"`
}

type accountsResponse struct {
	Accounts wire.List[account] `json:"accounts" need:"value"`
}

type account struct {
	ID       string `json:"id"`
	Kind     string `json:"kind"` // current, savings, card, loan
	Name     string `json:"name"`
	Mask     string `json:"mask"`
	Currency string `json:"currency"`
}

type balanceResponse struct {
	Kind     string      `json:"kind"`
	Currency string      `json:"currency"`
	Booked   wire.Number `json:"booked"` // a debt of a card or loan is a positive number
}

type rowsResponse struct {
	Rows wire.List[row] `json:"rows" need:"value"`
}

type row struct {
	ID        string      `json:"id"`
	Amount    wire.Number `json:"amount"`    // without a sign
	Direction string      `json:"direction"` // credit, debit
	Currency  string      `json:"currency"`
	Date      string      `json:"date"`
	Text      string      `json:"text"`
	Pending   wire.Flag   `json:"pending"`
}

type delivery struct {
	ID    string `json:"id"`
	Event string `json:"event"` // grant.changed, rows.added
	Grant string `json:"grant"` // redeemResponse.ID
}
