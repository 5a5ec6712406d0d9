package plaid

// This file serves pages of transactions.

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// rowOptions are how transactions are to be written.
type rowOptions struct {
	original bool
	version  string // of the taxonomy; "" is the newest
}

// readRowOptions reads the options that /transactions/get and sync share. Members of older versions
// are accepted without effect.
func readRowOptions(o object) rowOptions {
	o.know("include_personal_finance_category", "include_personal_finance_category_beta",
		"include_logo_and_counterparty_beta")
	out := rowOptions{}
	out.original, _ = o.flag("include_original_description")
	out.version = o.oneOf("personal_finance_category_version", false, true, "v1", "v2")
	return out
}

// wireRow is a transaction on the wire.
type wireRow struct {
	ID               string          `json:"transaction_id"`
	Account          string          `json:"account_id"`
	Amount           json.RawMessage `json:"amount"`
	ISO              *string         `json:"iso_currency_code"`
	Unofficial       *string         `json:"unofficial_currency_code"`
	Date             string          `json:"date"`
	Authorized       *string         `json:"authorized_date"`
	AuthorizedAt     *string         `json:"authorized_datetime"`
	At               *string         `json:"datetime"`
	Pending          bool            `json:"pending"`
	PendingID        *string         `json:"pending_transaction_id"`
	Name             string          `json:"name"`
	Merchant         *string         `json:"merchant_name"`
	Original         *string         `json:"original_description,omitempty"`
	Channel          string          `json:"payment_channel"`
	Code             *string         `json:"transaction_code"`
	Category         map[string]any  `json:"personal_finance_category"`
	CategoryIcon     string          `json:"personal_finance_category_icon_url"`
	Logo             *string         `json:"logo_url"`
	Website          *string         `json:"website"`
	MerchantEntity   *string         `json:"merchant_entity_id"`
	Counterparties   []any           `json:"counterparties"`
	Location         location        `json:"location"`
	Meta             paymentMeta     `json:"payment_meta"`
	Check            *string         `json:"check_number"`
	Owner            *string         `json:"account_owner"`
	LegacyCategory   *[]string       `json:"category"`
	LegacyCategoryID *string         `json:"category_id"`
	LegacyType       string          `json:"transaction_type"`
}

type location struct {
	Address *string  `json:"address"`
	City    *string  `json:"city"`
	Region  *string  `json:"region"`
	Postal  *string  `json:"postal_code"`
	Country *string  `json:"country"`
	Lat     *float64 `json:"lat"`
	Lon     *float64 `json:"lon"`
	Store   *string  `json:"store_number"`
}

type paymentMeta struct {
	Reference *string `json:"reference_number"`
	PPD       *string `json:"ppd_id"`
	Payee     *string `json:"payee"`
	Payer     *string `json:"payer"`
	OrderOf   *string `json:"by_order_of"`
	Method    *string `json:"payment_method"`
	Processor *string `json:"payment_processor"`
	Reason    *string `json:"reason"`
}

// wire writes a row.
func (it *item) wire(r row, o rowOptions) wireRow {
	iso, unofficial := currencyPair(r.currency)
	w := wireRow{
		ID: r.id, Account: it.AccountID(r.account), Amount: rawNumber(r.amount), ISO: iso, Unofficial: unofficial,
		Date: r.day, Authorized: new(r.event.Started.String()), Pending: r.pending, PendingID: optional(r.pendingID),
		Name: r.text, Channel: "other", Counterparties: []any{}, LegacyType: "unresolved",
		CategoryIcon: "https://plaid-category-icons.plaid.com/PFC_OTHER.png",
		Meta:         paymentMeta{Reference: optional(r.event.Ref)},
	}
	if o.original {
		w.Original = optional(r.raw)
	}
	primary, detailed := categoryOf(r.text)
	if primary == "" {
		return w
	}
	if o.version == "" {
		o.version = "v2"
	}
	if o.version == "v1" && detailed == "INCOME_SALARY" {
		detailed = "INCOME_WAGES"
	}
	w.Category = map[string]any{
		"primary": primary, "detailed": detailed, "confidence_level": "VERY_HIGH", "version": o.version,
	}
	w.CategoryIcon = "https://plaid-category-icons.plaid.com/PFC_" + primary + ".png"
	if primary == "FOOD_AND_DRINK" || primary == "TRANSPORTATION" {
		w.Merchant, w.Channel, w.LegacyType = &r.text, "in store", "place"
		entity := it.bank.Name58(36, "merchant", r.text)
		w.MerchantEntity = &entity
		w.Counterparties = append(w.Counterparties, map[string]any{
			"name": r.text, "type": "merchant", "entity_id": entity, "website": nil, "logo_url": nil,
			"confidence_level": "VERY_HIGH", "account_numbers": nil,
		})
	}
	return w
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// rawNumber makes a JSON number of decimal text, null of none. Text that is not a number goes as a
// string, so that a test can see what a client makes of it.
func rawNumber(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	if !strings.HasPrefix(text, `"`) && json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	quoted, _ := json.Marshal(text) // text cannot fail
	return quoted
}

// currencyPair splits a currency into the official and the unofficial code: one of both is null.
func currencyPair(code string) (iso, unofficial *string) {
	switch {
	case code == "":
		return nil, nil
	case slices.Contains(unofficialCodes(), code) || len(code) != 3:
		return nil, &code
	}
	return &code, nil
}

// unofficialCodes are currencies of three letters that are not in ISO 4217.
func unofficialCodes() []string {
	return strings.Fields("ADA BAT BCH BNB BTC BTG CNH DOT ETC ETH GBX LSK LTC NEO OMG QTM USDT XLM XMR XRP ZEC ZRX")
}

// serveTransactions serves a window of days, the newest first.
func (b *Provider) serveTransactions(r request) bank.Reply {
	access := r.text("access_token", true, false)
	from := r.day("start_date")
	to := r.day("end_date")
	count, offset, days := 100, 0, 0
	var ids []string
	options := rowOptions{}
	if o, ok := r.object.object("options", false, false); ok {
		options = readRowOptions(o)
		ids = o.texts("account_ids", false, true, 0)
		count = o.integer("count", false, 100, 1, 500)
		offset = o.integer("offset", false, 0, 0, 1<<30)
		days = o.integer("days_requested", false, 0, 1, maxDays)
	}
	if from > to {
		r.invalid("start_date", "must not be after end_date")
	}
	it, p, found := r.dataOf(access, "transactions")
	if !found {
		return p
	}
	f := &it.feed
	if f.started.IsZero() {
		if days > 0 {
			f.days = days
		}
		it.startFeed(b.Now())
	}
	wanted, p, found := it.wanted(ids)
	if !found {
		return p
	}
	if f.phase == phaseNone || b.Now().Before(f.hidden) || r.call.Fault == faultNotReady {
		return refuse(notReady, "the requested product is not yet ready. "+
			"please provide a webhook or try the request again later")
	}
	ignores := b.Now().Before(it.feed.ignores)
	list := []wireRow{}
	total := 0
	for _, row := range slices.Backward(f.latest) {
		if !slices.Contains(wanted, row.account) || (!ignores && (row.date < from || row.date > to)) {
			continue
		}
		if total++; total > offset && len(list) < count {
			list = append(list, it.wire(row, options))
		}
	}
	return ok(map[string]any{
		"accounts": it.accountBodies(wanted), "transactions": list, "total_transactions": total, "item": it.body(),
	})
}
