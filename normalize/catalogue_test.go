package normalize_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// TestCatalogue specifies which row of an error table decides.
func TestCatalogue(t *testing.T) {
	t.Parallel()
	t.Run(
		"an unlisted code is classified by status and never repeated",
		anUnlistedCodeIsClassifiedByStatusAndNeverRepeated,
	)
	t.Run("a hostile code is not shown", aHostileCodeIsNotShown)
	t.Run("the most specific row decides", theMostSpecificRowDecides)
	t.Run("a code without a row has the meaning of its class", aCodeWithoutARowHasTheMeaningOfItsClass)
	t.Run("a row with a mistake panics", aRowWithAMistakePanics)
}

func anUnlistedCodeIsClassifiedByStatusAndNeverRepeated(t *testing.T) {
	t.Parallel()
	table := normalize.NewCatalogue(normalize.Row{Code: "LISTED", Kind: bankmux.ErrGone})
	for status, kind := range map[int]bankmux.Kind{
		0: bankmux.ErrUnknown, 204: bankmux.ErrMalformed, 307: bankmux.ErrMalformed, 400: bankmux.ErrInvalid,
		401: bankmux.ErrCredentials, 403: bankmux.ErrNotPermitted, 404: bankmux.ErrNotFound,
		408: bankmux.ErrUnavailable,
		409: bankmux.ErrInvalid, 410: bankmux.ErrGone, 422: bankmux.ErrInvalid, 429: bankmux.ErrRateLimited,
		500: bankmux.ErrUnavailable, 504: bankmux.ErrUnavailable,
	} {
		e := table.Error(normalize.Failure{Code: "BRAND_NEW", Status: status})
		assert.Equal(t, kind, e.Kind, status)
		assert.True(t, e.Unlisted, status)
		assert.False(t, e.Repeatable(bankmux.Read), status)
		plain := table.Error(normalize.Failure{Status: status})
		assert.Equal(t, kind, plain.Kind, status)
		assert.False(t, plain.Unlisted, status)
	}
}

func aHostileCodeIsNotShown(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"secret with blanks", "line\nbreak", strings.Repeat("x", 101), "\xff", `{"a":1}`} {
		e := normalize.NewCatalogue().Error(normalize.Failure{Code: code, Status: 400, RequestID: code})
		assert.Equal(t, "unreadable", e.Code)
		assert.Equal(t, "unreadable", e.RequestID)
		assert.True(t, e.Unlisted)
	}
	for id, want := range map[string]string{
		"HNTDNrA8F1shFEW":                                     "HNTDNrA8F1shFEW",
		"3f0c2a54-8d1e-4b7a-9a57-0e6c1d2b9f41":                "3f0c2a54-8d1e-4b7a-9a57-0e6c1d2b9f41",
		strings.Repeat("a", 40):                               strings.Repeat("a", 40),
		strings.Repeat("a", 41):                               "unreadable",
		"access-sandbox-3f0c2a54-8d1e-4b7a-9a57-0e6c1d2b9f41": "unreadable",
	} {
		assert.Equal(t, want, normalize.NewCatalogue().Error(normalize.Failure{Status: 400, RequestID: id}).RequestID)
	}
}

