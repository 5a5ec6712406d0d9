// Package adapter is the way into what the adapters of this module share, for those who write one
// elsewhere. It has no code of its own. Each package below does one thing, and an adapter imports
// those that it needs:
//
//   - [github.com/bankmux/bankmux/adapter/rest] sends requests to one provider's JSON API: once,
//     bounded, without redirects, signed where the provider wants that, and with proof of NotSent.
//   - [github.com/bankmux/bankmux/adapter/wire] decodes responses so that one odd member costs
//     itself or its row: lists, exact numbers, ids, flags.
//   - [github.com/bankmux/bankmux/adapter/token] caches the access token of an application.
//   - [github.com/bankmux/bankmux/adapter/webhook] verifies deliveries: HMAC, signed tokens with
//     keys of the provider, shared secrets.
//   - [github.com/bankmux/bankmux/adapter/rotation] renews the tokens of users without losing one.
//
// Beside them, an adapter needs these:
//
//   - [github.com/bankmux/bankmux/normalize] classifies errors by a catalogue, and reads days and
//     codes.
//   - [github.com/bankmux/bankmux/guard] repeats, limits and breaks circuits around every call.
//   - [github.com/bankmux/bankmux/reconcile] has the engines of Sync.
//   - [github.com/bankmux/bankmux/providertest] holds an adapter to what applications rely on.
//
// The rules are the same everywhere. Errors are a [*bankmux.Error] whose Kind says what to do, and
// they quote nothing that a provider or a sender wrote. What the New functions return is safe for
// concurrent use and starts nothing by itself. docs/adapter.md leads through an adapter step by
// step.
package adapter
