package bankmux

// This file is the contract of an adapter: Provider, every optional interface, and the table of
// capabilities.

import (
	"context"
	"time"
)

// Provider is the interface that every adapter implements: the two steps of linking a bank account.
// Each further ability of an adapter is one of the optional interfaces below.
//
// Implementations must honour the context and be safe for concurrent use. They return [*Error].
// They need not retry, log or have circuit breakers, because the [Client]'s interceptors do that.
// Applications use a [*Client], never a bare Provider.
type Provider interface {
	// CreateSession prepares one run of the linking flow. Start from [NewSession]. It links
	// nothing, so it may be repeated: each call makes another session.
	//
	// The error is [ErrInvalid] for a request that the provider cannot take, and [ErrUnsupported]
	// for a required product that it does not have. Others are [ErrCredentials], [ErrNotPermitted],
	// [ErrRateLimited], [ErrUnavailable] and [ErrMalformed]. With Reconnect set there are also
	// [ErrGone] and [ErrNotFound].
	CreateSession(ctx context.Context, req SessionRequest) (Session, error)

	// ExchangeToken turns the payload of the front end into a connection. Start from
	// [NewConnection].
	//
	// A user may link several banks in one run. Start from [NewFurtherConnection] for each further
	// connection. Choose the session's own connection by a rule that gives the same one each time,
	// such as the provider's order if that is stable. On a reconnect it is the login that is
	// renewed.
	//
	// Each login may have a token of its own. If one of them cannot be exchanged, return the other
	// connections, and a failure in [ExchangeResult.Failed]. If a later call finds some tokens
	// spent already, it counts these in [ExchangeResult.Spent] alone. It then names all connections
	// by [Session.ConnectionOf].
	//
	// ExchangeToken is a one-shot: one call sends the exchange at most once. At some providers
	// nothing is spent, because the call only asks what the user did. The effect is [Read] there:
	// see [EffectDecider]. Then the call may be repeated, and the payload may be empty.
	//
	// The error is [ErrInvalid] for a payload that is wrong or of another session, and
	// [ErrTokenSpent] for a token that was used or has expired. It is [ErrOutcomeUnknown] if the
	// request was sent and no readable response came. To learn the outcome, call ExchangeToken
	// again with the same session and payload. The provider's single-use token makes a second
	// exchange impossible. Others are [ErrQuota] and [ErrCredentials].
	//
	// If it refuses a login whose access is open already, such as one at another bank, it ends the
	// access. If that fails, the error is an [ErrInvalid] with a cause: see [LeftOpen].
	ExchangeToken(ctx context.Context, req ExchangeRequest) (ExchangeResult, error)
}

// Describer is for adapters that name themselves. Without it the provider has the client's name and
// no environment.
type Describer interface {
	// Describe never fails and always returns the same description.
	Describe() Description
}

// Description describes an adapter.
type Description struct {
	Provider    string      // name of the adapter, the same in every configuration: "moneykit"
	Environment Environment // what its credentials reach
	// PerAccount says that a call reads the balances or transactions of one account, as at Dapi.
	// The client then makes one call per account or card.
	PerAccount bool
	// Now is the clock that decides which days the adapter requests, such as that of a test. nil
	// means the machine's.
	Now func() time.Time
}

// EffectDecider is for adapters with operations that do not have the default effect. The effect
// decides whether a call may be repeated.
type EffectDecider interface {
	// Effect returns the effect of op at this provider. op.Effect holds the default.
	Effect(op Op) Effect
}

// ExitDecider is for adapters with sessions that may link a bank before the user leaves. An example
// is a session for several banks.
type ExitDecider interface {
	// LinksBeforeExit reports whether s is such a session. ExchangeToken then also gets a payload
	// that says that the user left. If it finds nothing to exchange, it returns [Payload.Left].
	LinksBeforeExit(s Session) bool
}

// StatusReader reads the state of a connection.
type StatusReader interface {
	// ConnectionStatus asks the provider for the connection's state and returns the updated
	// connection. A connection that is gone is a result, not an error. It may be repeated.
	//
	// Errors: [ErrRateLimited], [ErrCredentials], [ErrUnavailable], [ErrMalformed].
	ConnectionStatus(ctx context.Context, req StatusRequest) (StatusResult, error)
}

// Disconnector ends a connection at the provider.
type Disconnector interface {
	// Disconnect withdraws access. It may be repeated. A connection that is gone already is a
	// success.
	//
	// Errors: [ErrRateLimited], [ErrCredentials], [ErrUnavailable], [ErrMalformed].
	Disconnect(ctx context.Context, req DisconnectRequest) (DisconnectResult, error)
}

