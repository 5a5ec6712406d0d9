package moneykit_test

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bankmux/bankmux/virtualbank"
	"github.com/bankmux/bankmux/virtualbank/internal/banktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type object = banktest.Object

func TestSession(t *testing.T) {
	t.Parallel()
	t.Run("an invalid request is refused with its code", strictRequests)
	t.Run("custom accounts and owners are returned as they were sent", customSandboxData)
}

func TestLink(t *testing.T) {
	t.Parallel()
	t.Run("a session becomes a link that is read, reset and deleted", sessionToDeletion)
	t.Run("a reconnect erases what its session leaves out", reconnect)
	t.Run("an exchangeable token works once, for thirty minutes", tokenWorksOnce)
}

func strictRequests(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{RedirectOrigins: []string{"https://app.example.com"}})
	token := c.Token()
	with := func(key string, v any) object { return banktest.With(banktest.Session("user-1"), object{key: v}) }
	for name, tc := range map[string]struct {
		body   object
		status int
		code   string
	}{
		"a short user":        {banktest.Session("abc"), 422, "api_error.request.validation_failed"},
		"no redirect":         {object{"customer_user": object{"id": "user-1"}}, 422, "api_error.request.validation_failed"},
		"a redirect query":    {with("redirect_uri", "https://app.example.com/x?y=1"), 422, "api_error.request.validation_failed"},
		"an unknown origin":   {with("redirect_uri", "https://other.example/x"), 403, "link_session_error.forbidden_config"},
		"a bad tag":           {with("link_tags", []string{"-x"}), 422, "api_error.request.validation_failed"},
		"a long tag":          {with("link_tags", []string{strings.Repeat("x", 100)}), 422, "api_error.request.validation_failed"},
		"an unknown country":  {with("settings", object{"countries": []string{"UK"}}), 422, "api_error.request.validation_failed"},
		"an unknown provider": {with("settings", object{"providers": []string{"x"}}), 422, "api_error.request.validation_failed"},
		"a typed boolean": {
			with("settings", object{"products": object{"identity": object{"required": "yes"}}}), 422,
			"api_error.request.validation_failed",
		},
		"a bad routing number": {with("custom_sandbox_data", object{
			"accounts": []object{{"account_type": "x", "name": "n", "account_number": "1", "routing_number": "123456789"}},
		}), 422, "api_error.request.validation_failed"},
		"an unknown link":   {with("existing_link_id", "mk_nothing"), 404, "link_error.not_found"},
		"an unknown member": {with("colour", "blue"), 201, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := c.MoneyKit("POST", "/link-session", token, tc.body)
			assert.Equal(t, tc.status, a.Status, a.Body)
			if tc.code != "" {
				assert.Equal(t, tc.code, a.Body["error_code"])
				assert.Contains(t, a.Body, "documentation_url")
			}
			if tc.status == 422 {
				assert.NotEmpty(t, a.Body["validation_errors"])
			}
		})
	}
	assert.Equal(t, "api_error.auth.unauthorized", c.MoneyKit("GET", "/links", "wrong", nil).Body["error_code"])
	assert.Equal(t, http.StatusUnauthorized, c.MoneyKit("GET", "/links", "", nil).Status)
	assert.Equal(t, http.StatusNotFound, c.MoneyKit("GET", "/nothing", token, nil).Status)
	wrong := c.MoneyKit("PUT", "/link-session", token, nil)
	assert.Equal(t, http.StatusMethodNotAllowed, wrong.Status)
	assert.Equal(t, "POST", wrong.Header.Get("Allow"))
	assert.Equal(t, "link_error.not_found", c.MoneyKit("GET", "/links/x/accounts", token, nil).Body["error_code"])
	c.Bank.Advance(time.Hour)
	assert.Equal(t, "api_error.auth.expired_access_token", c.MoneyKit("GET", "/links", token, nil).Body["error_code"])
}

