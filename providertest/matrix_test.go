package providertest

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/wirefault"
)

func TestMatrix(t *testing.T) {
	t.Parallel()
	t.Run("each fault of the list is unique and can occur", eachFaultIsUnique)
	t.Run("the expected result follows from the fault and the effect", expectedResults)
	t.Run("a run has faults of every class with every protocol", aRunHasEveryClass)
}

func eachFaultIsUnique(t *testing.T) {
	t.Parallel()
	seen, wire := map[string]bool{}, map[string]bool{}
	for _, f := range matrixFaults {
		assert.False(t, seen[f.name], f.name)
		seen[f.name] = true
		wire[f.wire] = true
		assert.NotEmpty(t, f.class, f.name)
		ways := 0
		for _, there := range []bool{f.wire != "", f.dial != "", f.words != nil, f.class == classReworded} {
			if there {
				ways++
			}
		}
		assert.Equal(t, 1, ways, "%s occurs in exactly one way", f.name)
	}
	assert.GreaterOrEqual(t, len(seen), 25)
	for _, f := range append(wirefault.All(), wirefault.HTTP2()...) {
		assert.True(t, wire[f.Name], "the fault %s of wirefault is in no row", f.Name)
	}
}

func expectedResults(t *testing.T) {
	t.Parallel()
	whole := []response{{status: http.StatusOK, bytes: 500}}
	read := circumstances{effect: bankmux.Read, whole: whole}
	idempotent := circumstances{effect: bankmux.Idempotent, whole: whole}
	oneShot := circumstances{effect: bankmux.OneShot, whole: whole}
	short := circumstances{effect: bankmux.Read, whole: []response{{bytes: 20}}}
	bodiless := circumstances{effect: bankmux.Read, whole: []response{{status: http.StatusNoContent}}}
	lost, garbled := matrixFault{class: classLost}, matrixFault{class: classGarbled, body: true}
	away, slow := matrixFault{class: classUnsent}, matrixFault{class: classTooSlow}
	for name, c := range map[string]struct {
		got      expectation
		kind     bankmux.Kind
		attempts int
	}{
		"a read without a response is retried":                          {expect(lost, read), bankmux.ErrUnavailable, 3},
		"an idempotent call without a response is retried":              {expect(lost, idempotent), bankmux.ErrUnavailable, 3},
		"a one-shot without a response is sent once":                    {expect(lost, oneShot), bankmux.ErrOutcomeUnknown, 1},
		"a one-shot that was not sent is retried":                       {expect(away, oneShot), bankmux.ErrUnavailable, 3},
		"a read with an unreadable response is not retried":             {expect(garbled, read), bankmux.ErrMalformed, 1},
		"a one-shot with an unreadable response has an unknown outcome": {expect(garbled, oneShot), bankmux.ErrOutcomeUnknown, 1},
		"a fault of bodies leaves a response without body unchanged":    {expect(garbled, bodiless), "", 1},
		"a call that sends nothing has no fault":                        {expect(lost, circumstances{effect: bankmux.Local}), "", 0},
		"a slow body that ends in time is a response":                   {expect(slow, short), "", 1},
		"a slow body that does not end in time is a lost response":      {expect(slow, read), bankmux.ErrUnavailable, 3},
		"refused credentials are not retried":                           {expect(matrixFault{class: classRefused}, idempotent), bankmux.ErrCredentials, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.kind, c.got.kind)
			assert.Equal(t, c.attempts, c.got.attempts)
		})
	}
}

func aRunHasEveryClass(t *testing.T) {
	t.Parallel()
	type way struct {
		class   class
		carrier carrier
	}
	var all, run []way
	for _, f := range matrixFaults {
		all = append(all, way{f.class, f.carrier()})
	}
	for _, f := range faultsOfRun() {
		run = append(run, way{f.class, f.carrier()})
	}
	assert.Subset(t, run, all)
}
