// Package adapter is an overview of the packages that help to write an adapter. It has no code.
// Each package below does one thing, and an adapter imports those that it needs:
//
//   - [github.com/bankmux/bankmux/adapter/rest] sends requests to the JSON API of one provider.
//     Each request is sent once, never redirected, and signed if the provider needs that. An error
//     proves whether the request was sent.
//   - [github.com/bankmux/bankmux/adapter/wire] decodes responses. An unexpected value affects only
//     its member or its row.
//   - [github.com/bankmux/bankmux/adapter/paging] keeps the place in a list that changes while it
//     is read.
//   - [github.com/bankmux/bankmux/adapter/setup] completes and checks a configuration.
//   - [github.com/bankmux/bankmux/adapter/token] caches the access token of an application.
//   - [github.com/bankmux/bankmux/adapter/webhook] verifies deliveries: HMAC, tokens signed with
//     the provider's keys, or shared secrets.
//   - [github.com/bankmux/bankmux/adapter/rotation] renews the tokens of users without losing one.
//
// Beside them, an adapter needs these:
//
//   - [github.com/bankmux/bankmux/normalize] classifies errors by a catalogue, and reads days and
//     codes.
//   - [github.com/bankmux/bankmux/guard] adds retries, circuit breakers and deadlines to every
//     call.
//   - [github.com/bankmux/bankmux/reconcile] has the engines of Sync.
//   - [github.com/bankmux/bankmux/providertest] tests that an adapter does what applications rely
//     on.
//
// All packages follow the same rules. An error is a *bankmux.Error whose Kind says what to do. It
// never quotes text of a provider or a sender. What a New function returns is safe for concurrent
// use and starts no goroutine. docs/adapter.md describes how to write an adapter, step by step.
package adapter
