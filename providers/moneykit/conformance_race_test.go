//go:build race

package moneykit_test

import "github.com/bankmux/bankmux/providers/moneykit"

// conformanceOf leaves out client headers. With the race detector a run takes ten times as long,
// and client headers differ only in that no token is fetched and shared.
func conformanceOf() map[string]moneykit.Auth {
	return map[string]moneykit.Auth{"with bearer tokens": moneykit.AuthBearer}
}
