package wire

import (
	"bytes"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Seconds is a length of time, as a number or as text that holds one. What is absent, null or
// anything else is zero.
type Seconds float64

// UnmarshalJSONFrom reads any JSON value.
func (s *Seconds) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	*s = 0
	if kind := raw.Kind(); kind != '0' && kind != '"' {
		return nil
	}
	text := string(bytes.TrimSpace(bytes.Trim(raw, `"`)))
	if n, _ := strconv.ParseFloat(text, 64); !math.IsNaN(n) { // beyond all numbers it is infinite, which is long
		*s = Seconds(n)
	}
	return nil
}

// Within returns the time, but at least the first and at most the second.
func (s Seconds) Within(lower, upper time.Duration) time.Duration {
	if float64(s) >= upper.Seconds() {
		return upper
	}
	return max(time.Duration(float64(s)*float64(time.Second)), lower)
}
