package bankmux

// This file is the contract of an adapter: Provider, every optional interface, and the table of
// capabilities.

import "context"

// Provider is what an adapter implements: the two steps of linking a bank account.
// Everything else an adapter can do is one of the optional interfaces below.
//
// Implementations must honour the context and be safe for concurrent use. They
// return [*Error] and need not repeat, break circuits or log: the [Client]'s
// interceptors do. Applications use a [*Client], never a bare Provider.
type Provider interface {
	// CreateSession prepares one run of the linking flow; start from [NewSession].
	// It links nothing, so it may be repeated: each call makes another session.
	//
	// Errors: [ErrInvalid] for a request the provider cannot take, [ErrUnsupported]
	// for a required product it does not have, [ErrCredentials], [ErrNotPermitted],
	// [ErrRateLimited], [ErrUnavailable], [ErrMalformed]; with Reconnect set also
	// [ErrGone] and [ErrNotFound].
	CreateSession(ctx context.Context, req SessionRequest) (Session, error)

	// ExchangeToken turns what the front end brought back into a connection; start from
	// [NewConnection], and from [NewFurtherConnection] for each further one that the user linked in
	// the same run. Choose the session's own by a rule that gives the same one each time, such as
	// the provider's order if that is stable; on a reconnect it is the login that is renewed. If
	// each has a token of its own and one cannot be exchanged, return the others, and that one in
	// [ExchangeResult.Failed]. A later call passes over the tokens that are spent;
	// [Session.ConnectionOf] then names them all.
	//
	// It is a one-shot: sent at most once a call. Where nothing is spent, because the provider only
	// says what the user did, say that its effect is [Read] ([EffectDecider]): then it may be
	// repeated, and the payload may be empty.
	//
	// Errors: [ErrInvalid] for a payload that is wrong or not of this session,
	// [ErrTokenSpent] for a token used or expired, [ErrQuota], [ErrCredentials],
	// and [ErrOutcomeUnknown] where the request left and no readable answer
	// came. To find out after that, call ExchangeToken again with the same session and
	// payload: the provider's single-use token makes a second exchange impossible.
	ExchangeToken(ctx context.Context, req ExchangeRequest) (ExchangeResult, error)
}

// Describer is implemented by adapters to name themselves. Without it the provider
// goes by the client's name and has no environment.
type Describer interface {
	// Describe never fails and always gives the same answer.
	Describe() Description
}

// Description is what an adapter says of itself.
type Description struct {
	Provider    string      // name of the adapter, the same in every configuration: "moneykit"
	Environment Environment // what its credentials reach
	// PerAccount says that balances and transactions are read one account a call, as at Dapi. The
	// client then makes the calls: an adapter is asked for exactly one account or card.
	PerAccount bool
}

// EffectDecider is implemented by adapters whose operations differ from the
// default in what they may do when repeated.
type EffectDecider interface {
	// Effect returns the effect op has at this provider; op.Effect holds the default.
	Effect(op Op) Effect
}

// StatusReader tells how a connection is doing.
type StatusReader interface {
	// ConnectionStatus asks the provider for the connection's state and returns the
	// connection brought up to date. A connection that is gone is an answer, not
	// an error. It may be repeated.
	//
	// Errors: [ErrRateLimited], [ErrCredentials], [ErrUnavailable], [ErrMalformed].
	ConnectionStatus(ctx context.Context, req StatusRequest) (StatusResult, error)
}

