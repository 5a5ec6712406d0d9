package providertest_test

// This file syncs heron's transactions and reads its deliveries.

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/webhook"
	"github.com/bankmux/bankmux/reconcile"
)

// Sync reads all rows of one account per page and compares them.
func (h *heron) Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	conn := req.Connection
	cursor, err := reconcile.ParseCursor(req.Cursor, conn)
	if err != nil && h.does("a cursor of another connection is accepted") {
		cursor, err = reconcile.ParseCursor("", conn)
	}
	if err != nil {
		return bankmux.Delta{}, err
	}
	if cursor.Until = bankmux.DateOf(time.Now().UTC()); len(cursor.Todo) == 0 {
		if cursor.Todo = slices.Clone(req.Accounts); h.does("a sync has all accounts") {
			cursor.Todo = nil
		}
	}
	if len(cursor.Todo) == 0 {
		all, err := h.list(ctx, conn)
		if err != nil {
			return bankmux.Delta{}, err
		}
		for _, a := range all {
			cursor.Todo = append(cursor.Todo, a.ID)
		}
	}
	if h.does("a new link has new keys") {
		req.Name = nil
	}
	if err := reconcile.CheckNames(&req, cursor.Todo); err != nil {
		return bankmux.Delta{}, err
	}
	d := bankmux.Delta{AddedOnly: req.Known == nil}
	if err := h.compare(ctx, &req, cursor.Todo[0], cursor.Until, &d); err != nil {
		return bankmux.Delta{}, err
	}
	switch {
	case h.does("removed rows are ignored"):
		d.Removed, d.Missing = nil, nil
	case h.does("modified rows are ignored"):
		d.Modified = nil
	}
	cursor.Todo = cursor.Todo[1:]
	d.More, d.Next = len(cursor.Todo) > 0, cursor.String()
	return d, nil
}

func (h *heron) compare(
	ctx context.Context, req *bankmux.SyncRequest, account string, to bankmux.Date, d *bankmux.Delta,
) error {
	in := reconcile.Reading{
		Provider: heronName, Account: req.AccountName(account), From: to.AddDays(-700), To: to,
		ProvesFrom: to.AddDays(-700), Complete: true,
	}
	for at := ""; ; {
		of := heronRows{account: account, from: in.From, to: in.To, size: 100, page: at}
		rows, next, err := h.page(ctx, req.Connection, of)
		if err != nil {
			return err
		}
		for _, r := range rows {
			t, fault := h.transaction(account, r)
			if fault != nil {
				in.Unreadable = append(in.Unreadable, t)
				d.Failed = append(d.Failed, bankmux.Failure{Account: account, Transaction: r.ID, Err: fault})
				continue
			}
			in.Rows = append(in.Rows, t)
		}
		if at = next; next == "" {
			break
		}
	}
	var known []bankmux.Known
	if req.Known != nil {
		var err error
		known, err = reconcile.KnownRows(ctx, req, reconcile.AccountDays{Account: in.Account, From: in.From, To: in.To},
			nil)
		if err != nil {
			return err
		}
	}
	reconcile.Compare(known, in).AddTo(d, in.Account)
	return nil
}

// heronSignature is the header "t=<unix time>,v1=<base64 of the HMAC>".
const heronSignature = "Heron-Signature"

// heronMAC signs the time, the address and the body.
func heronMAC(secret, at, method, url string, body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(at + "." + method + " " + url + "."))
	mac.Write(body)
	return mac.Sum(nil)
}

func (h *heron) ReadWebhook(_ context.Context, req bankmux.WebhookRequest) (res bankmux.WebhookResult, err error) {
	header, err := webhook.Header(http.Header(req.Header()), heronSignature)
	if err != nil {
		return res, err
	}
	at, coded, found := strings.Cut(strings.TrimPrefix(header, "t="), ",v1=")
	seconds, err := strconv.ParseInt(at, 10, 64)
	if !found || err != nil || !strings.HasPrefix(header, "t=") {
		return res, webhook.Refuse("the signature is not of the form t=…,v1=…")
	}
	given, ok := h.unbase64(coded)
	held := false
	for _, secret := range h.hooks {
		held = hmac.Equal(given, heronMAC(secret, at, req.Method(), req.URL(), req.Body())) || held
	}
	if !ok || !held {
		return res, webhook.Refuse("the signature does not hold")
	}
	signed := time.Unix(seconds, 0).UTC()
	if err := (webhook.Window{}).Check(signed); err != nil && !h.does("an old webhook is accepted") {
		return res, err
	}
	var body struct{ ID, Event, Grant, Session, Code string }
	if err := json.Unmarshal(req.Body(), &body); err != nil || body.ID == "" {
		return res, nil //nolint:nilerr // genuine, and of a form that is not known
	}
	e := bankmux.Event{Kind: bankmux.EventConnectionStateChanged, Name: body.Event, Key: body.ID, At: signed}
	switch body.Event {
	case "grant.ending":
		e.Kind = bankmux.EventConsentExpiring
	case "flow.finished":
		e.Kind, e.Session = bankmux.EventLinkFinished, body.Session
		if !h.does("an event has no payload of a finished flow") {
			e = e.WithExchangePayload(bankmux.NewSecret(`{"code":"` + body.Code + `"}`))
		}
		return bankmux.WebhookResult{Key: body.ID, Events: []bankmux.Event{e}}, nil
	}
	return bankmux.WebhookResult{Key: body.ID, Events: []bankmux.Event{e.WithReference(body.Grant)}}, nil
}

// unbase64 decodes a signature. It accepts exactly one encoding.
func (h *heron) unbase64(coded string) ([]byte, bool) {
	encoding := base64.StdEncoding.Strict()
	switch {
	case h.does("base64 has unused bits"):
		encoding = base64.StdEncoding
		if strings.ContainsAny(coded, "\r\n") {
			return nil, false
		}
	case h.does("base64 has no padding"):
		if !strings.HasSuffix(coded, "=") {
			coded += "="
		}
	case h.does("base64 has any padding"):
		coded = strings.TrimRight(coded, "=") + "="
	case h.does("base64 has line breaks"):
		out, err := encoding.DecodeString(coded)
		return out, err == nil
	case h.does("base64 has either alphabet"):
		coded = strings.NewReplacer("-", "+", "_", "/").Replace(coded)
	}
	if strings.ContainsAny(coded, "\r\n") { // the decoder ignores them
		return nil, false
	}
	out, err := encoding.DecodeString(coded)
	return out, err == nil
}
