//go:build race

package moneykit_test

import "github.com/bankmux/bankmux/providers/moneykit"

// conformanceOf leaves client headers out: with the race detector a run takes ten times the time,
// and they differ only in having no token that is fetched and shared.
func conformanceOf() map[string]moneykit.Auth {
	return map[string]moneykit.Auth{"with bearer tokens": moneykit.AuthBearer}
}
