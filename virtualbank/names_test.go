package virtualbank

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
	"github.com/bankmux/bankmux/virtualbank/internal/moneykit"
)

// TestNames checks that the public constants equal the bank's own.
func TestNames(t *testing.T) {
	t.Parallel()
	assert.Equal(t, bank.UserGood, UserGood)
	assert.Equal(t, bank.PassGood, PassGood)
	assert.Equal(t, bank.UserCustom, UserCustom)
	assert.Equal(t, moneykit.DefaultIssuer, DefaultIssuer)
	var known []string
	for _, s := range bank.Situations() {
		known = append(known, s.Name)
	}
	assert.Equal(t, []string{
		IDChurn, RemovedFirst, Unordered, CreatedAndUpdated, CreatedAndRemoved, UpdatedAndRemoved, PendingVanishes,
		Posted,
		PostedSameID, Tip, FuelHold, Late, VeryLate, Twin, Edited, Withdrawn, CursorForgotten, CursorCircles,
		EmptyResponse,
		ShortResponse, FewerDays, FewerDaysUnsaid, DaysIgnored, DaysRefused, TodayRefused, ValueDays, RenumberedDay,
		SecondLink, TextDrift, PostedUnmatched, MutationDuringPagination, NotReady,
	}, known)
}
