package reconcile

// This file has the reasons that changes, absences and suggestions carry.

import "slices"

// Reasons of the changes, absences and suggestions that [Compare] reports.
const (
	ReasonContent    = "the provider changed the row"
	ReasonPosted     = "the pending row was posted"
	ReasonAmount     = "the pending row was posted with another amount"
	ReasonID         = "the provider gave the same row another id"
	ReasonMoved      = "the same amount and text a few days later"
	ReasonAbsent     = "it was not there in a complete reading"
	ReasonTwice      = "it was not there in two complete readings in a row"
	ReasonEmpty      = "the reading was empty"
	ReasonSeveral    = "several rows may be it"
	ReasonDiffers    = "the text agrees and the amount does not"
	ReasonText       = "another provider: the amount agrees, and the days nearly"
	ReasonNear       = "the day and the amount agree, and the text nearly"
	ReasonBack       = "it is there again"
	ReasonBefore     = "the reading starts with a later row; the bank may serve fewer days"
	ReasonUnreadable = "a row that could not be read may be it"
)

// sameRowNothing says that nothing changed.
const sameRowNothing = ""

// Further reasons that [Feed] reports.
const (
	ReasonUpdated  = "the provider updated it"
	ReasonRemoved  = "the provider removed it"
	ReasonVanished = "the provider does not list it any more"
)

// reason is the number of a reason. A comparison keeps one per known row, so it is one byte.
type reason uint8

var reasons = [...]string{
	sameRowNothing, ReasonContent, ReasonPosted, ReasonAmount, ReasonID, ReasonMoved,
	ReasonSeveral, ReasonDiffers, ReasonText, ReasonNear,
}

func reasonOf(text string) reason { return reason(slices.Index(reasons[:], text)) } //nolint:gosec // a few
