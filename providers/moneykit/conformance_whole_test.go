//go:build !race

package moneykit_test

import "github.com/bankmux/bankmux/providers/moneykit"

// conformanceOf is every way in which the adapter authenticates.
func conformanceOf() map[string]moneykit.Auth {
	return map[string]moneykit.Auth{
		"with bearer tokens":  moneykit.AuthBearer,
		"with client headers": moneykit.AuthHeaders,
	}
}
