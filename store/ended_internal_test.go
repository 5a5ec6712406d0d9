package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestEndedClaimsExtend specifies that a hold remembers only the claim that it held for longer.
func TestEndedClaimsExtend(t *testing.T) {
	for holder, kept := range map[string]bool{"later": true, "former": false} {
		var e endedClaims
		start := time.Now()
		e.add("exchange", endedClaim{holder: "later"}, start, time.Second)
		e.extend("exchange", holder, start.Add(time.Minute), time.Second)
		e.extend("other", holder, start.Add(time.Minute), time.Second)
		e.add("another", endedClaim{holder: "third"}, start.Add(endedFor+30*time.Second), time.Second)
		_, ok := e.of("exchange", "later")
		assert.Equal(t, kept, ok, holder)
		assert.Empty(t, e.holderOf("other"), "a hold remembers no new claim")
	}
}
