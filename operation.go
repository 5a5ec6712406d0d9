package bankmux

// This file names the operations and says what each does.

// The names of operations in [Op.Name], [Error.Op] and [Challenge.Op]. They never change. The name
// of an operation of one adapter starts with the provider's name, such as DapiOperation.
const (
	OpCreateSession          = "CreateSession"
	OpExchangeToken          = "ExchangeToken"
	OpConnectionStatus       = "ConnectionStatus"
	OpDisconnect             = "Disconnect"
	OpCheckCredentials       = "CheckCredentials"
	OpInstitutions           = "Institutions"
	OpInstitution            = "Institution"
	OpReadWebhook            = "ReadWebhook"
	OpAccounts               = "Accounts"
	OpBalances               = "Balances"
	OpAccountNumbers         = "AccountNumbers"
	OpIdentity               = "Identity"
	OpCards                  = "Cards"
	OpTransactions           = "Transactions"
	OpSync                   = "Sync"
	OpHoldings               = "Holdings"
	OpInvestmentTransactions = "InvestmentTransactions"
	OpRefresh                = "Refresh"
	OpAwaitRefresh           = "AwaitRefresh"
	OpSyncAll                = "SyncAll"
)

// The group, effect and product of each operation.
var (
	opCreateSession = Op{Name: OpCreateSession, Group: GroupLink, Effect: Idempotent}
	opExchangeToken = Op{
		Name:    OpExchangeToken,
		Group:   GroupLink,
		Effect:  OneShot,
		FindOut: "call ExchangeToken again with the same session and payload",
	}
	opStatus       = Op{Name: OpConnectionStatus, Group: GroupLink, Effect: Read}
	opDisconnect   = Op{Name: OpDisconnect, Group: GroupLink, Effect: Idempotent}
	opCheck        = Op{Name: OpCheckCredentials, Group: GroupLink, Effect: Read}
	opInstitutions = Op{Name: OpInstitutions, Group: GroupLink, Effect: Read}
	opInstitution  = Op{Name: OpInstitution, Group: GroupLink, Effect: Read}
	opWebhook      = Op{Name: OpReadWebhook, Group: GroupLink, Effect: Local}

	opAccounts       = Op{Name: OpAccounts, Group: GroupData, Effect: Read, Product: string(ProductAccounts)}
	opBalances       = Op{Name: OpBalances, Group: GroupData, Effect: Read, Product: string(ProductAccounts)}
	opAccountNumbers = Op{
		Name:    OpAccountNumbers,
		Group:   GroupData,
		Effect:  Read,
		Product: string(ProductAccountNumbers),
	}
	opIdentity     = Op{Name: OpIdentity, Group: GroupData, Effect: Read, Product: string(ProductIdentity)}
	opCards        = Op{Name: OpCards, Group: GroupData, Effect: Read, Product: string(ProductCards)}
	opTransactions = Op{
		Name:    OpTransactions,
		Group:   GroupData,
		Effect:  Read,
		Product: string(ProductTransactions),
	}
	opSync                   = Op{Name: OpSync, Group: GroupData, Effect: Read, Product: string(ProductTransactions)}
	opHoldings               = Op{Name: OpHoldings, Group: GroupData, Effect: Read, Product: string(ProductInvestments)}
	opInvestmentTransactions = Op{
		Name:    OpInvestmentTransactions,
		Group:   GroupData,
		Effect:  Read,
		Product: string(ProductInvestments),
	}
	opSyncAll      = Op{Name: OpSyncAll, Group: GroupData, Effect: Read, Product: string(ProductTransactions)}
	opAwaitRefresh = Op{Name: OpAwaitRefresh, Group: GroupData, Effect: Read}
	opRefresh      = Op{
		Name:    OpRefresh,
		Group:   GroupData,
		Effect:  OneShot,
		FindOut: "call ConnectionStatus and compare when the products were last attempted",
	}
)
