package main

// This file has the ways to send a request that are compared with the library: a careful client on
// net/http, and bare resty. Both send and read the same types.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"

	"github.com/go-resty/resty/v2"
)

// call is one request. Out is decoded from the response.
type call struct {
	method, path, bearer string
	header               http.Header
	body, out            any
}

// sender sends a request and checks its status. The caller sets the deadline.
type sender func(context.Context, call) error

const bodyLimit = 8 << 20

// byHand returns a sender on net/http and encoding/json, with a bounded body.
func byHand(base string, client *http.Client) sender {
	return func(ctx context.Context, c call) error {
		var body io.Reader
		if c.body != nil {
			raw, err := json.Marshal(c.body)
			if err != nil {
				return err
			}
			body = bytes.NewReader(raw)
		}
		req, err := http.NewRequestWithContext(ctx, c.method, base+c.path, body)
		if err != nil {
			return err
		}
		maps.Copy(req.Header, c.header)
		if body != nil {
			req.Header.Set("Content-Type", "application/json")
		}
		if c.bearer != "" {
			req.Header.Set("Authorization", "Bearer "+c.bearer)
		}
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		raw, err := io.ReadAll(io.LimitReader(res.Body, bodyLimit+1))
		switch {
		case err != nil:
			return err
		case len(raw) > bodyLimit:
			return fmt.Errorf("%s: the response is too large", c.path)
		case res.StatusCode/100 != 2:
			return fmt.Errorf("%s: status %d", c.path, res.StatusCode)
		}
		return json.Unmarshal(raw, c.out)
	}
}

// byResty returns a sender on resty, with a bounded body.
func byResty(base string, client *http.Client) sender {
	r := resty.NewWithClient(client).SetBaseURL(base).SetResponseBodyLimit(bodyLimit)
	return func(ctx context.Context, c call) error {
		req := r.R().SetContext(ctx).SetResult(c.out)
		maps.Copy(req.Header, c.header)
		if c.body != nil {
			req.SetBody(c.body)
		}
		if c.bearer != "" {
			req.SetAuthToken(c.bearer)
		}
		res, err := req.Execute(c.method, c.path)
		if err == nil && !res.IsSuccess() {
			err = fmt.Errorf("%s: status %d", c.path, res.StatusCode())
		}
		return err
	}
}
