package bankhttp_test

// This file tests that a problem names what is wrong in a request.

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
)

// TestField specifies which part of a request each response of status 400 names.
func TestField(t *testing.T) {
	t.Parallel()
	p := newHarbor()
	a := newHarborApp(t, p, func(c *bankhttp.Config) {
		c.PrepareSession = func(_ *http.Request, req *bankmux.SessionRequest) error {
			if req.Language == "xx" {
				return &bankmux.Error{Kind: bankmux.ErrInvalid, Field: planted}
			}
			return nil
		}
	})
	conn := a.harborLink(t, "rosa")
	session := a.harborStart(t, "rosa")
	p.ask(bankmux.OpAccounts, bankmux.Input{Kind: bankmux.InputOTP})
	challenge := "/challenges/" + a.read(t, "rosa").Failed[0].Problem.Challenge.ID
	const link, unnamed = "/sessions", "/unnamed/x"
	finish, reconnect := "/sessions/"+session, "/connections/"+conn+"/sessions"
	long := strings.Repeat("x", 1<<10+1)
	for _, c := range []struct{ method, path, body, field string }{
		{"POST", link, "country=US", "body"},
		{"POST", link, `["US"]`, "body"},
		{"POST", link, `{"country":"US","country":"AE"}`, "body"},
		{"POST", link, `{"country":"US","Country":"AE"}`, "body"},
		{"POST", link, `{} {}`, "body"},
		{"POST", link, `{"country":1}`, "country"},
		{"POST", link, `{"country":"Utopia"}`, "country"},
		{"POST", link, `{"institution":"x"}`, "institution"},
		{"POST", link, `{"institution":{"x":1}}`, "institution"},
		{"POST", link, `{"institution":{"harbor":""}}`, "institution"},
		{"POST", link, `{"language":["en"]}`, "language"},
		{"POST", link, `{"language":"not a language"}`, "language"},
		{"POST", link, `{"county":"US"}`, "county"},
		{"POST", link, `{"Country":"US"}`, "Country"},
		{"POST", link, `{"4111111111111111":"US"}`, "body"},
		{"POST", link, `{"` + strings.Repeat("x", 41) + `":"US"}`, "body"},
		{"POST", link, `{"":"US"}`, "body"},
		{"POST", link, `{"language":"xx"}`, ""}, // the application refuses it
		{"POST", reconnect, `{"county":"US"}`, "county"},
		{"POST", reconnect, `{"language":1}`, "language"},
		{"POST", finish, "code=1", "body"},
		{"POST", finish, `{"session":"` + session + `"}`, "code"},
		{"POST", finish, `{"session":"` + session + `","Code":"1"}`, "code"},
		{"POST", finish, `{"session":"` + session + `","code":""}`, "code"},
		{"POST", finish, `{"session":"` + session + `","code":{"a":1}}`, "code"},
		{"POST", finish, `{"code":"1"}`, "session"},
		{"POST", finish, ``, "body"},
		{"POST", challenge, "123456", "body"},
		{"POST", challenge, `{"answer":["123456"]}`, "answer"},
		{"POST", challenge, `{"answers":"123456"}`, "answers"},
		{"POST", challenge, `{"answers":[]}`, "answers"},
		{"POST", challenge, ``, "answers"},
		{"POST", challenge, `{"answers":["1"],"abandon":true}`, "answers"},
		{"POST", challenge, `{"abandon":"yes"}`, "abandon"},
		{"POST", unnamed, ``, "account"},
		{"POST", unnamed, `{"new":true,"account":"a"}`, "account"},
		{"POST", unnamed, `{"new":"yes"}`, "new"},
		{"POST", unnamed, `{"accounts":["a"]}`, "accounts"},
		{"GET", "/accounts?bank=x", "", "bank"},
		{"GET", "/accounts?connection=x&connection=y", "", "connection"},
		{"POST", "/accounts?connection=%ff", "", "connection"},
		{"POST", "/accounts?connection=" + long, "", "connection"},
		{"POST", "/accounts?%ff=1", "", "query"},
		{"GET", "/transactions?from=2026-02-30", "", "from"},
		{"GET", "/transactions?to=today", "", "to"},
		{"GET", "/transactions?limit=-1", "", "limit"},
		{"GET", "/transactions?limit=many", "", "limit"},
		{"GET", "/transactions?limit=-99999999999999999999", "", "limit"},
		{"GET", "/transactions?after=x", "", "after"},
		{"GET", "/transactions?q=" + long, "", "q"},
		{"GET", "/transactions?account=a&account=b", "", "account"},
		{"GET", "/transactions?user=omar", "", "user"},
		{"GET", "/transactions?4111111111111111", "", "query"},
	} {
		w := a.send(t, "rosa", c.method, c.path, c.body)
		require.Equal(t, 400, w.Code, "%s %s %s: %s", c.method, c.path, c.body, w.Body)
		assert.Equal(t, c.field, problem(t, w, 400).Field, "%s %s %s", c.method, c.path, c.body)
		for _, value := range []string{"Utopia", "123456", "4111111111111111", "today", planted} {
			assert.NotContains(t, w.Body.String(), value)
		}
	}
	t.Run("a part of the path is never refused with 400", func(t *testing.T) {
		for _, id := range []string{"x", "%00", "%ff", "%20", "..%2f", long} {
			for _, c := range [][3]string{
				{"GET", "/sessions/" + id},
				{"POST", "/sessions/" + id, `{"code":"1"}`},
				{"POST", "/connections/" + id + "/sessions"},
				{"GET", "/connections/" + id + "/sync"},
				{"POST", "/connections/" + id + "/sync"},
				{"POST", "/challenges/" + id, `{"answers":["1"]}`},
				{"POST", "/unnamed/" + id, `{"new":true}`},
			} {
				w := a.send(t, "rosa", c[0], c[1], c[2])
				assert.Equal(t, bankmux.ErrNotFound, problem(t, w, 404).Kind, c)
			}
		}
	})
	t.Run("an error of the application's own handlers has none", func(t *testing.T) {
		t.Parallel()
		p := bankhttp.ProblemOf(&bankmux.Error{Kind: bankmux.ErrInvalid, Field: "Payload.x", Err: errors.New(planted)})
		assert.Empty(t, p.Field)
	})
}
