package store

// This file has the facts and counters that processes share, and the rows of all shared state.

import (
	"context"
	"encoding/json"
	"time"

	"github.com/bankmux/bankmux/guard"
)

// sharedGrace is how long a row of shared state stays after it has expired. A lease that is used
// again soon keeps its row.
const sharedGrace = time.Hour

// changeShared locks a row of shared state, lets fn change its content and stores it until it
// expires. It makes the row if need be, with the zero T.
func changeShared[T any](
	ctx context.Context, b backend, op, id string, fn func(content *T, now int64) (expires int64),
) error {
	s := b.store
	return s.write(ctx, op, func(w *work) error {
		var content []byte
		err := w.row(ctx, "INSERT INTO bankmux_shared (id, board, created_at, expires_at) VALUES ($1, '', $2, $2)"+
			" ON CONFLICT (id) DO UPDATE SET board = '' RETURNING content",
			[]any{id, s.nowMillis()}, []any{&content})
		if err != nil {
			return err
		}
		now, err := b.now(ctx, w) // after the wait for the row
		if err != nil {
			return err
		}
		made := content == nil
		var state T
		if err := decodeShared(content, &state); err != nil {
			return err
		}
		expires := fn(&state, now)
		if content, err = json.Marshal(&state); err != nil {
			return err
		}
		_, err = w.exec(ctx, "UPDATE bankmux_shared SET content = $1, expires_at = $2 WHERE id = $3",
			content, max(expires, now), id)
		if err != nil || !made {
			return err
		}
		return b.purge(ctx, w, now)
	})
}

// now returns the time by the clock that all processes share.
func (b backend) now(ctx context.Context, w *work) (now int64, err error) {
	if w.dialect != Postgres || b.store.ownClock {
		return b.store.nowMillis(), nil
	}
	err = w.row(ctx, "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)", nil, []any{&now})
	return now, err
}

// purge deletes some rows that expired a while ago. Each new row calls it, so they cannot grow
// without bound.
func (b backend) purge(ctx context.Context, w *work, now int64) error {
	return b.store.purge(ctx, w, "bankmux_shared", time.UnixMilli(now).Add(-sharedGrace))
}

// PutFact implements [guard.Facts].
func (b backend) PutFact(ctx context.Context, name string, f guard.Fact) error {
	return b.store.write(ctx, "PutFact", func(w *work) error {
		now, err := b.now(ctx, w)
		if err != nil {
			return err
		}
		if err := b.purge(ctx, w, now); err != nil {
			return err
		}
		content, err := json.Marshal(storedFact{name, newFact(f, now)})
		if err != nil {
			return err
		}
		_, err = w.exec(ctx, "INSERT INTO bankmux_shared (id, board, created_at, expires_at, content)"+
			" VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE SET"+
			" expires_at = excluded.expires_at, content = excluded.content",
			"fact:"+name, factsBoard, b.store.nowMillis(), now+f.TTL.Milliseconds(), content)
		return err
	})
}

// storedFact is the content of a fact that all processes know.
type storedFact struct {
	Name string     `json:"name"`
	Fact *factState `json:"fact"`
}

// Facts implements [guard.Facts].
func (b backend) Facts(ctx context.Context) (map[string]guard.Fact, error) {
	facts := map[string]guard.Fact{}
	err := b.store.read(ctx, "Facts", func(w *work) error {
		now, err := b.now(ctx, w)
		if err != nil {
			return err
		}
		rows, err := each(ctx, w, "SELECT content FROM bankmux_shared WHERE board = $1 AND expires_at > $2",
			[]any{factsBoard, now}, func(content *[]byte) []any { return []any{content} })
		if err != nil {
			return err
		}
		for _, content := range rows {
			var stored storedFact
			if err := decodeShared(content, &stored); err != nil {
				return err
			}
			facts[stored.Name] = stored.Fact.at(now)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return facts, nil
}

// factsBoard is the board of all facts. Rows without a board are leases and counters.
const factsBoard = "facts"

// counterState is the content of a counter.
type counterState struct {
	Window int64 `json:"window"` // its number since 1970
	Used   int64 `json:"used"`
}

// Take implements [guard.Counters].
func (b backend) Take(ctx context.Context, t guard.Take) (got guard.Taken, err error) {
	length := t.Window.Milliseconds()
	if length <= 0 {
		return guard.Taken{}, within("Take", invalid("Take.Window", "is not positive"))
	}
	err = changeShared(ctx, b, "Take", "counter:"+t.Key, func(c *counterState, now int64) (expires int64) {
		since := now - t.Offset.Milliseconds()
		passed := (since%length + length) % length
		ends := length - passed
		switch window := (since - passed) / length; c.Window {
		case window:
		case window + 1: // the clock was put back
			ends += length
		default:
			*c = counterState{Window: window}
		}
		granted := min(t.N, max(t.Limit-c.Used, 0))
		c.Used += granted
		got = guard.Taken{N: granted, Ends: time.Duration(ends) * time.Millisecond}
		return now + ends + length // the clock may be put back
	})
	if err != nil {
		return guard.Taken{}, err
	}
	return got, nil
}
