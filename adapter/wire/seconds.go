package wire

// This file has the type for durations.

import (
	"bytes"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Seconds is a number of seconds, or text with one. Absent, null and any other value are zero.
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
	if n, _ := strconv.ParseFloat(text, 64); !math.IsNaN(n) { // a number that is too large becomes infinite
		*s = Seconds(n)
	}
	return nil
}

// Within returns the duration, limited to lower and upper.
func (s Seconds) Within(lower, upper time.Duration) time.Duration {
	if float64(s) >= upper.Seconds() {
		return upper
	}
	return max(time.Duration(float64(s)*float64(time.Second)), lower)
}
