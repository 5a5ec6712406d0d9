// Package wire decodes the JSON responses of a provider. An unexpected value affects only its
// member or its row, and never the rest of the response.
//
// [Decode] reads a response into a struct. The types of its members say which values are accepted:
//
//   - [List] and [Rows] are arrays in which an unreadable element is a [bankmux.Failure].
//   - [Number] is exact, and may be written as text. [Text] may be written as a number.
//   - [Flag] is true, false or absent, and may be written as text or a number.
//   - [Seconds] is a duration.
//   - [Exact] is a decisive member, such as "has_more": an unexpected value is an error. [Nullable]
//     also distinguishes null from absent.
//   - [OtherShape] is a struct that also accepts a value that is not an object.
//
// Absent and null give the zero value. So a response implements [Required] to name a member that it
// must have, and Require in package rest checks it after decoding.
//
// Use these types only with Decode. The package encoding/json does not call their methods.
package wire
