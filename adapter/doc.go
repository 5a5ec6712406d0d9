// Package adapter holds what the adapters of this module share, for those who write one elsewhere.
// Each package below does one thing, and an adapter takes those that it needs:
//
//   - [github.com/bankmux/bankmux/adapter/rest] sends requests to one provider's JSON API.
//   - [github.com/bankmux/bankmux/adapter/token] caches the access token of the application.
//   - [github.com/bankmux/bankmux/adapter/rotation] renews and stores the access tokens of users.
//   - [github.com/bankmux/bankmux/adapter/wire] holds types for reading answers: lists, numbers.
//   - [github.com/bankmux/bankmux/adapter/webhook] holds what the verification of deliveries needs.
//
// Classification of errors, amounts and dates are in [github.com/bankmux/bankmux/normalize].
package adapter
