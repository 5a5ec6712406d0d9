// Package wire decodes the JSON answers of a provider so that one odd member costs itself or its
// row, but never the whole answer.
//
// [Decode] reads an answer into a struct whose members say what may be odd:
//
//   - [List] and [Rows] are arrays in which an unreadable element is a [bankmux.Failure].
//   - [Number] is exact, and may be written as text. [Text] may be written as a number.
//   - [Flag] is true, false or absent, however it is written. [Seconds] is a duration.
//   - [Exact] is a member that decides, such as "has_more": an odd one is an error.
//
// What an answer must have is checked after decoding, since absent and null are the zero value:
// see Lacks in package rest.
//
// Read the types with Decode: package encoding/json does not call their methods.
package wire
