package wire

// This file has the type for durations.

import (
	"bytes"
	"math"
	"reflect"
	"strconv"
	"time"
)

// Seconds is a number of seconds, or text with one. Absent, null and any other value are zero.
type Seconds float64

func (*Seconds) elementType() reflect.Type { return nil }

// readFrom reads any JSON value.
func (s *Seconds) readFrom(d *decoder, _ *plan) error {
	*s = 0
	kind := d.Kind()
	raw, err := d.Raw(d.unique)
	if err != nil || kind != '0' && kind != '"' {
		return err
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
