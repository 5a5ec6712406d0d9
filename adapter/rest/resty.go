package rest

// This file sends requests by resty, if a caller uses resty's middleware, hooks or debug output.

import (
	"errors"
	"net/http"
	"slices"

	"github.com/go-resty/resty/v2"
)

// configure lets the caller add to resty, and then sets what must not be changed.
func (c *Client) configure(add func(*resty.Client)) {
	c.resty = resty.NewWithClient(c.http).
		SetLogger(silentLogger{}).
		OnRequestLog(hideRequest).
		OnResponseLog(hideResponse)
	add(c.resty)
	if c.http.Transport != http.RoundTripper(c.own) {
		c.own = nil
	}
	c.resty.SetRetryCount(0).SetDoNotParseResponse(false).OnBeforeRequest(c.restrict)
}

// restrict runs after the caller's middleware and sets what that must not change for a request.
func (c *Client) restrict(rc *resty.Client, r *resty.Request) error {
	if _, ok := rc.GetClient().Transport.(sendingTransport); !ok { // digest authentication replaces it
		return errUnprepared
	}
	r.SetDoNotParseResponse(false).SetResponseBodyLimit(c.limit).DisableGenerateCurlOnDebug()
	return nil
}

// sendByResty sends the request by resty and reads the response.
func (c *Client) sendByResty(s *sending, req *Request, address string) (*http.Response, []byte, error) {
	r := c.resty.R().SetContext(s.traced).SetQueryParamsFromValues(req.Query)
	req.setHeader(r.Header, s)
	if len(s.payload) > 0 {
		r.SetBody(&s.reader)
	}
	res, err := r.Execute(req.Method, address)
	switch {
	case res == nil:
		return nil, nil, err
	case errors.Is(err, resty.ErrResponseBodyTooLarge):
		err = errTooLarge
	}
	return res.RawResponse, res.Body(), err
}

// silentLogger keeps resty from writing logs.
type silentLogger struct{}

func (silentLogger) Errorf(string, ...any) {}
func (silentLogger) Warnf(string, ...any)  {}
func (silentLogger) Debugf(string, ...any) {}

// hidden replaces what may have credentials.
const hidden = "***"

// hideRequest keeps credentials out of resty's debug output.
func hideRequest(l *resty.RequestLog) error {
	shown := []string{"Accept", "Content-Type", "User-Agent"}
	for name := range l.Header {
		if !slices.Contains(shown, name) {
			l.Header[name] = []string{hidden} // the old slice is sent
		}
	}
	l.Body = hidden
	return nil
}

// hideResponse keeps credentials out of resty's debug output.
func hideResponse(l *resty.ResponseLog) error {
	l.Header.Del("Set-Cookie")
	l.Header.Del("Location")
	l.Body = hidden
	return nil
}
