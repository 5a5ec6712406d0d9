// Package webhook verifies deliveries for adapters: that the provider sent them, that nothing in
// them was changed, and that they are not old. An adapter makes one [Verifier] in its New, asks it
// first in its ReadWebhook, and reads the body only then.
//
//   - [NewHMAC] is for a secret that both sides know. The signature is over the body, over time and
//     body, over id, time and body, or over method, URL and body.
//   - [NewJWT] is for a signed token about the body, with [Keys] that the provider publishes.
//   - [NewSharedSecret] is for a secret in a header field. It is the weakest of the three.
//   - [Header], [Window.Check] and [Refuse] are for any other scheme.
//
// Where a signature covers the URL, the application must say at which URL the provider finds it:
// see WithURL in package inbox. Behind a proxy, the request does not know.
//
// Everything here fails closed: a header field that is there twice, two spellings of a signature, a
// secret shorter than 16 bytes or an unknown algorithm is refused. Errors quote nothing of a
// delivery.
package webhook
