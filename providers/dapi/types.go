package dapi

import (
	"bytes"
	"encoding/json"
	"reflect"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
)

// The types of this file are Dapi's wire format, from its documentation and server SDKs. A member
// of another shape is read as absent: see [wire.Decode].

// envelope is in every response. Status decides, not Success and not the HTTP status.
type envelope struct {
	Status      string    `json:"status"`
	OperationID wire.Text `json:"operationID"`
	Type        string    `json:"type"`
	UserInputs  questions `json:"userInputs"`
}

// running reports whether an operation continues at the bank.
func (e *envelope) running() bool { return e.Status == statusRunning && e.OperationID != "" }

// verdict is the part of a failed envelope that decides.
type verdict struct {
	Status string `json:"status"`
	Type   string `json:"type"`
}

// shownMessage is the part of a failed envelope that is only shown.
type shownMessage struct {
	Msg string `json:"msg"`
}

// questions are those of the bank. In a response without questions the member may have any shape.
type questions struct{ Rows []userInput }

// KeysMayRepeat says that each question is checked by itself.
func (*questions) KeysMayRepeat() {}

// InspectAs names the members of a question: see [wire.Inspect].
func (*questions) InspectAs() reflect.Type { return reflect.TypeFor[[]userInput]() }

// UnmarshalJSON reads the objects of an array. Anything else is not a question. A question is kept
// even if what is shown with it cannot be read.
func (q *questions) UnmarshalJSON(raw []byte) error {
	q.Rows = nil
	var all []shown
	if wire.Decode(raw, &all) != nil {
		all = nil
	}
	for _, one := range all {
		var in userInput
		if one[0] == '{' && wire.DecodeLenient(one, &in) == nil {
			q.Rows = append(q.Rows, in)
		}
	}
	return nil
}

// userInput is one question of the bank. Sources disagree about index (number or text) and about
// the name and shape of the options.
type userInput struct {
	ID      wire.Text   `json:"id"`
	Index   wire.Number `json:"index"`
	Query   wire.Text   `json:"query"`
	Options shown       `json:"queryOptions"`
	Choices shown       `json:"queryChoices"`
}

// shown is JSON that never decides, so its keys may repeat.
type shown []byte

func (*shown) KeysMayRepeat() {}

// UnmarshalJSON keeps the value as it is.
func (s *shown) UnmarshalJSON(raw []byte) error {
	*s = bytes.Clone(raw)
	return nil
}

func (e *envelope) common() *envelope { return e }

// response is a type that embeds an envelope.
type response interface{ common() *envelope }

// The statuses of an envelope.
const (
	statusDone      = "done"
	statusFailed    = "failed"
	statusUserInput = "user_input_required"
	statusRunning   = "initialized"
)

type exchangeBody struct {
	AppSecret    string `json:"appSecret"`
	AccessCode   string `json:"accessCode"`
	ConnectionID string `json:"connectionID"`
}

// exchangeResponse has the documented accessToken. The other members are from SDK types.
type exchangeResponse struct {
	envelope
	AccessToken string `json:"accessToken" need:"token"`
	TokenID     string `json:"tokenID"`
	UserID      string `json:"userID"`
}

// dataBody is the body of every call on a connection, and of data calls.
type dataBody struct {
	AppKey      string       `json:"appKey,omitempty"`
	AppSecret   string       `json:"appSecret"`
	UserSecret  string       `json:"userSecret"`
	OperationID string       `json:"operationID,omitempty"`
	UserInputs  []userAnswer `json:"userInputs,omitempty"`
	AccountID   string       `json:"accountID,omitempty"`
	CardID      string       `json:"cardID,omitempty"`
	FromDate    string       `json:"fromDate,omitempty"`
	ToDate      string       `json:"toDate,omitempty"`

	currency bankmux.Currency // of the account or card, where it was listed before
}

// userAnswer is the answer to a userInput.
type userAnswer struct {
	ID     string `json:"id"`
	Index  int    `json:"index"`
	Answer string `json:"answer"`
}

// operationResponse does not contain the result of the operation in its documented form.
type operationResponse struct {
	envelope
	Info *operationInfo `json:"opInfo"`
}

type operationInfo struct {
	Status    string `json:"status"`
	ErrorType string `json:"errorType"`
	Type      string `json:"type"`
	StartDate string `json:"startDate"`
	EndDate   string `json:"endDate"`
}

// currency is {"code","name"}. It is in every row and always the same, so the usual form is read
// without parsing its members.
type currency struct {
	Code string `json:"code"`
}

// InspectAs names the members: see [wire.Inspect].
func (*currency) InspectAs() reflect.Type { return reflect.TypeFor[currencyObject]() }

// currencyObject is the usual form of a currency.
type currencyObject struct {
	Code string `json:"code"`
}

// UnmarshalJSON reads the object, the code alone, or null. Anything else has no code.
func (c *currency) UnmarshalJSON(raw []byte) error {
	const before = `{"code":"`
	if rest, ok := bytes.CutPrefix(raw, []byte(before)); ok && len(rest) > 3 && rest[3] == '"' {
		c.Code = usual(rest[:3])
		return nil
	}
	c.Code = ""
	if raw[0] == '"' {
		return json.Unmarshal(raw, &c.Code)
	}
	var in currencyObject
	_ = wire.Decode(raw, &in) // without a code, the amount is refused
	c.Code = in.Code
	return nil
}