// Disconnector ends a connection at the provider.
type Disconnector interface {
	// Disconnect withdraws access. It may be repeated: a connection that is gone already is a
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

// InstitutionLister knows which banks a provider reaches.
type InstitutionLister interface {
	// Institutions returns one page of banks and where the next begins. It may be repeated.
	//
	// Errors are those of every call to a provider.
	Institutions(ctx context.Context, req InstitutionsRequest) (InstitutionPage, error)

	// Institution returns one bank by the provider's id or one of its aliases: [ErrNotFound] if
	// there is none. It may be repeated.
	Institution(ctx context.Context, req InstitutionRequest) (InstitutionListing, error)
}

// AccountLister lists the accounts of a connection.
type AccountLister interface {
	// Accounts returns the accounts the user shared. It may be repeated.
	//
	// Errors, besides those of every call on a connection: [ErrNotReady] where the provider has not
	// fetched them yet, [ErrConsent], [ErrInstitution], [ErrUserAction] with a [Challenge].
	Accounts(ctx context.Context, req AccountsRequest) (AccountsResult, error)
}

// BalanceReader reads balances.
type BalanceReader interface {
	// Balances returns what each account holds. An adapter whose [Description] says PerAccount is
	// asked for exactly one account or card a call, the others for any number. It may be repeated.
	//
	// Errors are those of [AccountLister], and [ErrNotFound] for an unknown account.
	Balances(ctx context.Context, req BalancesRequest) (BalancesResult, error)
}

// AccountNumberReader reads account numbers, for payments to and from an account.
type AccountNumberReader interface {
	// AccountNumbers returns the numbers of the accounts that have any; a card or loan often
	// has none and is left out. It may be repeated. Errors are those of [AccountLister].
	AccountNumbers(ctx context.Context, req AccountNumbersRequest) (AccountNumbersResult, error)
}

// IdentityReader reads who owns the accounts, as the bank knows them.
type IdentityReader interface {
	// Identity returns the owners. It may be repeated. Errors are those of [AccountLister].
	Identity(ctx context.Context, req IdentityRequest) (IdentityResult, error)
}

// CardLister lists the cards of a connection, where the provider keeps them apart from accounts.
type CardLister interface {
	// Cards returns the user's cards; for their balances name them in a [BalancesRequest]. It
	// may be repeated. Errors are those of [AccountLister].
	Cards(ctx context.Context, req CardsRequest) (CardsResult, error)
}

// TransactionLister lists what happened in accounts.
type TransactionLister interface {
	// TransactionPage returns one page, in the provider's order, and where the next begins. An
	// adapter whose [Description] says PerAccount is asked for exactly one account or card. It may
	// be repeated.
	//
	// Rows of days that were not asked for are dropped and counted in [TransactionPage.Outside].
	//
	// Errors, besides those of [AccountLister]: [ErrInvalid] for days the bank does not serve where
	// [TransactionsRequest.Beyond] says so, [ErrNotFound] for an unknown account. A row that cannot
	// be read goes into Failed and does not cost the page.
	TransactionPage(ctx context.Context, req TransactionsRequest) (TransactionPage, error)
}

// EnrichedTransactionLister lists transactions with category and merchant, where the provider knows
// them.
type EnrichedTransactionLister interface {
	// EnrichedTransactionPage is [TransactionLister.TransactionPage] with [Transaction.Enrichment].
	EnrichedTransactionPage(ctx context.Context, req TransactionsRequest) (TransactionPage, error)
}

// TransactionSyncer reports what changed since the application last asked. Adapters implement it
// with an engine of package reconcile: Feed for providers with a record of changes, Days for those
// that are read by days.
type TransactionSyncer interface {
	// Sync returns one page of changes and the cursor behind it. It may be repeated with the same
	// cursor: nothing is told twice to an application that has stored the page before, if it gives
	// Known.
	//
	// Errors, besides those of [TransactionLister]: [ErrInvalid] for a cursor of another
	// connection, of a later version, or that was changed.
	Sync(ctx context.Context, req SyncRequest) (Delta, error)
}

// HoldingReader reads what investment accounts hold.
type HoldingReader interface {
	// Holdings returns positions and the securities they are in. It may be repeated. Errors are
	// those of [AccountLister].
	Holdings(ctx context.Context, req HoldingsRequest) (HoldingsResult, error)
}

// InvestmentTransactionLister lists what happened in investment accounts.
type InvestmentTransactionLister interface {
	// InvestmentTransactionPage returns one page and where the next begins. It may be repeated.
	// Errors are those of [TransactionLister].
	InvestmentTransactionPage(ctx context.Context, req InvestmentTransactionsRequest) (InvestmentTransactionPage, error)
}

// Refresher makes a provider that serves stored data fetch it anew from the bank.
type Refresher interface {
	// Refresh starts fetching and returns at once; see [Client.AwaitRefresh] for the end. It is a
	// one-shot: a refresh may be billed, and some are allowed once an hour or a day.
	//
	// Errors, besides those of every call on a connection: [ErrRateLimited] for one too many,
	// [ErrUserAction] with a [Challenge] where the bank asks the user before anything is fetched,
	// [ErrConsent], [ErrInstitution], and [ErrOutcomeUnknown] where no answer came:
	// ConnectionStatus tells.
	Refresh(ctx context.Context, req RefreshRequest) (RefreshResult, error)
}

// WebhookReader verifies what claims to be a webhook of the provider and says what it announces.
type WebhookReader interface {
	// ReadWebhook believes nothing before the signature over the exact bytes of the body has held.
	// What is genuine but of an unknown name or form is one event of [EventUnknown], not an
	// error. It changes nothing and may be repeated.
	//
	// Errors: [ErrSignature] for a delivery that does not prove its origin or is too old,
	// [ErrUnsupported] where the configuration has nothing to verify with, [ErrUnavailable],
	// [ErrRateLimited], [ErrCredentials] and [ErrMalformed] where the keys for it cannot be
	// fetched, and [ErrMalformed] for a genuine one whose encryption cannot be undone with the
	// configured key.
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

// found tells by type assertion which capabilities an adapter has.
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
