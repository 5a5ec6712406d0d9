package wire

import (
	"bytes"
	"errors"
)

// The limits of an answer. A row of a provider is a few hundred bytes long and has an object for
// each thing that it names, but one may be written in three bytes, and is a thousand in memory.
const (
	// maxRows is how many rows a list may have. The longest list known is a month of one account
	// without pages, where 50,000 are 1,600 per day.
	maxRows = 50_000

	minCounted  = 4096    // rows, objects or values that are always read
	rowBytes    = 96      // bytes for each row of a list, of real ones 150 or more
	maxObjects  = 200_000 // three to seven of them are a row
	objectBytes = 48      // bytes of the answer for each object in it, of real ones 70 or more
	valueBytes  = 12      // bytes for each value, of real ones 16 or more

	cacheBlock = 16 << 10 // bytes that stay next to the processor while they are counted twice
)

// tooManyRows reports whether an answer has more rows than its length stands for, or than any
// answer has. It counts braces and commas, which takes a hundredth of the time of reading; those
// within text count too.
func tooManyRows(body []byte) bool {
	if len(body) <= 2*minCounted { // not so many fit in
		return false
	}
	objects, values := 0, 0
	for rest := body; len(rest) > 0; {
		part := rest[:min(len(rest), cacheBlock)]
		objects += bytes.Count(part, []byte{'{'})
		values += bytes.Count(part, []byte{','})
		rest = rest[len(part):]
	}
	return objects > min(maxObjects, max(minCounted, len(body)/objectBytes)) || values > max(minCounted, len(body)/valueBytes)
}

// errCrowded ends the reading of an answer that is too full.
var errCrowded = errors.New("wire: more rows than an answer may have")

// crowded reports whether so many rows stand for no more than so many bytes.
func crowded(rows int, length int64) bool {
	return rows >= maxRows || (rows > minCounted && length < int64(rows)*rowBytes)
}