// usual returns the code. It allocates nothing for the currencies of the countries that Dapi
// serves.
func usual(code []byte) string {
	switch string(code) {
	case "AED":
		return "AED"
	case "SAR":
		return "SAR"
	case "KWD":
		return "KWD"
	case "BHD":
		return "BHD"
	case "USD":
		return "USD"
	case "EUR":
		return "EUR"
	}
	return string(code)
}

type account struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Number   string   `json:"number"`
	IBAN     string   `json:"iban"`
	Type     string   `json:"type"`
	Currency currency `json:"currency"`
	Balance  *balance `json:"balance"`
}

type accountsResponse struct {
	envelope
	Accounts wire.List[account] `json:"accounts" need:"value"`
}

// balance is that of an account (amount, a number or text) or of a card (the other members).
type balance struct {
	Amount      wire.Number `json:"amount"`
	Available   wire.Number `json:"availableBalance"`
	Outstanding wire.Number `json:"outstandingBalance"`
	AmountDue   wire.Number `json:"amountDue"`
	DueDate     string      `json:"dueDate"`
	Currency    currency    `json:"currency"`
}

type balanceResponse struct {
	envelope
	Balance *balance `json:"balance" need:"value"`
}

type card struct {
	ID          string      `json:"id"`
	Name        string      `json:"name"`
	CardNumber  string      `json:"cardNumber"`
	Type        string      `json:"type"`
	Status      string      `json:"status"`
	CreditLimit wire.Number `json:"creditLimit"`
	ExpiryDate  string      `json:"expiryDate"`
	Currency    currency    `json:"currency"`
}

type cardsResponse struct {
	envelope
	Cards wire.List[card] `json:"cards" need:"value"`
}

// typed is a pair, as Dapi writes telephone numbers and documents.
type typed struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

type identityResponse struct {
	envelope
	Identity *person `json:"identity" need:"value"`
}

type person struct {
	Name         string                   `json:"name"`
	Nationality  string                   `json:"nationality"`
	DateOfBirth  string                   `json:"dateOfBirth"`
	EmailAddress string                   `json:"emailAddress"`
	Numbers      wire.OptionalList[typed] `json:"numbers"`
	Address      *struct {
		Flat     wire.Text `json:"flat"`
		Building wire.Text `json:"building"`
		Full     string    `json:"full"`
		Area     string    `json:"area"`
		POBox    wire.Text `json:"poBox"`
		City     string    `json:"city"`
		State    string    `json:"state"`
		Country  string    `json:"country"`
	} `json:"address"`
	Identification  wire.OptionalList[typed] `json:"identification"`
	Identifications wire.OptionalList[typed] `json:"identifications"` // as iOS names it
}

// transaction has no id and no status. Its type has the direction, and the sign of its amount does
// not count: see direction.
type transaction struct {
	listed     bankmux.Currency // of the account, where it is known
	card       bool             // the row is a card's
	unreadable bool             // not a row

	Amount       wire.Number `json:"amount"`
	Date         string      `json:"date"`
	Type         string      `json:"type"`
	Currency     currency    `json:"currency"`
	Description  string      `json:"description"`
	Details      string      `json:"details"`
	BeforeAmount wire.Number `json:"beforeAmount"`
	AfterAmount  wire.Number `json:"afterAmount"`
	Reference    string      `json:"reference"`
	Category     string      `json:"category"`
	Brand        struct {
		Name string `json:"name"`
		Logo string `json:"logo"`
	} `json:"brandDetails"`
}

type transactionsResponse struct {
	envelope
	Transactions wire.Rows[transaction] `json:"transactions" need:"value"`
}

// Bounded says that only the rows of the response can be many.
func (*transactionsResponse) Bounded() {}

// span is a length of time, such as 90 days.
type span struct {
	Value wire.Number `json:"value"`
	Unit  string      `json:"unit"`
}

// metadataResponse describes the bank of a connection.
type metadataResponse struct {
	envelope
	Metadata *metadata `json:"accountsMetadata" need:"value"`
}

type metadata struct {
	SwiftCode     string    `json:"swiftCode"`
	SortCode      wire.Text `json:"sortCode"`
	BankName      string    `json:"bankName"`
	BankID        wire.Text `json:"bankId"`
	BranchName    string    `json:"branchName"`
	BranchAddress string    `json:"branchAddress"`
	Address       struct {
		Line1 string `json:"line1"`
		Line2 string `json:"line2"`
		Line3 string `json:"line3"`
	} `json:"address"`
	Country struct {
		Code string `json:"code"`
		Name string `json:"name"`
	} `json:"country"`
	TransferBounds   wire.OptionalList[bound] `json:"transferBounds"`
	CoolDown         span                     `json:"beneficiaryCoolDownPeriod"`
	TransactionRange span                     `json:"transactionRange"`
	CreateFirst      bool                     `json:"isCreateBeneficiaryEndpointRequired"`
	ShownInCoolDown  bool                     `json:"willNewlyAddedBeneficiaryExistBeforeCoolDownPeriod"`
	// Validators are rules by operation, kind of beneficiary and field. They are parsed on use.
	Validators json.RawMessage `json:"validators"`
}

// bound is the smallest transfer to a kind of beneficiary.
type bound struct {
	Minimum  wire.Number `json:"minimum"`
	Currency currency    `json:"currency"`
	Type     string      `json:"type"`
}

// webhookBody is the body of a delivery, in the virtual bank's words. Dapi publishes none.
type webhookBody struct {
	Event        string `json:"event"`
	ConnectionID string `json:"connectionID"`
	State        string `json:"state"`
	ErrorType    string `json:"errorType"`
	OccurredAt   string `json:"occurredAt"`
}
