package reconcile

import (
	"encoding/json"
	"errors"

	"github.com/bankmux/bankmux"
)

// interruption is what the challenge of a sync keeps: the engine's step and the adapter's own
// state.
type interruption struct {
	Step  json.RawMessage `json:"step"`
	Inner json.RawMessage `json:"inner,omitempty"`
}

// keep returns err with its challenge, if it has one, which then knows the step it interrupted.
func keep(err error, step any) error {
	e, ok := errors.AsType[*bankmux.Error](err)
	if !ok || e.Challenge == nil {
		return err
	}
	raw, failed := json.Marshal(step)
	if failed != nil {
		return err // days and texts: cannot fail
	}
	state, failed := json.Marshal(interruption{raw, e.Challenge.State})
	if failed != nil {
		return err // an adapter's state that is not JSON
	}
	kept, ch := *e, *e.Challenge
	ch.State = state
	kept.Challenge = &ch
	return &kept
}

// resumed reads the step that answers belong to and leaves the adapter's own state in their
// challenge. It reports false where they name no step.
func resumed(answers **bankmux.Answers, step any) bool {
	var state interruption
	if json.Unmarshal((*answers).Challenge.State, &state) != nil || json.Unmarshal(state.Step, step) != nil {
		return false
	}
	inner := **answers
	inner.Challenge.State = state.Inner
	*answers = &inner
	return true
}
