// Package bankmux connects a back end with its users' bank accounts. A user's bank is reached
// through an aggregator, which this package calls a provider. The package has one model for all
// providers.
//
// # For applications
//
// A [Client] is one provider under one set of credentials. The packages below providers make
// clients, with retries, circuit breakers, deadlines and a log around every call. A [Registry]
// holds the application's clients, and its [Route] values decide which client serves which user.
//
// A user links a bank in three steps. [Registry.CreateSession] returns a [Session]. The front end
// runs the provider's page with [Session.Launch], and posts the page's result.
// [Registry.ExchangeToken] turns that into a [Connection], which is one user's access to one bank:
//
//	client, err := moneykit.New(moneykit.Config{…}) // or dapi.New, plaid.New
//	registry, err := bankmux.NewRegistry(
//		[]*bankmux.Client{client}, []bankmux.Route{{Client: client.Name()}})
//	session, err := registry.CreateSession(ctx, bankmux.SessionRequest{User: "user-1", Country: "US"})
//	// … the front end posts the result of the page
//	linked, err := registry.ExchangeToken(ctx, bankmux.ExchangeRequest{
//		Session: session, User: "user-1", Payload: bankmux.NewSecret(posted)})
//	blob, err := linked.Connection.Seal(keyring) // the row to store
//
// A user may link several banks in one run: [ExchangeResult.All] returns every connection. Store
// the sealed connection by its ID. [Open] reads it back, and [Registry.For] returns the client that
// serves it. The methods of [Client] read accounts, balances and transactions. [Client.SyncAll]
// keeps a database in step with the bank, through a [Ledger]; [NewMemoryLedger] makes one for
// trials. [Client.Disconnect] ends the access.
//
// What else an application needs is in packages of its own:
//
//   - store keeps connections and rows in a database, and is a [Ledger]. store/sqlite and
//     store/postgres open one.
//   - bankhttp serves linking, reading, challenges, webhooks and health over HTTP. Package
//     bankhttp/launcher opens any provider's page in the browser.
//   - inbox receives webhook deliveries, and schedule says when a connection is due again.
//   - guard makes the interceptors of a client. Its Fleet shares state between processes, through a
//     backend of fleet/postgres or fleet/redis. Module fleet/river syncs by jobs of River.
//   - telemetry reports calls to OpenTelemetry.
//   - reconcile matches accounts and compares transactions without a client.
//   - virtualbank plays the providers in tests, and ledgertest checks a [Ledger] of your own.
//     Package guard/fleettest checks a backend of your own.
//
// The packages store, telemetry and those below fleet are modules of their own.
//
// # Errors
//
// errors.As finds an [*Error] in every error that a call returns, and its [Kind] says what to do
// next. If parts of a result cannot be read, the rest comes with a [*PartialError]. A loop yields a
// [Failure] for each unreadable row. Neither the text nor the JSON of an error has a secret or
// personal data.
//
// The comment of a call names the kinds that are particular to it. Besides these, a call to a
// provider can end in [ErrContextDone], [ErrCircuitOpen], [ErrRateLimited], [ErrCredentials],
// [ErrUnavailable], [ErrMalformed] and [ErrUnknown]. A call on a connection can also end in
// [ErrInvalid], [ErrReauth] and [ErrGone].
//
// # Concurrency and repeated calls
//
// Everything in this package is safe for concurrent use. Values such as a [Connection] or a [Money]
// do not change after they are made.
//
// A function that calls no provider may be repeated. A call to a provider may be repeated unless
// its comment calls it a one-shot.
//
// # For authors of adapters
//
// An adapter is a type that implements [Provider], and the optional interfaces for what else the
// provider can do. The names below are for adapters. An application uses two of them:
// [Interceptor], to add a step around every call, and [Keeper], to store renewed credentials.
//
//   - The contract: [Provider], [Description], [Describer], [EffectDecider], [ExitDecider],
//     and the interface of each [Capability], such as [AccountLister].
//   - Make a client: [NewClient], with the interceptors of package guard.
//   - Read a request: [OptionOf], [SessionOption], [ExchangeRequest.Fields], [Payload],
//     [Payload.Left], [SyncRequest.AccountName], [TransactionsRequest.Days],
//     [TransactionsRequest.Limits], [InvestmentTransactionsRequest.Days],
//     [InvestmentTransactionsRequest.Limits], [PresenceOf], [Presence.PSU].
//   - Make a result: [NewSession], [Session.ConnectionOf], [NewLaunchToken], [NewConnection],
//     [NewFurtherConnection], [Connection.Credential], [Connection.WithCredential],
//     [Event.WithReference], [Event.WithExchangePayload], [Event.WithRaw], [Event.WithPayload],
//     [Moment], [ParseDecimal], [MoneyOf].
//   - Renew a credential while a connection is in use: [Keeper].
//   - Add an operation of the provider's own: [Do], [DoOn], [Request].
//   - Surround every call: [Interceptor], [Op], [Group], [Effect], [ErrorOf], [OutcomeKnown],
//     [Error.Repeatable], [Kind.Counted], [Kind.BankResponded].
//
// The packages below adapter are a kit for requests, responses and webhooks. The packages below
// normalize have what each provider's words mean. Package providertest checks an adapter against
// this contract.
package bankmux