func theMostSpecificRowDecides(t *testing.T) {
	t.Parallel()
	const here, elsewhere = "POST /here", "POST /elsewhere"
	// Each row has its own detail, and wins over the rows below it.
	rows := []normalize.Row{
		{
			Code:     "c",
			Endpoint: here,
			Class:    "k",
			Status:   400,
			Kind:     bankmux.ErrInvalid,
			Detail:   "code, endpoint, class, status",
		},
		{Code: "c", Endpoint: here, Class: "k", Kind: bankmux.ErrInvalid, Detail: "code, endpoint, class"},
		{Code: "c", Endpoint: here, Status: 400, Kind: bankmux.ErrInvalid, Detail: "code, endpoint, status"},
		{Code: "c", Endpoint: here, Kind: bankmux.ErrInvalid, Detail: "code, endpoint"},
		{Code: "c", Class: "k", Status: 400, Kind: bankmux.ErrInvalid, Detail: "code, class, status"},
		{Code: "c", Class: "k", Kind: bankmux.ErrInvalid, Detail: "code, class"},
		{Code: "c", Status: 400, Kind: bankmux.ErrInvalid, Detail: "code, status"},
		{Code: "c", Kind: bankmux.ErrInvalid, Detail: "code"},
		{Endpoint: here, Class: "k", Status: 400, Kind: bankmux.ErrInvalid, Detail: "endpoint, class, status"},
		{Endpoint: here, Class: "k", Kind: bankmux.ErrInvalid, Detail: "endpoint, class"},
		{Class: "k", Status: 400, Kind: bankmux.ErrInvalid, Detail: "class, status"},
		{Class: "k", Kind: bankmux.ErrInvalid, Detail: "class"},
	}
	table := normalize.NewCatalogue(rows...)
	for _, c := range []struct {
		failure normalize.Failure
		want    string
	}{
		{normalize.Failure{Code: "c", Endpoint: here, Class: "k", Status: 400}, "code, endpoint, class, status"},
		{normalize.Failure{Code: "c", Endpoint: here, Class: "k", Status: 500}, "code, endpoint, class"},
		{normalize.Failure{Code: "c", Endpoint: here, Class: "other", Status: 400}, "code, endpoint, status"},
		{normalize.Failure{Code: "c", Endpoint: here, Status: 500}, "code, endpoint"},
		{normalize.Failure{Code: "c", Endpoint: elsewhere, Class: "k", Status: 400}, "code, class, status"},
		{normalize.Failure{Code: "c", Class: "k", Status: 500}, "code, class"},
		{normalize.Failure{Code: "c", Endpoint: elsewhere, Class: "other", Status: 400}, "code, status"},
		{normalize.Failure{Code: "c"}, "code"},
		{normalize.Failure{Code: "new", Endpoint: here, Class: "k", Status: 400}, "endpoint, class, status"},
		{normalize.Failure{Code: "new", Endpoint: here, Class: "k", Status: 500}, "endpoint, class"},
		{normalize.Failure{Code: "new", Endpoint: elsewhere, Class: "k", Status: 400}, "class, status"},
		{normalize.Failure{Class: "k"}, "class"},
	} {
		e := table.Error(c.failure)
		assert.Equal(t, c.want, e.Detail, "%+v", c.failure)
		assert.False(t, e.Unlisted, "%+v", c.failure)
	}
	assert.Equal(t, rows, table.Rows())
	whole := normalize.Failure{Code: "c", Endpoint: here, Class: "k", Status: 400}
	for i, first := range rows {
		for _, second := range rows[i+1:] {
			for _, pair := range [][]normalize.Row{{first, second}, {second, first}} {
				assert.Equal(
					t,
					first.Detail,
					normalize.NewCatalogue(pair...).Error(whole).Detail,
					"%s against %s",
					first.Detail,
					second.Detail,
				)
			}
		}
	}
}

