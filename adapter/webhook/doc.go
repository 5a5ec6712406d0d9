// Package webhook verifies webhook deliveries for adapters: the provider sent them, nothing in them
// was changed, and they are recent. An adapter makes one [Verifier] in its New. Its ReadWebhook
// calls [Verifier.Verify] first and reads the body only after that.
//
//   - [NewHMAC] is for a secret that both sides know. The signature covers the body, and optionally
//     an id, the time, the method and the URL.
//   - [NewJWT] is for a signed token about the body, with [Keys] that the provider publishes.
//   - [NewSharedSecret] is for a secret in a header field. It is the weakest of the three.
//   - [Header], [Window.Check] and [Refuse] are for any other scheme.
//
// If a signature covers the URL, the application must configure its public URL: see WithURL in
// package inbox. Behind a proxy, the public URL is not in the request.
//
// A delivery that is not clearly valid is refused, such as one with a repeated header field or a
// signature in another spelling. The New functions refuse a secret shorter than 16 bytes and an
// unknown algorithm. Errors quote nothing of a delivery.
package webhook
