package plaid_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestSync specifies how the record of changes is read.
func TestSync(t *testing.T) {
	t.Parallel()
	t.Run("a record that is not ready is not an empty account", aRecordThatIsNotReadyIsNotEmpty)
	t.Run("an unknown update status is ready", anUnknownUpdateStatusIsReady)
	t.Run("a round that changes starts again from its first cursor", aRoundThatChangesStartsAgain)
	t.Run("a round that keeps changing affects the connection", aRoundThatKeepsChangingAffectsTheConnection)
	t.Run("a pending row is posted on another page", aPendingRowIsPostedOnAnotherPage)
	t.Run("a pending row that is removed in a later round stays posted", aPendingRowRemovedLaterStaysPosted)
	t.Run("a removed row that was never stored is ignored", aRemovedRowThatWasNeverStoredIsIgnored)
	t.Run("a row that is removed is gone", aRowThatIsRemovedIsGone)
	t.Run("a cursor of another connection starts again", aLostCursorStartsAgain)
	t.Run("a response that lacks a list is malformed", aSyncThatLacksAListIsMalformed)
	t.Run("rows without a cursor are malformed", rowsWithoutACursorAreMalformed)
	t.Run("an id that is listed twice is its last row", anIDListedTwiceIsItsLastRow)
	t.Run("one unreadable row costs itself", oneUnreadableChangeCostsItself)
	t.Run("the virtual bank's first sync waits", theFirstSyncWaits)
}