func aCodeWithoutARowHasTheMeaningOfItsClass(t *testing.T) {
	t.Parallel()
	// The codes are Plaid's. Its errors have error_type beside error_code, and nearly all are 400.
	table := normalize.NewCatalogue(
		normalize.Row{Class: "ITEM_ERROR", Kind: bankmux.ErrReauth},
		normalize.Row{Class: "RATE_LIMIT_EXCEEDED", Kind: bankmux.ErrRateLimited},
		normalize.Row{Class: "INSTITUTION_ERROR", Kind: bankmux.ErrInstitution},
		normalize.Row{Class: "API_ERROR", Kind: bankmux.ErrUnavailable},
		normalize.Row{Code: "ITEM_NOT_FOUND", Kind: bankmux.ErrGone},
		normalize.Row{Code: "INSTITUTION_RATE_LIMIT", Kind: bankmux.ErrRateLimited, Scope: bankmux.ScopeInstitution},
	)
	type failure = normalize.Failure
	for name, c := range map[string]struct {
		said     failure
		kind     bankmux.Kind
		scope    bankmux.Scope
		code     string
		unlisted bool
		repeats  bool
	}{
		"a listed code": {
			failure{Class: "ITEM_ERROR", Code: "ITEM_NOT_FOUND", Status: 400},
			bankmux.ErrGone, bankmux.ScopeConnection, "ITEM_NOT_FOUND", false, false,
		},
		"a listed code of a class with another meaning": {
			failure{Class: "RATE_LIMIT_EXCEEDED", Code: "INSTITUTION_RATE_LIMIT", Status: 429},
			bankmux.ErrRateLimited, bankmux.ScopeInstitution, "INSTITUTION_RATE_LIMIT", false, true,
		},
		"a new code of a listed class": {
			failure{Class: "ITEM_ERROR", Code: "BRAND_NEW", Status: 400},
			bankmux.ErrReauth, bankmux.ScopeConnection, "BRAND_NEW", false, false,
		},
		"a new code of a class that may be repeated": {
			failure{Class: "RATE_LIMIT_EXCEEDED", Code: "NEW_LIMIT", Status: 400},
			bankmux.ErrRateLimited, bankmux.ScopeApp, "NEW_LIMIT", false, true,
		},
		"a class without a code": {
			failure{Class: "INSTITUTION_ERROR", Status: 400},
			bankmux.ErrInstitution, bankmux.ScopeInstitution, "INSTITUTION_ERROR", false, false,
		},
		"a new code of a new class": {
			failure{Class: "NEW_ERROR", Code: "BRAND_NEW", Status: 403},
			bankmux.ErrNotPermitted, bankmux.ScopeApp, "BRAND_NEW", true, false,
		},
		"a new class without a code": {
			failure{Class: "NEW_ERROR", Status: 500},
			bankmux.ErrUnavailable, bankmux.ScopeProvider, "NEW_ERROR", true, false,
		},
		"a hostile class without a code": {
			failure{Class: "a secret", Status: 500},
			bankmux.ErrUnavailable, bankmux.ScopeProvider, "unreadable", true, false,
		},
		"neither": {
			failure{Status: 500},
			bankmux.ErrUnavailable, bankmux.ScopeProvider, "", false, true,
		},
		"a class in the place of the code": {
			failure{Code: "ITEM_ERROR", Status: 400},
			bankmux.ErrInvalid, bankmux.ScopeCall, "ITEM_ERROR", true, false,
		},
	} {
		e := table.Error(c.said)
		assert.Equal(t, c.kind, e.Kind, name)
		assert.Equal(t, c.scope, e.Affects(), name)
		assert.Equal(t, c.code, e.Code, name)
		assert.Equal(t, c.unlisted, e.Unlisted, name)
		assert.Equal(t, c.repeats, e.Repeatable(bankmux.Read), name)
	}
}

func aRowWithAMistakePanics(t *testing.T) {
	t.Parallel()
	row := normalize.Row{Code: "a", Kind: bankmux.ErrInvalid}
	class := normalize.Row{Class: "k", Endpoint: "POST /x", Kind: bankmux.ErrInvalid}
	for name, rows := range map[string][]normalize.Row{
		"a code twice":               {row, row},
		"a class twice":              {class, class},
		"neither a code nor a class": {{Kind: bankmux.ErrInvalid}},
		"an endpoint alone":          {{Endpoint: "POST /x", Kind: bankmux.ErrInvalid}},
		"no kind":                    {{Code: "a"}},
		"a class without a kind":     {{Class: "k"}},
	} {
		assert.Panics(t, func() { normalize.NewCatalogue(rows...) }, name)
	}
	assert.NotPanics(t, func() {
		normalize.NewCatalogue(row, class,
			normalize.Row{Class: "a", Kind: bankmux.ErrInvalid},
			normalize.Row{Class: "k", Kind: bankmux.ErrInvalid},
			normalize.Row{Code: "a", Class: "k", Kind: bankmux.ErrInvalid})
	})
}
