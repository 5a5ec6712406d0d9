package e2e_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/banktest"
	"github.com/bankmux/bankmux/reconcile"
	"github.com/bankmux/bankmux/virtualbank"
)

// joined returns the pages of some rounds as one.
func joined(pages ...[]bankmux.Delta) (all bankmux.Delta) {
	for _, d := range slices.Concat(pages...) {
		all.Added = append(all.Added, d.Added...)
		all.Modified = append(all.Modified, d.Modified...)
		all.Replaced = append(all.Replaced, d.Replaced...)
		all.Removed = append(all.Removed, d.Removed...)
		all.Missing = append(all.Missing, d.Missing...)
		all.Suggested = append(all.Suggested, d.Suggested...)
		all.Suspect = append(all.Suspect, d.Suspect...)
		all.Outside += d.Outside
	}
	return all
}

func reasons(changes []bankmux.Change) (all []string) {
	for _, c := range changes {
		all = append(all, c.Reason)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// staged returns the changes of the rows that were staged or that the first round returned. The
// bank has other changes at the same time.
func staged(now, later bankmux.Delta) (ours bankmux.Delta) {
	watched := map[string]bool{}
	for _, a := range now.Added {
		watched[a.Known.Key] = true
	}
	for _, m := range now.Missing {
		watched[m.Known.Key] = true
	}
	is := func(k bankmux.Known) bool {
		return watched[k.Key] || strings.HasPrefix(strings.ToUpper(k.Text), "STAGED")
	}
	added := func(a bankmux.Added) bool { return !is(a.Known) }
	change := func(c bankmux.Change) bool { return !is(*c.Was) }
	absence := func(m bankmux.Absence) bool { return !is(m.Known) }
	ours.Added = slices.DeleteFunc(later.Added, added)
	ours.Modified, ours.Replaced = slices.DeleteFunc(later.Modified, change), slices.DeleteFunc(later.Replaced, change)
	ours.Missing, ours.Removed = slices.DeleteFunc(later.Missing, absence), slices.DeleteFunc(later.Removed, absence)
	ours.Suggested = slices.DeleteFunc(later.Suggested, func(s bankmux.Suggestion) bool { return !is(*s.Was) })
	return ours
}

// situations check what a sync must return in each situation of the virtual bank. Some situations
// unfold over a day, so there is a check at once and one after that day.
var situations = map[string]func(t *testing.T, provider string, now, later bankmux.Delta){
	virtualbank.IDChurn:           churned,
	virtualbank.RemovedFirst:      churned,
	virtualbank.Unordered:         churned,
	virtualbank.CreatedAndUpdated: addedOnce,
	virtualbank.CreatedAndRemoved: addedOnce,
	virtualbank.Late:              addedOnce,
	virtualbank.Twin:              addedOnce,
	virtualbank.UpdatedAndRemoved: withdrawn,
	virtualbank.Withdrawn:         withdrawn,
	virtualbank.VeryLate: func(t *testing.T, provider string, now, later bankmux.Delta) {
		if provider != "dapi" {
			addedOnce(t, provider, now, later)
			return
		}
		assert.Empty(t, now.Added, "three weeks are read again each time")
		assert.Len(t, later.Added, 1, "all days are, once a week")
	},
	virtualbank.PendingVanishes: func(t *testing.T, _ string, now, later bankmux.Delta) {
		assert.Len(t, now.Added, 1)
		require.Len(t, later.Removed, 1)
		assert.Equal(t, now.Added[0].Known.Key, later.Removed[0].Known.Key)
	},
	virtualbank.Posted: func(t *testing.T, provider string, now, later bankmux.Delta) {
		assert.Len(t, now.Added, 1)
		assert.Empty(t, later.Removed)
		require.Len(t, later.Replaced, 1)
		assert.Equal(t, now.Added[0].Known.Key, later.Replaced[0].Was.Key)
		assert.Equal(
			t,
			map[string]string{
				"moneykit": reconcile.ReasonPosted, "dapi": reconcile.ReasonMoved, "plaid": reconcile.ReasonPosted,
			}[provider],
			later.Replaced[0].Reason,
		)
	},
	virtualbank.PostedUnmatched: func(t *testing.T, _ string, now, later bankmux.Delta) {
		require.Len(t, now.Added, 1)
		assert.Empty(t, slices.Concat(later.Missing, later.Removed))
		require.Len(t, later.Replaced, 1, "text, amount and day decide where no id connects the two")
		assert.Equal(t, now.Added[0].Known.Key, later.Replaced[0].Was.Key)
		assert.Equal(t, reconcile.ReasonPosted, later.Replaced[0].Reason)
	},
	virtualbank.PostedSameID: func(t *testing.T, _ string, now, later bankmux.Delta) {
		assert.Len(t, now.Added, 1)
		assert.Empty(t, later.Removed)
		assert.Equal(t, []string{reconcile.ReasonPosted}, reasons(later.Modified))
	},
	virtualbank.Tip:      postedWithMore,
	virtualbank.FuelHold: postedWithMore,
	virtualbank.Edited: func(t *testing.T, provider string, now, later bankmux.Delta) {
		if provider != "dapi" {
			assert.Equal(t, []string{reconcile.ReasonContent}, reasons(now.Modified))
			assert.Empty(t, now.Added)
			return
		}
		assert.Len(t, now.Added, 1, "without ids it is another row")
		assert.Len(t, later.Removed, 1)
		assert.NotEmpty(t, append(now.Suggested, later.Suggested...))
	},
	virtualbank.EmptyResponse: func(t *testing.T, _ string, now, _ bankmux.Delta) {
		assert.NotEmpty(t, now.Suspect)
		assert.NotEmpty(t, now.Missing)
		assert.Empty(t, now.Added)
	},
	virtualbank.ShortResponse: func(t *testing.T, _ string, now, later bankmux.Delta) {
		assert.NotEmpty(t, now.Missing)
		assert.Empty(t, now.Removed)
		assert.NotEmpty(t, later.Modified, "they are there again")
	},
	virtualbank.FewerDays:       nothingGone,
	virtualbank.FewerDaysUnsaid: nothingGone,
	virtualbank.DaysRefused:     nothingGone,
	virtualbank.TodayRefused:    nothingGone,
	virtualbank.DaysIgnored: func(t *testing.T, provider string, now, later bankmux.Delta) {
		nothingGone(t, provider, now, later)
		if provider == "dapi" {
			assert.Positive(t, now.Outside, "rows of a year ago were served, and are counted")
		}
	},
	virtualbank.RenumberedDay: renumbered,
	virtualbank.SecondLink: func(t *testing.T, _ string, now, later bankmux.Delta) {
		assert.Len(t, now.Added, 1)
		assert.Empty(t, later.Removed)
		assert.Equal(t, []string{reconcile.ReasonPosted}, reasons(later.Modified))
	},
	virtualbank.TextDrift: func(t *testing.T, provider string, now, later bankmux.Delta) {
		if provider != "dapi" {
			churned(t, provider, now, later)
			return
		}
		nothingGone(t, provider, now, later)
		assert.Equal(
			t,
			[]string{reconcile.ReasonContent},
			reasons(now.Modified),
			"some differ in more than what cannot be seen",
		)
		assert.Empty(t, slices.Concat(now.Replaced, later.Replaced))
	},
	virtualbank.ValueDays: func(t *testing.T, _ string, now, later bankmux.Delta) {
		assert.Empty(
			t,
			slices.Concat(now.Missing, later.Missing),
			"a row that is written days later is not missing meanwhile",
		)
		assert.Empty(t, slices.Concat(now.Removed, later.Removed))
	},
}

func churned(t *testing.T, _ string, now, _ bankmux.Delta) {
	assert.Greater(t, len(now.Replaced), 100)
	assert.Equal(t, []string{reconcile.ReasonID}, reasons(now.Replaced))
	assert.Empty(t, now.Removed)
	assert.Empty(t, now.Added)
}

func addedOnce(t *testing.T, _ string, now, _ bankmux.Delta) {
	assert.Len(t, now.Added, 1)
	for _, c := range now.Replaced {
		assert.Equal(t, bankmux.StatusPending, c.Was.Status, "a refresh makes new ids of what is pending")
	}
	assert.Empty(t, now.Removed)
}

func renumbered(t *testing.T, _ string, now, later bankmux.Delta) {
	require.Len(t, now.Added, 1)
	assert.Contains(t, now.Added[0].Known.Text, "STAGED", "the others are known")
	assert.Equal(t, []string{reconcile.ReasonID}, reasons(now.Replaced))
	for _, c := range now.Replaced {
		assert.Equal(t, c.Was.Key, c.Known.Key)
	}
	assert.Empty(t, now.Modified)
	assert.Empty(t, slices.Concat(now.Missing, now.Removed, later.Missing, later.Removed))
}

func withdrawn(t *testing.T, _ string, now, later bankmux.Delta) {
	assert.Empty(t, now.Added)
	assert.Len(t, append(now.Removed, later.Removed...), 1)
}

func postedWithMore(t *testing.T, provider string, now, later bankmux.Delta) {
	require.Len(t, now.Added, 1)
	if provider != "dapi" {
		assert.Equal(t, []string{reconcile.ReasonAmount}, reasons(later.Replaced))
		assert.Empty(t, later.Removed)
		return
	}
	assert.NotEmpty(t, later.Suggested,
		"the bank did not say that it was pending, and the amount differs: the caller decides")
	assert.Len(t, later.Removed, 1)
}

func nothingGone(t *testing.T, _ string, now, later bankmux.Delta) {
	assert.Empty(t, append(now.Removed, later.Removed...))
	assert.Empty(t, append(now.Added, later.Added...))
}

// TestSituations specifies how a sync ends in each situation that the virtual bank can stage.
func TestSituations(t *testing.T) {
	t.Parallel()
	t.Run("every situation ends in agreement with the bank", everySituationEndsInAgreementWithTheBank)
	t.Run("a forgotten cursor is refused, and a start without one doubles nothing", aForgottenCursorIsRefused)
	t.Run("a round that changes is read again, and no row is lost", aRoundThatChangesIsReadAgain)
	t.Run("transactions that are not ready are not missing", transactionsThatAreNotReadyAreNotMissing)
	t.Run("pages that repeat end with an error", pagesThatRepeatEndWithAnError)
	t.Run("two links to one login keep one table in step", twoLinksToOneLoginKeepOneTableInStep)
	t.Run("a withdrawn row that another link renamed is removed", aWithdrawnRowThatAnotherLinkRenamedIsRemoved)
}

func everySituationEndsInAgreementWithTheBank(t *testing.T) {
	t.Parallel()
	for _, situation := range virtualbank.Situations() {
		check, listed := situations[situation.Name]
		if slices.Contains(testedAlone, situation.Name) {
			continue
		}
		require.True(t, listed, situation.Name)
		for _, provider := range situation.Providers {
			t.Run(situation.Name+" "+provider, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := banktest.Open(t, provider)
					s.Fetch(t)
					s.Round(t)
					since := bankmux.DateOf(time.Now().UTC()).AddDays(-80).String()
					time.Sleep(time.Minute)
					require.NoError(t, s.Bank.Stage(s.Conn.Reference(), situation.Name))
					s.Fetch(t)
					now := s.Round(t)
					var later [][]bankmux.Delta
					for days := range 4 {
						time.Sleep(time.Duration(26+days*72) * time.Hour)
						s.Fetch(t)
						later = append(later, s.Round(t))
					}
					s.Agree(t, since)
					check(t, provider, joined(now), staged(joined(now), joined(later...)))
				})
			})
		}
	}
}