func aRecordThatIsNotReadyIsNotEmpty(t *testing.T) {
	t.Parallel()
	for name, members := range map[string]string{
		"an empty cursor":                     `"next_cursor":"","transactions_update_status":"NOT_READY"`,
		"a cursor that is null":               `"next_cursor":null,"transactions_update_status":"NOT_READY"`,
		"a cursor":                            `"next_cursor":"c1","transactions_update_status":"NOT_READY"`,
		"no cursor and an unknown status":     `"next_cursor":"","transactions_update_status":"TRANSACTIONS_UPDATE_STATUS_UNKNOWN"`,
		"no cursor and a status in lowercase": `"next_cursor":"","transactions_update_status":"not_ready"`,
		"no cursor and a status as a number":  `"next_cursor":null,"transactions_update_status":7`,
		"neither a cursor nor a status":       `"request_id":"r"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, conn := canned(t, map[string]string{
				syncPath: `{"added":[],"modified":[],"removed":[],"accounts":[],"has_more":false,` + members + `}`,
			})
			delta, err := s.sync(conn, &store{})
			require.ErrorIs(t, err, bankmux.ErrNotReady)
			assert.Empty(t, delta.Next, "no cursor is stored")
		})
	}
}

func anUnknownUpdateStatusIsReady(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, map[string]string{syncPath: `{"added":[],"modified":[],"removed":[],"accounts":[],` +
		`"next_cursor":"c1","has_more":false,"transactions_update_status":"TRANSACTIONS_UPDATE_STATUS_UNKNOWN"}`})
	delta, err := s.sync(conn, &store{})
	require.NoError(t, err)
	assert.NotEmpty(t, delta.Next)
}

func aRoundThatChangesStartsAgain(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, nil)
	record := &round{
		pages: map[string]string{
			"":   syncPage(wireRow("t1", "1")+","+wireRow("t2", "2"), "", "", "c1", true),
			"c1": "!TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION",
		},
		then: map[string]string{
			"":   syncPage(wireRow("t2", "2"), "", "", "c1", true),
			"c1": syncPage(wireRow("t3", "3"), "", "", "c2", false),
		},
	}
	s.answers(record.serve)
	db := &store{rows: map[string]bankmux.Known{}}
	delta, err := s.sync(conn, db)
	require.NoError(t, err)
	assert.Equal(t, []string{"", "c1", "", "c1"}, record.asked, "the round starts from its first cursor")
	assert.Len(t, delta.Added, 2, "pages of the spoiled round are dropped")
	assert.False(t, delta.More, "a round is delivered whole")

	db.keep(delta)
	record.asked, record.pages["c2"] = nil, "!TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION"
	record.then["c2"] = syncPage("", "", "", "c3", false)
	_, err = s.sync(conn, db)
	require.NoError(t, err)
	assert.Equal(t, []string{"c2", "c2"}, record.asked, "a later round starts from the stored cursor")
}

func aRoundThatKeepsChangingAffectsTheConnection(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, nil)
	record := &round{pages: map[string]string{"": "!TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION"}}
	s.answers(record.serve)
	_, err := s.sync(conn, &store{})
	require.ErrorIs(t, err, bankmux.ErrUnavailable)
	var e *bankmux.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, bankmux.ScopeConnection, e.Affects())
	assert.Len(t, record.asked, 5, "four restarts")
}

func aPendingRowIsPostedOnAnotherPage(t *testing.T) {
	t.Parallel()
	removed := `{"transaction_id":"p1","account_id":"a1"}`
	// nothing but the pending id connects the two rows
	added := strings.Replace(wireRow("b1", "23", `"pending_transaction_id":"p1"`), "DINNER", "Harbor Grill 0042", 1)
	for name, pages := range map[string][2]string{
		"removed first": {syncPage("", "", removed, "c2", true), syncPage(added, "", "", "c3", false)},
		"added first":   {syncPage(added, "", "", "c2", true), syncPage("", "", removed, "c3", false)},
		"on one page":   {syncPage(added, "", removed, "c2", true), syncPage("", "", "", "c3", false)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, conn := canned(t, nil)
			s.answers((&round{pages: map[string]string{
				"":   syncPage(pendingRow("p1", "20"), "", "", "c1", false),
				"c1": pages[0], "c2": pages[1],
			}}).serve)
			db := &store{rows: map[string]bankmux.Known{}}
			first, err := s.sync(conn, db)
			require.NoError(t, err)
			require.Len(t, first.Added, 1)
			assert.Equal(t, bankmux.StatusPending, first.Added[0].Row.Status)
			db.keep(first)
			second, err := s.sync(conn, db)
			require.NoError(t, err)
			require.Len(t, second.Replaced, 1, "one row is replaced")
			assert.Equal(t, first.Added[0].Known.Key, second.Replaced[0].Was.Key)
			assert.Equal(t, "-23.00 USD", second.Replaced[0].Row.Amount.String())
			assert.Empty(t, second.Added)
			assert.Empty(t, second.Removed)
		})
	}
}

func aPendingRowRemovedLaterStaysPosted(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, nil)
	s.answers((&round{pages: map[string]string{
		"": syncPage(pendingRow("p1", "20"), "", "", "c1", false),
		"c1": syncPage(
			strings.Replace(wireRow("b1", "23", `"pending_transaction_id":"p1"`), "DINNER", "Harbor Grill 0042", 1),
			"", "", "c2", false,
		),
		"c2": syncPage("", "", `{"transaction_id":"p1","account_id":"a1"}`, "c3", false),
	}}).serve)
	db := &store{rows: map[string]bankmux.Known{}}
	for range 3 {
		delta, err := s.sync(conn, db)
		require.NoError(t, err)
		assert.Empty(t, delta.Removed)
		db.keep(delta)
	}
	require.Len(t, db.rows, 1)
	for _, k := range db.rows {
		assert.Equal(t, bankmux.StatusBooked, k.Status)
		assert.Equal(t, "-23.00 USD", k.Amount.String())
	}
}

// pendingRow is a row that is not posted yet.
func pendingRow(id, amount string) string {
	return `{"transaction_id":"` + id + `","account_id":"a1","amount":` + amount +
		`,"iso_currency_code":"USD","date":"2026-11-19","name":"DINNER","pending":true}`
}

func aRemovedRowThatWasNeverStoredIsIgnored(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, nil)
	s.answers((&round{pages: map[string]string{
		"": syncPage(wireRow("t1", "1"), "", `{"transaction_id":"other","account_id":"a1"}`, "c1", false),
	}}).serve)
	delta, err := s.sync(conn, &store{})
	require.NoError(t, err)
	assert.Len(t, delta.Added, 1)
	assert.Empty(t, delta.Removed)
}

func aRowThatIsRemovedIsGone(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, nil)
	s.answers((&round{pages: map[string]string{
		"": syncPage(pendingRow("p1", "20")+","+pendingRow("p2", "30")+","+wireRow("t1", "1"), "", "", "c1", false),
		"c1": syncPage("", wireRow("t1", "2"),
			`{"transaction_id":"p1","account_id":"a1"},{"transaction_id":"p2","account_id":"a1"}`, "c2", false),
	}}).serve)
	db := &store{rows: map[string]bankmux.Known{}}
	first, err := s.sync(conn, db)
	require.NoError(t, err)
	db.keep(first)
	second, err := s.sync(conn, db)
	require.NoError(t, err)
	var removed []string
	for _, r := range second.Removed {
		removed = append(removed, r.Known.Amount.String())
	}
	assert.ElementsMatch(t, []string{"-20.00 USD", "-30.00 USD"}, removed, "holds that vanished have no posted row")
	require.Len(t, second.Modified, 1)
	assert.Equal(t, "-2.00 USD", second.Modified[0].Row.Amount.String())
}

func aLostCursorStartsAgain(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, nil)
	record := &round{pages: map[string]string{
		"": syncPage(wireRow("t1", "1"), "", "", "c1", false), "c1": "!INVALID_FIELD",
	}}
	s.answers(record.serve)
	db := &store{rows: map[string]bankmux.Known{}}
	delta, err := s.sync(conn, db)
	require.NoError(t, err)
	db.keep(delta)
	_, err = s.sync(conn, db)
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	var e *bankmux.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "SyncRequest.Cursor", e.Field)
	db.cursor = ""
	delta, err = s.sync(conn, db)
	require.NoError(t, err)
	assert.Empty(t, delta.Added, "the stored row is not doubled")
}

func aSyncThatLacksAListIsMalformed(t *testing.T) {
	t.Parallel()
	whole := map[string]string{
		"added": `"added":[]`, "modified": `"modified":[]`, "removed": `"removed":[]`, "has_more": `"has_more":false`,
	}
	for name := range whole {
		text := `"next_cursor":"c1"`
		for other, member := range whole {
			if other != name {
				text += "," + member
			}
		}
		s, conn := canned(t, map[string]string{syncPath: "{" + text + "}"})
		_, err := s.sync(conn, &store{})
		require.ErrorIs(t, err, bankmux.ErrMalformed, name)
	}
}

// rowsWithoutACursorAreMalformed: otherwise every sync delivers the same rows.
func rowsWithoutACursorAreMalformed(t *testing.T) {
	t.Parallel()
	page := syncPage(wireRow("t1", "1"), "", "", "c1", false)
	for _, next := range []string{`"next_cursor":""`, `"next_cursor":null`, `"next_cursor":{}`, `"cursor":"c1"`} {
		s, conn := canned(t, map[string]string{syncPath: strings.Replace(page, `"next_cursor":"c1"`, next, 1)})
		delta, err := s.sync(conn, &store{})
		require.ErrorIs(t, err, bankmux.ErrMalformed, next)
		assert.Empty(t, delta.Added, next)
	}
}

func anIDListedTwiceIsItsLastRow(t *testing.T) {
	t.Parallel()
	first, last := wireRow("t1", "1"), strings.Replace(wireRow("t1", "2"), "DINNER", "LUNCH", 1)
	for name, pages := range map[string][2]string{
		"in one list of new rows":     {syncPage(first+","+last, "", "", "c1", false)},
		"in one list of changed rows": {syncPage("", first+","+last, "", "c1", false)},
		"as a new and a changed row":  {syncPage(first, last, "", "c1", false)},
		"a pending row comes last": {syncPage(
			first+","+strings.Replace(last, `"pending":false`, `"pending":true`, 1), "", "", "c1", false,
		)},
		"on two pages": {syncPage(first, "", "", "c1", true), syncPage(last, "", "", "c2", false)},
		"twice on the second page": {
			syncPage(wireRow("t1", "5"), "", "", "c1", true), syncPage(first+","+last, "", "", "c2", false),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, conn := canned(t, nil)
			s.answers((&round{pages: map[string]string{"": pages[0], "c1": pages[1]}}).serve)
			delta, err := s.sync(conn, &store{})
			require.NoError(t, err)
			require.Len(t, delta.Added, 1)
			assert.Equal(t, "-2.00 USD", delta.Added[0].Row.Amount.String())
		})
	}
}

func oneUnreadableChangeCostsItself(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, nil)
	s.answers((&round{pages: map[string]string{"": syncPage(
		wireRow("t1", "1")+`,7,`+wireRow("t2", "null")+`,`+wireRow("", "3"), "", `{"account_id":"a1"}`, "c1", false,
	)}}).serve)
	delta, err := s.sync(conn, &store{})
	require.NoError(t, err)
	assert.Len(t, delta.Added, 1)
	var names []string
	for _, f := range delta.Failed {
		names = append(names, f.Transaction)
	}
	assert.ElementsMatch(t, []string{"added row 2", "t2", "added row 4", "removed row 1"}, names)
}

func theFirstSyncWaits(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request, "")
	_, err := s.client.Sync(t.Context(), bankmux.SyncRequest{Connection: conn})
	require.ErrorIs(t, err, bankmux.ErrNotReady)
	require.NoError(t, s.bank.Refresh(conn.Reference()))
	delta, err := s.client.Sync(t.Context(), bankmux.SyncRequest{Connection: conn})
	require.NoError(t, err)
	assert.NotEmpty(t, delta.Added)
}
