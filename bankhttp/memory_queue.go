package bankhttp

// This file has the queue of Memory.

import (
	"context"
	"slices"

	"github.com/bankmux/bankmux"
)

// Queue is that of [Queue]. At most 10,000 events wait, and half of them may be of connections that
// are not stored. If there is no room, the error has no kind, and the provider delivers the event
// again. An event whose client and key wait already is not stored twice.
func (m *Memory) Queue(ctx context.Context, event bankmux.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	waits := event.Key != "" && slices.ContainsFunc(m.events, func(e bankmux.Event) bool {
		return e.Client == event.Client && e.Key == event.Key
	})
	if waits {
		return nil
	}
	if !m.hasRoom(event) {
		return errQueueFull
	}
	m.events = append(m.events, event)
	return nil
}

// hasRoom reports whether the queue has room for an event. The caller has locked mu.
func (m *Memory) hasRoom(event bankmux.Event) bool {
	if len(m.events) < maxEvents/2 {
		return true
	}
	type reference struct{ client, key string }
	stored := map[reference]bool{}
	for _, ref := range m.refs {
		if conn, ok := m.keeper.Get(ref); ok {
			stored[reference{conn.Client, conn.ReferenceKey}] = true
		}
	}
	known := stored[reference{event.Client, event.ReferenceKey}]
	if known && (len(m.events) < maxEvents || event.Name == EventLinked || event.Name == EventNamed) {
		return true
	}
	strangers := 0
	for i := range m.events {
		if !stored[reference{m.events[i].Client, m.events[i].ReferenceKey}] {
			strangers++
		}
	}
	if !known {
		return strangers < maxEvents/2 && len(m.events) < maxEvents
	}
	return len(m.events)-strangers+min(strangers, maxEvents/2) < maxEvents
}

// Dequeue removes the oldest event from the queue and returns it. The error is
// [bankmux.ErrNotFound] if none waits. An event of a connection that is not stored yet stays.
func (m *Memory) Dequeue(ctx context.Context) (bankmux.Event, bankmux.Connection, error) {
	m.mu.Lock()
	events := slices.Clone(m.events)
	m.mu.Unlock()
	for _, event := range events {
		conn, err := m.FindConnection(ctx, event.Client, event.ReferenceKey)
		if err != nil {
			continue
		}
		m.mu.Lock()
		at := slices.IndexFunc(m.events, func(e bankmux.Event) bool {
			return e.Key == event.Key && e.Client == event.Client
		})
		if at >= 0 {
			m.events = slices.Delete(m.events, at, at+1)
		}
		m.mu.Unlock()
		if at >= 0 {
			return event, conn, nil
		}
	}
	return bankmux.Event{}, bankmux.Connection{}, bankmux.ErrNotFound
}

var _ Store = (*Memory)(nil)