func customSandboxData(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	token := c.Token()
	owner := object{
		"names": []any{"Rosa Example"}, "emails": []any{object{"address": "rosa@example.com", "primary": true}},
		"addresses":     []any{object{"street": "1 High Street", "city": nil}},
		"phone_numbers": []any{object{"number": "+15550100", "type": "work", "primary": nil}},
	}
	account := object{
		"account_type":   "depository.savings",
		"name":           "Mine",
		"account_number": "000123454410",
		"routing_number": "123456780",
	}
	custom := func(owner object) object {
		in := banktest.Session("user-1")
		in["custom_sandbox_data"] = object{
			"accounts": []object{banktest.With(account, object{"routing_number": "021000021"})},
			"owners":   []object{owner},
		}
		return in
	}
	a := c.MoneyKit("POST", "/link-session", token, custom(owner))
	require.Equal(t, http.StatusCreated, a.Status, a.Body)
	b := c.Do(c.Bank.MoneyKit(), "POST", "/virtualbank/link", "", object{
		"link_session_token": a.Body["link_session_token"],
		"institution_id":     "credentials_bank",
		"username":           virtualbank.UserCustom,
	})
	require.Equal(t, http.StatusOK, b.Status, b.Body)
	id := c.Exchange(token, b.Body["exchangeable_token"].(string)).Body["link_id"].(string)
	require.NoError(t, c.Bank.Refresh(id))
	identity := banktest.List(c.MoneyKit("GET", "/links/"+id+"/identity", token, nil).Body, "accounts")
	require.Len(t, identity, 1)
	assert.Equal(t, []any{owner}, identity[0]["owners"])
	numbers := banktest.List(c.MoneyKit("GET", "/links/"+id+"/accounts/numbers", token, nil).Body, "accounts")
	ach := numbers[0]["numbers"].(object)["ach"].([]any)[0].(object)
	assert.Equal(t, "021000021", ach["routing_number"])
	assert.Equal(t, "000123454410", ach["account_number"])

	t.Run("an empty list of owners means none; without a list there is a random one", func(t *testing.T) {
		for name, tc := range map[string]struct {
			owners any
			want   int
		}{"empty": {[]any{}, 0}, "null": {nil, 1}, "absent": {banktest.Absent, 1}} {
			t.Run(name, func(t *testing.T) {
				in := custom(owner)
				in["custom_sandbox_data"] = banktest.Changed(in["custom_sandbox_data"].(object), tc.owners, "owners")
				a := c.MoneyKit("POST", "/link-session", token, in)
				require.Equal(t, http.StatusCreated, a.Status, a.Body)
				b := c.Do(c.Bank.MoneyKit(), "POST", "/virtualbank/link", "", object{
					"link_session_token": a.Body["link_session_token"],
					"institution_id":     "credentials_bank",
					"username":           virtualbank.UserCustom,
				})
				require.Equal(t, http.StatusOK, b.Status, b.Body)
				id := c.Exchange(token, b.Body["exchangeable_token"].(string)).Body["link_id"].(string)
				require.NoError(t, c.Bank.Refresh(id))
				identity := banktest.List(c.MoneyKit("GET", "/links/"+id+"/identity", token, nil).Body, "accounts")
				require.Len(t, identity, 1)
				assert.Len(t, identity[0]["owners"], tc.want)
			})
		}
	})
	for name, more := range map[string]object{
		"a name that is not text":           {"names": []any{1}},
		"a phone number without type":       {"phone_numbers": []any{object{"number": "1"}}},
		"a phone number of an unknown type": {"phone_numbers": []any{object{"number": "1", "type": "fax"}}},
		"an email without address":          {"emails": []any{object{}}},
		"an address that is text":           {"addresses": []any{"1 High Street"}},
		"no emails":                         {"emails": nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := c.MoneyKit("POST", "/link-session", token, custom(banktest.With(owner, more)))
			assert.Equal(t, http.StatusUnprocessableEntity, a.Status, a.Body)
		})
	}
}

func sessionToDeletion(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	token := c.Token()
	a := c.Exchange(token, c.Exchangeable(token))
	require.Equal(t, http.StatusCreated, a.Status)
	link := a.Body["link"].(object)
	id := link["link_id"].(string)
	assert.Equal(t, id, a.Body["link_id"])
	assert.Equal(t, "connected", link["state"])
	assert.Equal(t, []any{"tag"}, link["link_tags"])
	assert.Len(t, link["products"], 6, "absent products are null")
	assert.Contains(t, link, "error_code")
	assert.Nil(t, link["error_code"])
	assert.Equal(t, http.StatusOK, c.MoneyKit("GET", "/links/"+id, token, nil).Status)
	assert.Contains(t, c.MoneyKit("GET", "/users/user-1/links", token, nil).Body["links"], id)
	assert.Empty(t, c.MoneyKit("GET", "/users/unknown/links", token, nil).Body["links"])

	require.Equal(t, http.StatusOK, c.MoneyKit("POST", "/links/"+id+"/reset", token, nil).Status)
	assert.Equal(t, "auth_expired", c.MoneyKit("GET", "/links/"+id, token, nil).Body["error_code"])
	require.Equal(t, http.StatusNoContent, c.MoneyKit("DELETE", "/links/"+id, token, nil).Status)
	gone := c.MoneyKit("GET", "/links/"+id, token, nil)
	assert.Equal(t, http.StatusGone, gone.Status)
	assert.Equal(t, "link_error.deleted", gone.Body["error_code"])
	c.Bank.Advance(91 * 24 * time.Hour)
	assert.Equal(t, http.StatusNotFound, c.MoneyKit("GET", "/links/"+id, c.Token(), nil).Status)
}

func reconnect(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	token := c.Token()
	id := c.Exchange(token, c.Exchangeable(token)).Body["link_id"].(string)
	require.NoError(t, c.Bank.Lapse(id))
	a := c.MoneyKit(
		"POST",
		"/link-session",
		token,
		object{"customer_user": object{"id": "user-1"}, "redirect_uri": "https://a.example/x", "existing_link_id": id},
	)
	require.Equal(t, http.StatusCreated, a.Status, a.Body)
	b := c.Do(
		c.Bank.MoneyKit(),
		"POST",
		"/virtualbank/link",
		"",
		object{"link_session_token": a.Body["link_session_token"]},
	)
	require.Equal(t, http.StatusOK, b.Status, b.Body)
	assert.NotContains(t, b.Body, "exchangeable_token")
	link := c.MoneyKit("GET", "/links/"+id, token, nil).Body
	assert.Equal(t, "connected", link["state"])
	assert.Nil(t, link["webhook"])
	assert.Empty(t, link["link_tags"])
}

func tokenWorksOnce(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	token := c.Token()
	spare := c.Exchangeable(token)
	once := c.Exchangeable(token)
	var created, refused atomic.Int32
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			switch c.Exchange(token, once).Status {
			case http.StatusCreated:
				created.Add(1)
			case http.StatusBadRequest:
				refused.Add(1)
			}
		})
	}
	all.Wait()
	assert.EqualValues(t, 1, created.Load())
	assert.EqualValues(t, 31, refused.Load())
	c.Bank.Advance(31 * time.Minute)
	assert.Equal(t, http.StatusBadRequest, c.Exchange(c.Token(), spare).Status)
}
