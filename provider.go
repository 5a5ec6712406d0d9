// Package bankmux connects a back end with its users' bank accounts through
// whichever aggregator serves their bank and country, behind one model.
//
// database/sql is the picture to keep in mind. An adapter implements the small [Provider]
// interface; an application holds a [*Client], which puts circuit breaker, deadline,
// retry rules and trace around every call; a [*Registry] of clients decides who serves whom.
//
//	client, err := moneykit.New(moneykit.Config{…})             // or dapi.New
//	registry, err := bankmux.NewRegistry([]*bankmux.Client{client}, []bankmux.Route{{Client: client.Name()}})
//	session, err := registry.CreateSession(ctx, bankmux.SessionRequest{User: "user-1", Country: "US", …})
//	// the front end runs the provider's Connect with session.Launch and posts what it got
//	linked, err := registry.ExchangeToken(ctx, bankmux.ExchangeRequest{Session: session, User: "user-1", Payload: bankmux.NewSecret(posted)})
//	blob, err := linked.Connection.Seal(keyring)                // the row to store, by its ID; linked.More mostly is empty
//
// # Errors
//
// Every error is an [*Error] and says by its [Kind] what to do next. Besides the kinds that a
// comment names, every call to a provider can end in one that is the same for all:
// [ErrContextDone], [ErrCircuitOpen], [ErrRateLimited], [ErrCredentials], [ErrUnavailable],
// [ErrMalformed], [ErrUnknown]; and every call on a connection in [ErrInvalid], [ErrReauth] and
// [ErrGone]. None holds a secret or personal data.
//
// # Concurrency and repeating
//
// Everything in this package may be used by any number of goroutines at once: values are not
// changed after they were made, and clients and registries are safe. Functions that call no
// provider may be repeated at will. What a provider is asked may be repeated unless its comment
// calls it a one-shot.
package bankmux

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

// CheckRequest has no parameters yet.
type CheckRequest struct{}

func (*CheckRequest) prepare(*Client, *Op) error { return nil }

// CheckResult says what the credentials are.
type CheckResult struct {
	App string // the application's name at the provider, "" where unknown
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
