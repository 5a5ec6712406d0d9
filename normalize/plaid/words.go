package plaid

// This file has Plaid's words for countries, languages and levels of confidence.

import (
	"slices"
	"strings"
)

var countries = strings.Fields("US GB ES NL FR IE CA DE IT PL DK NO SE EE LT LV PT BE AT FI")

// Countries returns the countries that Plaid serves, by ISO 3166-1 alpha-2 code.
func Countries() []string { return slices.Clone(countries) }

// languages are those of Link.
var languages = strings.Fields("da nl en et fr de hi it lv lt no pl pt ro es sv vi")

// Language returns Link's language for a language tag, English where Link does not have it.
func Language(tag string) string {
	primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
	switch {
	case primary == "nb" || primary == "nn":
		return "no"
	case slices.Contains(languages, primary):
		return primary
	}
	return "en"
}

// Confidence returns a level of confidence in percent, 0 for a level without a number. Plaid
// publishes one for the two highest alone.
func Confidence(level string) int {
	switch level {
	case "VERY_HIGH":
		return 99 // more than 98 %
	case "HIGH":
		return 95 // more than 90 %
	}
	return 0
}
