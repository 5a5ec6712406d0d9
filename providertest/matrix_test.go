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
		assert.Equal(t, 1, ways, "%s comes about in one way", f.name)
	}
	assert.GreaterOrEqual(t, len(seen), 25)
	for _, f := range append(wirefault.All(), wirefault.HTTP2()...) {
		assert.True(t, wire[f.Name], "the fault %s of the wire is in no row", f.Name)
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
		"a read without an answer is repeated":            {expect(lost, read), bankmux.ErrUnavailable, 3},
		"so is what may be done twice":                    {expect(lost, idempotent), bankmux.ErrUnavailable, 3},
		"a one-shot without an answer is sent once":       {expect(lost, oneShot), bankmux.ErrOutcomeUnknown, 1},
		"one that never left may be tried again":          {expect(away, oneShot), bankmux.ErrUnavailable, 3},
		"an unreadable answer is not asked for again":     {expect(garbled, read), bankmux.ErrMalformed, 1},
		"and leaves a one-shot unknown":                   {expect(garbled, oneShot), bankmux.ErrOutcomeUnknown, 1},
		"where there is no body, none is spoilt":          {expect(garbled, bodiless), "", 1},
		"what sends nothing meets nothing":                {expect(lost, circumstances{effect: bankmux.Local}), "", 0},
		"a slow body that ends in time is an answer":      {expect(slow, short), "", 1},
		"one that does not end in time is none":           {expect(slow, read), bankmux.ErrUnavailable, 3},
		"refused credentials are for an operator to mend": {expect(matrixFault{class: classRefused}, idempotent), bankmux.ErrCredentials, 1},
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
