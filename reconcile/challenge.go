package reconcile

import (
	"encoding/json"
	"errors"

	"github.com/bankmux/bankmux"
)

// challengeState is what the challenge of a sync keeps: the engine's step and the adapter's own
// state.
type challengeState struct {
	Step  json.RawMessage `json:"step"`
	Inner json.RawMessage `json:"inner,omitempty"`
}

// withStep returns err with its challenge, if it has one, which then knows the step it interrupted.
func withStep(err error, step any) error {
	e, ok := errors.AsType[*bankmux.Error](err)
	if !ok || e.Challenge == nil {
		return err
	}
	raw, failed := json.Marshal(step)
	if failed != nil {
		return err // days and texts: cannot fail
	}
	state, failed := json.Marshal(challengeState{raw, e.Challenge.State})
	if failed != nil {
		return err // an adapter's state that is not JSON
	}
	kept, ch := *e, *e.Challenge
	ch.State = state
	kept.Challenge = &ch
	return &kept
}

// takeStep reads the step that answers belong to and leaves the adapter's own state in their
// challenge. It reports false where they name no step.
func takeStep(answers **bankmux.Answers, step any) bool {
	var state challengeState
	if json.Unmarshal((*answers).Challenge.State, &state) != nil || json.Unmarshal(state.Step, step) != nil {
		return false
	}
	inner := **answers
	inner.Challenge.State = state.Inner
	*answers = &inner
	return true
}
