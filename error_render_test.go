package bankmux_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/errortext"
)

func TestErrorText(t *testing.T) {
	t.Parallel()
	t.Run("requests that are refused here", func(t *testing.T) {
		t.Parallel()
		c, _ := clientOf("mk", "p", nil)
		r := registry(t, []*bankmux.Client{c}, []bankmux.Route{{Client: "mk", Countries: []string{"US"}}})
		session := func(change func(*bankmux.SessionRequest)) error {
			req := bankmux.SessionRequest{User: "user-1", Country: "US", RedirectURI: "https://app.example.com/oauth"}
			change(&req)
			_, err := r.CreateSession(t.Context(), req)
			return err
		}
		_, day := bankmux.ParseDate("yesterday")
		_, client := r.Client("other")
		_, table := bankmux.NewRegistry([]*bankmux.Client{c}, []bankmux.Route{{Client: "mk", Weight: -1}})
		_, exchange := r.ExchangeToken(t.Context(), bankmux.ExchangeRequest{})
		_, sync := c.Sync(t.Context(), bankmux.SyncRequest{})
		_, key := bankmux.NewKeyring(bankmux.Key{ID: "k", Material: bankmux.NewSecret("a")})
		for want, err := range map[string]error{
			"invalid_request: Date is not a day written as 2006-01-02; fix the call":                              day,
			`not_found: client "other" is not registered; check the identifier`:                                   client,
			`invalid_request: Route.Weight is negative in the route to "mk"; fix the call`:                        table,
			"invalid_request: ExchangeRequest.Session is empty: use the one CreateSession returned; fix the call": exchange,
			"mk: Sync: unsupported: p has no Sync; choose another provider for this":                              nil,
			`invalid_request: Key.Material of key "k" does not have 32 bytes; fix the call`:                       key,
			"invalid_request: SessionRequest.User is empty; fix the call": session(func(r *bankmux.SessionRequest) {
				r.User = ""
			}),
			"invalid_request: SessionRequest.Country is UK; the ISO 3166-1 code is GB; fix the call": session(func(r *bankmux.SessionRequest) {
				r.Country = "UK"
			}),
			"CreateSession: unsupported: no route serves a request without a country; choose another provider for this": session(func(
				r *bankmux.SessionRequest,
			) {
				r.Country = ""
			}),
			`CreateSession: unsupported: no route serves a request for country "AE"; choose another provider for this`: session(func(
				r *bankmux.SessionRequest,
			) {
				r.Country = "AE"
			}),
			`CreateSession: unsupported: no route serves a request for country "US" with the capability refresh; ` +
				`choose another provider for this`: session(func(r *bankmux.SessionRequest) {
				r.Capabilities = []bankmux.Capability{"refresh"}
			}),
			`CreateSession: unsupported: no route serves a request for country "US" that names an institution with ` +
				`the capabilities refresh, cards; choose another`: session(func(r *bankmux.SessionRequest) {
				r.Capabilities, r.Institution = []bankmux.Capability{"refresh", "cards"},
					bankmux.InstitutionRef{"q": "x"}
			}),
		} {
			if err == nil {
				err = sync
				want = "invalid_request: Connection has no credential: use what ExchangeToken or Open returned; " +
					"fix the call"
			}
			errortext.Check(t, err)
			assert.Contains(t, err.Error(), want)
		}
	})
	t.Run("every kind, without a detail, at one place or another", func(t *testing.T) {
		t.Parallel()
		for _, kind := range append(bankmux.Kinds(), "of_a_later_version") {
			for _, wait := range []time.Duration{
				0, 1, 29881078280, time.Second, time.Minute, 90 * time.Minute, 1500 * time.Millisecond,
			} {
				for _, field := range []string{"", "connectionID", "SessionRequest.User"} {
					e := &bankmux.Error{Kind: kind, RetryAfter: wait, Field: field, Status: 503}
					if kind != "of_a_later_version" {
						errortext.Check(t, e)
					}
					assert.Regexp(t, `^[a-z_]+: [a-z]+ .+ \(.*HTTP 503`, e.Error())
				}
			}
		}
		assert.Equal(
			t,
			"rate_limited: too many requests were made (retry after 30s); wait and repeat",
			(&bankmux.Error{Kind: bankmux.ErrRateLimited, RetryAfter: 29881078280}).Error(),
		)
	})
}
