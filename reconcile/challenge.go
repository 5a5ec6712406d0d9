package reconcile

// This file keeps in a challenge which call of a sync it interrupted.

import (
	"encoding/json"
	"errors"

	"github.com/bankmux/bankmux"
)

// challengeState is the state that the challenge of a sync keeps: the engine's step and the
// adapter's own state.
type challengeState struct {
	Step  json.RawMessage `json:"step"`
	Inner json.RawMessage `json:"inner,omitempty"`
}

// withStep returns err with the interrupted step in its challenge, if it has a challenge.
func withStep(err error, step any) error {
	e, ok := errors.AsType[*bankmux.Error](err)
	if !ok || e.Challenge == nil {
		return err
	}
	raw, failed := json.Marshal(step)
	if failed != nil {
		return err // days and texts: never fails
	}
	state, failed := json.Marshal(challengeState{raw, e.Challenge.State})
	if failed != nil {
		return err // the adapter's state is not JSON
	}
	kept, ch := *e, *e.Challenge
	ch.State = state
	kept.Challenge = &ch
	return &kept
}

// takeStep reads the step that answers belong to, and leaves the adapter's own state in their
// challenge. It reports false if they name no step.
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
