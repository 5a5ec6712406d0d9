// Package rest sends requests to the JSON API of one provider. It avoids properties of net/http
// that are dangerous for requests about money:
//
//   - A request is sent once. net/http repeats some requests silently; here only package guard
//     repeats.
//   - A redirect is not followed but returned as a response, so no credential reaches another host.
//   - There are no cookies. The size of a body is limited after decompression.
//   - NotSent in an error is proved by the trace of the request, never guessed.
//   - Errors have no URL, no body and no text of the transport.
//
// [Client.Do] returns every response, whatever its status. The adapter checks the status and
// decodes the body with [Response.Decode]: see package wire.
package rest