func twoLinksToOneLoginKeepOneTableInStep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		one := banktest.Open(t, "moneykit")
		two := one.Another(t)
		names := map[string]string{}
		for _, s := range []*banktest.Sync{one, two} {
			accounts, err := s.Bank.Accounts(s.Conn.Reference())
			require.NoError(t, err)
			for _, a := range accounts {
				names[a.MoneyKitID] = a.Name
			}
		}
		cursors := map[*banktest.Sync]string{}
		round := func(s *banktest.Sync) bankmux.Delta {
			s.Fetch(t)
			s.Name, s.Rows, s.Cursor = func(id string) string { return names[id] }, one.Rows, cursors[s]
			d := joined(s.Round(t))
			cursors[s] = s.Cursor
			time.Sleep(time.Hour)
			return d
		}
		round(one)
		assert.Empty(t, round(two).Added, "the second link brings no row that the first did not")
		require.NoError(t, one.Bank.Stage(one.Conn.Reference(), virtualbank.SecondLink))
		staged := round(one).Added
		require.Len(t, staged, 1)
		for range 4 {
			for _, s := range []*banktest.Sync{two, one, one, two} { // in turn, and one of them twice
				d := round(s)
				for _, m := range slices.Concat(d.Missing, d.Removed) {
					assert.NotEqual(t, staged[0].Known.Text, m.Known.Text, "the other link's id is one of its names")
				}
			}
			time.Sleep(26 * time.Hour)
		}
		round(one)
		round(two)
		found := 0
		for _, k := range one.Rows {
			if k.Text == staged[0].Known.Text {
				found++
				assert.Equal(t, bankmux.StatusBooked, k.Status)
			}
		}
		assert.Equal(t, 1, found)
		for id, name := range names {
			if slices.ContainsFunc(
				accountsOf(t, two),
				func(a virtualbank.AccountState) bool { return a.MoneyKitID == id },
			) {
				for key, k := range one.Rows {
					if k.Account == name {
						k.Account = id
						one.Rows[key] = k
					}
				}
			}
		}
		two.Rows = one.Rows
		two.Agree(t, "1990-01-01")
	})
}

