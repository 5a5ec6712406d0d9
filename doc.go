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
