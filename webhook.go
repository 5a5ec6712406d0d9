package bankmux

// This file describes webhook deliveries and how an adapter reads one.

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/bankmux/bankmux/internal/plain"
)

// WebhookRequest is a webhook delivery, exactly as it came. Package fmt, log handlers and
// marshalling do not show its header, its body or its URL, which may have a secret in the query. A
// dumper that follows pointers by reflection shows them, for example in a failed comparison of
// testify. The zero value is an empty delivery.
type WebhookRequest struct {
	header hidden[map[string][]string]
	body   hidden[[]byte]
	sentTo hidden[target]
}

// target is where a delivery was sent.
type target struct{ method, url string }

// NewWebhookRequest returns a delivery with an http.Header and the exact bytes of the body. It does
// not copy the body. Limit the size of the body before, as package inbox does.
func NewWebhookRequest(header map[string][]string, body []byte) WebhookRequest {
	return WebhookRequest{header: hide(header), body: hide(body)}
}

// SentTo returns the delivery with the method and the URL that the provider used. Some providers
// sign them. The URL is the public one, which behind a proxy differs from that of the http.Request.
// Package inbox has inbox.WithURL for it.
func (r WebhookRequest) SentTo(method, url string) WebhookRequest {
	r.sentTo = hide(target{method, url})
	return r
}

// Header returns the http.Header.
func (r WebhookRequest) Header() map[string][]string { return r.header.get() }

// Body returns the exact bytes of the body. They are shared: do not change them.
func (r WebhookRequest) Body() []byte { return r.body.get() }

// Method returns the HTTP method, and "" if none was given.
func (r WebhookRequest) Method() string { return r.sentTo.get().method }

// URL returns the URL that the provider used, and "" if none was given.
func (r WebhookRequest) URL() string { return r.sentTo.get().url }

// WebhookResult has what a verified delivery announces.
type WebhookResult struct {
	// Key identifies the delivery at the client. It is authenticated, and a duplicate has the same
	// key. If an adapter leaves it empty, the client sets it to a digest of the body.
	Key    string
	Events []Event // usually one
}

// ReadWebhook verifies a delivery and returns what it announces. Package inbox is an HTTP handler
// that calls it, with limits and without duplicates. It may be repeated. For the errors see
// [WebhookReader].
//
// The client's interceptors do not see this call. Retries, circuit breakers and queues do not apply
// to it, and a flood of forged deliveries would fill the log.
func (c *Client) ReadWebhook(ctx context.Context, req WebhookRequest) (WebhookResult, error) {
	res, err := c.readWebhook(ctx, req)
	if err != nil {
		op := opWebhook
		return WebhookResult{}, c.describe(&op, err)
	}
	if res.Key == "" { // with an empty key every later delivery would be a duplicate
		sum := sha256.Sum256(req.Body())
		res.Key = "sha256:" + hex.EncodeToString(sum[:])
	}
	for i := range res.Events {
		e := &res.Events[i]
		e.Client, e.Provider = c.name, c.desc.Provider
		e.Name, e.Status.Code = plain.Line(e.Name), plain.Line(e.Status.Code)
		if e.Key == "" {
			e.Key = res.Key
		}
		e.ReferenceKey = referenceKey(c.desc.Provider, c.desc.Environment, e.reference)
		if e.Raw() == nil {
			e.raw = req.body
		}
	}
	return res, nil
}

func (c *Client) readWebhook(ctx context.Context, req WebhookRequest) (WebhookResult, error) {
	if ctx == nil {
		return WebhookResult{}, invalid("context", "is nil")
	}
	reader, ok := c.provider.(WebhookReader)
	if !ok {
		return WebhookResult{}, &Error{
			Kind:    ErrUnsupported,
			Detail:  c.desc.Provider + " has no " + opWebhook.Name,
			NotSent: true,
		}
	}
	return reader.ReadWebhook(ctx, req)
}
