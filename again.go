package bankmux

// This file says what must happen before something that failed is run again.

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Turn says who or what must act before a run that failed is repeated.
type Turn string

// The turns. The empty Turn means that nothing holds back the next run.
const (
	TurnLater   Turn = "later"   // a wait: [Again.Wait]
	TurnCaller  Turn = "caller"  // the caller or its code failed, so nothing at the provider has to change
	TurnAnswer  Turn = "answer"  // the user answers or abandons the open [Challenge]
	TurnPresent Turn = "present" // a call of a user who is present
	TurnLogin   Turn = "login"   // a reconnect: [SessionRequest.Reconnect]
	TurnNever   Turn = "never"   // only a new link helps
)

// Again says when to repeat a read that failed with an error of a [Kind]. [Kind.Again] returns it.
// [Client.SyncAll] and package schedule decide by it. It does not hold for a one-shot.
type Again struct {
	Turn Turn
	// First is the wait after the first failure, and Longest limits its doubling. Both are zero
	// unless Turn is TurnLater.
	First, Longest time.Duration
}

// The decisions of kindTable.
var (
	againSoon    = Again{TurnLater, time.Minute, time.Hour}           // outages end by themselves
	againSlowly  = Again{TurnLater, 15 * time.Minute, 12 * time.Hour} // somebody has to change something
	againCaller  = Again{Turn: TurnCaller}
	againPresent = Again{Turn: TurnPresent}
	againLogin   = Again{Turn: TurnLogin}
	againNever   = Again{Turn: TurnNever}
)

// Again says when to repeat a read that failed with an error of this kind. A kind of a later
// version counts as [ErrUnknown].
func (k Kind) Again() Again { return k.row().again }

// maxRetryAfter is the longest wait that a provider may ask for.
const maxRetryAfter = 24 * time.Hour

// Wait returns how long to wait after a number of failures in a row, which is attempts. asked is
// [Error.RetryAfter]. If it is set, the wait is as long, up to 24 hours. Otherwise the wait starts
// at First and doubles up to Longest.
//
// Up to a tenth is added, which depends on the [Connection.ID] alone. So connections that failed
// together are spread, and the result is the same in every process. The wait never gets shorter
// with another failure.
func (a Again) Wait(connection string, asked time.Duration, attempts int) time.Duration {
	wait := a.alone(asked, attempts)
	sum := sha256.Sum256([]byte("wait " + connection))
	part := int64(binary.BigEndian.Uint16(sum[:])) // of 65,536
	return wait + time.Duration(int64(wait)/(10<<16)*part)
}

// alone is Wait without what is added for a connection.
func (a Again) alone(asked time.Duration, attempts int) time.Duration {
	if asked > 0 {
		return min(asked, maxRetryAfter)
	}
	wait := a.First
	for range min(max(attempts, 1), 32) - 1 {
		wait = min(wait*2, a.Longest)
	}
	return wait
}

// Turn returns what must happen before [Client.SyncAll] runs the next round of a connection in this
// state. It is "" if nothing holds back a round at now. absent says that no user waits for that
// round: see [Presence]. The wait after a refusal of the application's own guard holds only such
// rounds: see [SyncState.NotBefore]. Turn does not know of a reconnect, which ends every wait:
// [SyncState.LinkedAt] then differs from [Connection.LinkedAt].
func (s *SyncState) Turn(now time.Time, absent bool) Turn {
	var turn Turn
	if s.Err != nil {
		turn = s.Err.Kind.Again().Turn
	}
	switch {
	case s.Challenge != nil && now.Before(s.Challenge.ExpiresAt):
		return TurnAnswer
	case turn == TurnLogin, turn == TurnNever:
		return turn
	case absent && !s.AskedAt.IsZero():
		return TurnPresent
	case turn == TurnCaller, turn == TurnPresent && !absent, turn == TurnLater && !now.Before(s.NotBefore),
		turn == TurnLater && !absent && s.Err.ofGuard():
		return ""
	}
	return turn
}