// CredentialChecker verifies the application's own credentials.
type CredentialChecker interface {
	// CheckCredentials asks the provider whether it accepts them. It may be repeated.
	//
	// Errors: [ErrCredentials], [ErrRateLimited], [ErrUnavailable], [ErrMalformed].
	CheckCredentials(ctx context.Context, req CheckRequest) (CheckResult, error)
}

// InstitutionLister lists the banks that a provider reaches.
type InstitutionLister interface {
	// Institutions returns one page of banks and where the next one starts. It may be repeated.
	//
	// Errors are those of every call to a provider.
	Institutions(ctx context.Context, req InstitutionsRequest) (InstitutionPage, error)

	// Institution returns one bank by the provider's id or one of its aliases. The error is
	// [ErrNotFound] if there is none. It may be repeated.
	Institution(ctx context.Context, req InstitutionRequest) (InstitutionListing, error)
}

// AccountLister lists the accounts of a connection.
type AccountLister interface {
	// Accounts returns the accounts the user shared. It may be repeated.
	//
	// The error is [ErrNotReady] if the provider has not fetched them yet, and [ErrUserAction] with
	// a [Challenge] if the bank asks the user. Others are [ErrConsent], [ErrInstitution], and those
	// of every call on a connection.
	Accounts(ctx context.Context, req AccountsRequest) (AccountsResult, error)
}

// BalanceReader reads balances.
type BalanceReader interface {
	// Balances returns the balances of each account. If the adapter's [Description] says
	// PerAccount, the request names exactly one account or card. It may be repeated.
	//
	// Errors are those of [AccountLister], and [ErrNotFound] for an unknown account.
	Balances(ctx context.Context, req BalancesRequest) (BalancesResult, error)
}

// AccountNumberReader reads account numbers, for payments to and from an account.
type AccountNumberReader interface {
	// AccountNumbers returns the numbers of the accounts that have any. A card or a loan often has
	// none and is left out. It may be repeated. Errors are those of [AccountLister].
	AccountNumbers(ctx context.Context, req AccountNumbersRequest) (AccountNumbersResult, error)
}

// IdentityReader reads who owns the accounts, as the bank knows them.
type IdentityReader interface {
	// Identity returns the owners. It may be repeated. Errors are those of [AccountLister].
	Identity(ctx context.Context, req IdentityRequest) (IdentityResult, error)
}

// CardLister lists the cards of a connection, if the provider keeps cards apart from accounts.
type CardLister interface {
	// Cards returns the user's cards. [BalancesRequest.Cards] names them to read their balances. It
	// may be repeated. Errors are those of [AccountLister].
	Cards(ctx context.Context, req CardsRequest) (CardsResult, error)
}

// TransactionLister lists the transactions of accounts.
type TransactionLister interface {
	// TransactionPage returns one page, in the provider's order, and where the next one starts. If
	// the adapter's [Description] says PerAccount, the request names exactly one account or card.
	// It may be repeated.
	//
	// Rows of days that were not asked for are dropped and counted in [TransactionPage.Outside]. A
	// row that cannot be read is in Failed, and the rest of the page is returned.
	//
	// The error is [ErrInvalid] for days that the bank does not serve, unless
	// [TransactionsRequest.Beyond] says otherwise. It is [ErrNotFound] for an unknown account.
	// Others are those of [AccountLister].
	TransactionPage(ctx context.Context, req TransactionsRequest) (TransactionPage, error)
}

// EnrichedTransactionLister lists transactions with category and merchant, if the provider knows
// them.
type EnrichedTransactionLister interface {
	// EnrichedTransactionPage is [TransactionLister.TransactionPage] with [Transaction.Enrichment].
	EnrichedTransactionPage(ctx context.Context, req TransactionsRequest) (TransactionPage, error)
}

// TransactionSyncer reports what changed since the application last asked. Adapters implement it
// with an engine of package reconcile. Feed is for providers with a record of changes, and Days for
// providers that return the rows between two days.
type TransactionSyncer interface {
	// Sync returns one page of changes and the cursor after it. It may be repeated with the same
	// cursor. With [SyncRequest.Known], it then does not report rows that the application has
	// stored already.
	//
	// The error is [ErrInvalid] for a cursor of another connection or of a later version, and for
	// one that was changed. Others are those of [TransactionLister].
	Sync(ctx context.Context, req SyncRequest) (Delta, error)
}

// HoldingReader reads the positions of investment accounts.
type HoldingReader interface {
	// Holdings returns positions and their securities. It may be repeated. Errors are those of
	// [AccountLister].
	Holdings(ctx context.Context, req HoldingsRequest) (HoldingsResult, error)
}

