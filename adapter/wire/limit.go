package wire

// This file limits how many rows a response may have.

import (
	"bytes"
	"errors"
)

// The limits of a response. A real row has a few hundred bytes and a few objects. A hostile row may
// have three bytes and take a thousand in memory.
const (
	// maxRows is how many rows a list may have. The longest known list is a month of one account
	// without pages, and 50,000 rows would be 1,600 per day.
	maxRows = 50_000

	minCounted  = 4096    // so many rows, objects or values are always read
	rowBytes    = 96      // the fewest bytes per row of a list; real rows have 150 or more
	maxObjects  = 200_000 // a row has three to seven of them
	objectBytes = 48      // the fewest bytes of a response per object; real ones have 70 or more
	valueBytes  = 12      // the fewest bytes per value; real ones have 16 or more

	cacheBlock = 16 << 10 // bytes that stay in the processor's cache while they are counted twice
)

// tooManyRows reports whether a response has more rows than its length allows, or more than any
// response has. It counts braces and commas, also those in text, which takes a hundredth of the
// time of reading.
func tooManyRows(body []byte) bool {
	if len(body) <= 2*minCounted { // too short for so many
		return false
	}
	objects, values := 0, 0
	for rest := body; len(rest) > 0; {
		part := rest[:min(len(rest), cacheBlock)]
		objects += bytes.Count(part, []byte{'{'})
		values += bytes.Count(part, []byte{','})
		rest = rest[len(part):]
	}
	return objects > min(maxObjects, max(minCounted, len(body)/objectBytes)) ||
		values > max(minCounted, len(body)/valueBytes)
}

// errCrowded ends the reading of a response with too many rows.
var errCrowded = errors.New("wire: more rows than a response may have")

// crowded reports whether there are too many rows for the length in bytes.
func crowded(rows, length int) bool {
	return rows >= maxRows || (rows > minCounted && length < rows*rowBytes)
}
