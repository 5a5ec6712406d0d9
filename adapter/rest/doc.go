// Package rest sends requests to the JSON API of one provider. It closes the traps of net/http that
// matter where money is behind a request:
//
//   - A request leaves once. net/http sends some again by itself; here only the guard repeats.
//   - A redirect is a response like any other, so that no credential leaves for another host.
//   - There are no cookies. Bodies are bounded after decompression.
//   - NotSent of an error is proved by the trace of the request, never guessed.
//   - Errors have no URL, no body and no text of the transport.
//
// [Client.Do] returns any response, whatever its status. The adapter decides by the status, and
// reads the body by [Response.Decode]: see package wire.
package rest
