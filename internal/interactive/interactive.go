// Package interactive marks the context of a call that a person waits for. Package guard sets the
// mark, and the root package reads it too. It cannot import guard, which imports it.
package interactive

import "context"

type key struct{}

// Context returns ctx with the mark.
func Context(ctx context.Context) context.Context { return context.WithValue(ctx, key{}, true) }

// Is reports whether ctx has the mark.
func Is(ctx context.Context) bool { return ctx.Value(key{}) != nil }
