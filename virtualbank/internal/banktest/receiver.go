package banktest

// This file receives webhooks.

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
)

// Receiver is a transport that receives webhooks.
type Receiver struct {
	Got    []*http.Request
	Bodies []string
	Status int // 0 means 200, -1 means no response
}

// RoundTrip records a delivery.
func (r *Receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(req.Body)
	r.Got, r.Bodies = append(r.Got, req), append(r.Bodies, string(body))
	if r.Status < 0 {
		return nil, errors.New("refused")
	}
	status := r.Status
	if status == 0 {
		status = http.StatusOK
	}
	res := &http.Response{
		StatusCode: status,
		Header:     http.Header{},
		Body:       io.NopCloser(strings.NewReader("ok")),
		Request:    req,
	}
	if status == http.StatusFound {
		res.Header.Set("Location", "https://elsewhere.example.com")
	}
	return res, nil
}

// Events returns the names of the received events, in order.
func (r *Receiver) Events(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, b := range r.Bodies {
		m := Object{}
		require.NoError(t, json.Unmarshal([]byte(b), &m))
		var words []string
		for _, member := range []string{"webhook_event", "event", "product", "state"} {
			if text, ok := m[member].(string); ok {
				words = append(words, text)
			}
		}
		names = append(names, strings.Join(words, " "))
	}
	return names
}

// Deliver delivers the webhooks that are due.
func (c Caller) Deliver(r *Receiver) virtualbank.Tally {
	c.T.Helper()
	tally, err := c.Bank.Deliver(c.T.Context(), &http.Client{Transport: r})
	require.NoError(c.T, err)
	return tally
}

// Hook is a loopback address for webhooks.
const Hook = "http://127.0.0.1:9/hooks"
