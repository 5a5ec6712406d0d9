package providertest

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/wirefault"
)

func TestTheListOfFaultsIsLongAndEachIsSaidOnce(t *testing.T) {
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

func TestWhatMustComeOfAFaultFollowsFromWhatSendingTwiceWouldDo(t *testing.T) {
	t.Parallel()
	whole := []response{{status: http.StatusOK, bytes: 500}}
	lost, garbled := matrixFault{class: classLost}, matrixFault{class: classGarbled, body: true}
	away := matrixFault{class: classUnsent}
	for name, c := range map[string]struct {
		got      expectation
		kind     bankmux.Kind
		attempts int
	}{
		"a read without an answer is repeated":            {expect(lost, circumstances{effect: bankmux.Read, whole: whole}), bankmux.ErrUnavailable, 3},
		"so is what may be done twice":                    {expect(lost, circumstances{effect: bankmux.Idempotent, whole: whole}), bankmux.ErrUnavailable, 3},
		"a one-shot without an answer is sent once":       {expect(lost, circumstances{effect: bankmux.OneShot, whole: whole}), bankmux.ErrOutcomeUnknown, 1},
		"one that never left may be tried again":          {expect(away, circumstances{effect: bankmux.OneShot, whole: whole}), bankmux.ErrUnavailable, 3},
		"an unreadable answer is not asked for again":     {expect(garbled, circumstances{effect: bankmux.Read, whole: whole}), bankmux.ErrMalformed, 1},
		"and leaves a one-shot unknown":                   {expect(garbled, circumstances{effect: bankmux.OneShot, whole: whole}), bankmux.ErrOutcomeUnknown, 1},
		"where there is no body, none is spoilt":          {expect(garbled, circumstances{effect: bankmux.Read, whole: []response{{status: http.StatusNoContent}}}), "", 1},
		"what sends nothing meets nothing":                {expect(lost, circumstances{effect: bankmux.Local, whole: nil}), "", 0},
		"a slow body that ends in time is an answer":      {expect(matrixFault{class: classTooSlow}, circumstances{effect: bankmux.Read, whole: []response{{bytes: 20}}}), "", 1},
		"one that does not end in time is none":           {expect(matrixFault{class: classTooSlow}, circumstances{effect: bankmux.Read, whole: whole}), bankmux.ErrUnavailable, 3},
		"refused credentials are for an operator to mend": {expect(matrixFault{class: classRefused}, circumstances{effect: bankmux.Idempotent, whole: whole}), bankmux.ErrCredentials, 1},
	} {
		assert.Equal(t, c.kind, c.got.kind, name)
		assert.Equal(t, c.attempts, c.got.attempts, name)
	}
}

func TestARunHasFaultsOfEveryClassOnEveryCarrier(t *testing.T) {
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
