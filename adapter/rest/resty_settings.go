package rest

// This file refuses settings of resty's that cannot have an effect, or would break calls.

import (
	"net/http"
	"net/url"
	"reflect"

	"github.com/go-resty/resty/v2"

	"github.com/bankmux/bankmux"
)

const restyField = "Config.Resty"

// unusable returns the error for a request that settings or middleware of resty's make unusable.
func unusable(detail string) *bankmux.Error {
	e := invalid(detail)
	e.Field = restyField
	return e
}

// unusedSettings has the settings that are refused, and why. Most would have no effect.
var unusedSettings = []struct {
	detail string
	of     func(c *resty.Client) bool
}{
	{"has a base URL, but the address is Config.BaseURL", func(c *resty.Client) bool {
		return c.BaseURL != "" || c.HostURL != ""
	}},
	{"has path parameters, but the paths are the adapter's", func(c *resty.Client) bool {
		return len(c.PathParams)+len(c.RawPathParams) > 0
	}},
	{"has form data, but the body is the adapter's", func(c *resty.Client) bool { return len(c.FormData) > 0 }},
	{"has a function that writes bodies, but the adapter writes them", func(c *resty.Client) bool {
		return !sameFunc(c.JSONMarshal, defaults.JSONMarshal) || !sameFunc(c.XMLMarshal, defaults.XMLMarshal)
	}},
	{"has a user or token, which would replace the adapter's; another header field can have it", hasCredential},
	{"has retries, but only package guard repeats calls: see guard.RetryOptions", hasRetries},
	{"has a cookie jar, which would share sessions between connections", func(c *resty.Client) bool {
		return c.GetClient().Jar != nil
	}},
}

func hasCredential(c *resty.Client) bool {
	return c.UserInfo != nil || c.Token != "" || c.AuthScheme != defaults.AuthScheme ||
		c.HeaderAuthorizationKey != defaults.HeaderAuthorizationKey
}

func hasRetries(c *resty.Client) bool {
	return c.RetryCount != 0 || c.RetryResetReaders || c.RetryAfter != nil ||
		len(c.RetryConditions)+len(c.RetryHooks) > 0 ||
		c.RetryWaitTime != defaults.RetryWaitTime || c.RetryMaxWaitTime != defaults.RetryMaxWaitTime
}

// defaults is a client with resty's defaults.
var defaults = resty.NewWithClient(&http.Client{})

// sameFunc reports whether two variables have the same function.
func sameFunc(a, b any) bool { return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer() }

// unusedSetting returns why a setting is refused, "" if none is.
func unusedSetting(c *resty.Client) string {
	for _, setting := range unusedSettings {
		if setting.of(c) {
			return setting.detail
		}
	}
	return ""
}

// unusedAtStart is unusedSetting for what can only be seen before the first request.
func (c *Client) unusedAtStart(log *silentLogger) string {
	switch {
	case c.http.CheckRedirect != nil:
		return "has a redirect policy, but redirects are not followed"
	case c.resty.ResponseBodyLimit > c.limit:
		return "has a limit of responses above Config.BodyLimit"
	case wantsCurl(c.resty.R().SetDebug(true)):
		return "has curl commands in the debug output, which would have credentials"
	case log.failed.Load():
		return "has a setting that resty cannot apply, such as a proxy or a certificate; SetLogger shows it"
	}
	return ""
}

// unusedChange returns why a change of middleware to a request is refused, "" if none is. Changes
// of the body are found later.
func unusedChange(r *resty.Request) string {
	switch {
	case len(r.PathParams)+len(r.RawPathParams) > 0:
		return "has middleware that sets path parameters, but the path is complete"
	case r.UserInfo != nil || r.Token != "":
		return "has middleware that replaces the adapter's credential"
	case wantsCurl(r):
		return "has middleware that asks for curl commands, which would have credentials"
	}
	return ""
}

// wantsCurl reports whether the debug output of a request would have a curl command. Only resty's
// method shows it, and it makes a command of the RawRequest.
func wantsCurl(r *resty.Request) bool {
	if !r.Debug {
		return false
	}
	r.RawRequest = &http.Request{Method: http.MethodGet, URL: new(url.URL), Header: http.Header{}}
	defer func() { r.RawRequest = nil }()
	return r.GenerateCurlCommand() != ""
}
