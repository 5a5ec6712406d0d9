package dapi

// The wire types, as Dapi's documentation and server SDKs have them.

// envelope is in every answer. Status decides, not Success and not the HTTP status.
type envelope struct {
	Status      string `json:"status"`
	OperationID string `json:"operationID"`
	Type        string `json:"type"`
}

func (e *envelope) common() *envelope { return e }

// answer is a type that an envelope is part of.
type answer interface{ common() *envelope }

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

// exchangeAnswer: only accessToken is documented, SDK types add the others.
type exchangeAnswer struct {
	envelope
	AccessToken string `json:"accessToken"`
	TokenID     string `json:"tokenID"`
	UserID      string `json:"userID"`
}

// commonBody is what every call on a connection carries.
type commonBody struct {
	AppSecret  string `json:"appSecret"`
	UserSecret string `json:"userSecret"`
}

type metadataAnswer struct {
	envelope
	Metadata *struct {
		SwiftCode string `json:"swiftCode"`
		BankName  string `json:"bankName"`
		BankID    string `json:"bankId"`
		Country   struct {
			Code string `json:"code"`
		} `json:"country"`
	} `json:"accountsMetadata"`
}