// The job of a link that was replaced runs once more, and its ids become the first of each row.
func aWithdrawnRowThatAnotherLinkRenamedIsRemoved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		one := banktest.Open(t, "moneykit")
		names, cursors := map[string]string{}, map[*banktest.Sync]string{}
		round := func(s *banktest.Sync) bankmux.Delta {
			for _, a := range accountsOf(t, s) {
				names[a.MoneyKitID] = a.Name
			}
			s.Fetch(t)
			s.Name, s.Rows, s.Cursor = func(id string) string { return names[id] }, one.Rows, cursors[s]
			d := joined(s.Round(t))
			cursors[s] = s.Cursor
			time.Sleep(time.Hour)
			return d
		}
		round(one)
		time.Sleep(20 * 24 * time.Hour) // the row that is withdrawn below is of these days
		two := one.Another(t)
		round(two)
		require.NotEmpty(t, round(one).Replaced)
		require.NoError(t, two.Bank.Stage(two.Conn.Reference(), virtualbank.Withdrawn))
		n := len(one.Rows)
		d := round(two)
		require.Len(t, d.Removed, 1)
		assert.Len(t, one.Rows, n-1+len(d.Added))
		assert.Empty(t, slices.Concat(d.Missing, round(two).Removed), "the others are there, whatever their first id")
	})
}

func accountsOf(t *testing.T, s *banktest.Sync) []virtualbank.AccountState {
	t.Helper()
	accounts, err := s.Bank.Accounts(s.Conn.Reference())
	require.NoError(t, err)
	return accounts
}