// InvestmentTransactionLister lists the transactions of investment accounts.
type InvestmentTransactionLister interface {
	// InvestmentTransactionPage returns one page and where the next one starts. It may be repeated.
	// Errors are those of [TransactionLister].
	InvestmentTransactionPage(ctx context.Context, req InvestmentTransactionsRequest) (InvestmentTransactionPage, error)
}

// Refresher makes a provider that serves stored data fetch it again from the bank.
type Refresher interface {
	// Refresh starts fetching and returns at once. [Client.AwaitRefresh] waits for the end. It is a
	// one-shot: a refresh may be billed, and some are allowed once an hour or a day.
	//
	// The error is [ErrRateLimited] for one refresh too many, and [ErrUserAction] with a
	// [Challenge] if the bank asks the user first. It is [ErrOutcomeUnknown] if the request was
	// sent and no readable response came: ConnectionStatus shows whether a refresh started. Others
	// are [ErrConsent], [ErrInstitution], and those of every call on a connection.
	Refresh(ctx context.Context, req RefreshRequest) (RefreshResult, error)
}

// WebhookReader verifies webhook deliveries of the provider and reads what they announce.
type WebhookReader interface {
	// ReadWebhook verifies the signature over the exact bytes of the body before it uses any of it.
	// A verified delivery of an unknown name or form is one event of [EventUnknown], not an error.
	// It changes nothing and may be repeated.
	//
	// The error is [ErrSignature] for a delivery that does not prove its origin or is too old. It
	// is [ErrUnsupported] if the configuration has nothing to verify with. It is [ErrMalformed] for
	// a verified delivery that the configured key cannot decrypt. If the keys cannot be fetched, it
	// is [ErrUnavailable], [ErrRateLimited], [ErrCredentials] or [ErrMalformed].
	ReadWebhook(ctx context.Context, req WebhookRequest) (WebhookResult, error)
}

// Capability names one optional interface.
type Capability string

// The capabilities known so far.
const (
	CapStatus                 Capability = "connection_status"       // [StatusReader]
	CapDisconnect             Capability = "disconnect"              // [Disconnector]
	CapCheck                  Capability = "check_credentials"       // [CredentialChecker]
	CapInstitutions           Capability = "institutions"            // [InstitutionLister]
	CapAccounts               Capability = "accounts"                // [AccountLister]
	CapBalances               Capability = "balances"                // [BalanceReader]
	CapAccountNumbers         Capability = "account_numbers"         // [AccountNumberReader]
	CapIdentity               Capability = "identity"                // [IdentityReader]
	CapCards                  Capability = "cards"                   // [CardLister]
	CapTransactions           Capability = "transactions"            // [TransactionLister]
	CapEnrichment             Capability = "enrichment"              // [EnrichedTransactionLister]
	CapSync                   Capability = "transaction_sync"        // [TransactionSyncer]
	CapHoldings               Capability = "holdings"                // [HoldingReader]
	CapInvestmentTransactions Capability = "investment_transactions" // [InvestmentTransactionLister]
	CapRefresh                Capability = "refresh"                 // [Refresher]
	CapWebhooks               Capability = "webhooks"                // [WebhookReader]
)

// found has a type assertion for each capability.
var found = []struct {
	capability Capability
	in         func(Provider) bool
}{
	{CapStatus, is[StatusReader]},
	{CapDisconnect, is[Disconnector]},
	{CapCheck, is[CredentialChecker]},
	{CapInstitutions, is[InstitutionLister]},
	{CapAccounts, is[AccountLister]},
	{CapBalances, is[BalanceReader]},
	{CapAccountNumbers, is[AccountNumberReader]},
	{CapIdentity, is[IdentityReader]},
	{CapCards, is[CardLister]},
	{CapTransactions, is[TransactionLister]},
	{CapEnrichment, is[EnrichedTransactionLister]},
	{CapSync, is[TransactionSyncer]},
	{CapHoldings, is[HoldingReader]},
	{CapInvestmentTransactions, is[InvestmentTransactionLister]},
	{CapRefresh, is[Refresher]},
	{CapWebhooks, is[WebhookReader]},
}

func is[T any](p Provider) bool {
	_, ok := p.(T)
	return ok
}

// Capabilities lists every capability there is.
func Capabilities() []Capability {
	all := make([]Capability, len(found))
	for i, f := range found {
		all[i] = f.capability
	}
	return all
}

func capabilities(p Provider) []Capability {
	var caps []Capability
	for _, f := range found {
		if f.in(p) {
			caps = append(caps, f.capability)
		}
	}
	return caps
}
