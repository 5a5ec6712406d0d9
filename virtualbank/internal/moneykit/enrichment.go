package moneykit

// This file has the categories of transactions and their corrections.

import (
	"net/http"
	"slices"
	"strings"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// correction is a category that the application gave a transaction.
type correction struct {
	category, sub string // sub is "" if none was given
	since         int    // the first state of the transactions that has it
}

// corrected returns the newest correction of an event in the n-th state, or nil.
func (l *link) corrected(a *bank.Account, e *bank.Event, n int) *correction {
	if len(l.corrections) == 0 {
		return nil
	}
	list := l.corrections[a.Key+"\x00"+e.ID]
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].since <= n {
			return &list[i]
		}
	}
	return nil
}

// enriched is the enrichment of a transaction as MoneyKit writes it.
type enriched struct {
	Category    graded    `json:"category"`
	Merchant    *merchant `json:"merchant"`
	Processor   *string   `json:"processor"`
	Recurrence  *string   `json:"recurrence"`
	Subcategory *graded   `json:"subcategory"`
}

// graded is a value with the confidence in it, in percent.
type graded struct {
	Confidence int    `json:"confidence"`
	Value      string `json:"value"`
}

// merchant is the other side of a transaction.
type merchant struct {
	Confidence int     `json:"confidence"`
	ID         *string `json:"id"`
	Logo       *string `json:"logo"`
	Name       string  `json:"name"`
}

// enrich returns the enrichment of a transaction. A correction replaces its categories. label joins
// them for comparison.
func enrich(text string, given *correction) (enrichment any, label string) {
	category, sub, ok := bank.CategoryOf(text)
	confidence, detail := 97, 91
	if given != nil {
		category, sub, confidence, detail = given.category, given.sub, 100, 100
	}
	if !ok && given == nil {
		return nil, ""
	}
	value := &enriched{Category: graded{confidence, category}}
	if sub != "" {
		value.Subcategory = &graded{detail, sub}
	}
	if ok {
		value.Merchant = &merchant{Confidence: 88, Name: text}
	}
	return value, category + "/" + sub
}

// correctCategory serves the correction of a category. The response has the corrected transaction
// and all with the same description. Later lists show the correction. The bank's choice is that the
// next sync reports the rows as updated.
func (b *Provider) correctCategory(c *bank.Call) bank.Reply {
	o, refusal, ok := readObject(c)
	if !ok {
		return refusal
	}
	var given correction
	if value, ok := o.get("category", true, false); ok {
		given.category, _ = o.enum(value, primaryCategories(), "category")
	}
	if value, ok := o.get("subcategory", false, true); ok {
		given.sub, _ = o.enum(value, subcategories(), "subcategory")
	}
	if p, bad := o.refusal(); bad {
		return p
	}
	return b.withData(c, "transactions", func(l *link) bank.Reply {
		alike := l.correct(c.Vars["txn_id"], given)
		if alike == nil {
			return fail(http.StatusNotFound, codeLinkNotFound, "Transaction not found")
		}
		list := l.stored(len(l.history), l.accounts())
		list = slices.DeleteFunc(list, func(t transaction) bool { return !alike[t.ID] })
		return bank.Reply{Status: http.StatusOK, Body: map[string]any{
			"transactions": append([]transaction{}, list...), "accounts": l.accountList(l.accounts()),
			"link": l.wire(), "cursor": map[string]any{"next": nil},
		}}
	})
}

// correct stores a correction for a transaction and for all with the same description. It returns
// their ids, or nil if there is no such transaction. It adds a new state of the transactions.
func (l *link) correct(id string, given correction) map[string]bool {
	if len(l.history) == 0 {
		return nil
	}
	n := len(l.history)
	state := l.history[n-1]
	type place struct{ key, id, text string }
	var all []place
	at := -1
	for _, a := range l.accounts() {
		for _, r := range l.book.Rows(a, state.at, 0) {
			p := place{a.Key + "\x00" + r.Event.ID, l.transaction(l.accountID(a), a, r, n).ID, r.Event.Text}
			if p.id == id {
				at = len(all)
			}
			all = append(all, p)
		}
	}
	if at < 0 {
		return nil
	}
	if l.corrections == nil {
		l.corrections = map[string][]correction{}
	}
	l.history = append(l.history, state)
	for i := range l.recordSituations {
		if l.recordSituations[i].to > n { // the situation waits for the next refresh
			l.recordSituations[i].to++
		}
	}
	given.since = n + 1
	alike := map[string]bool{}
	for i, p := range all {
		if i == at || (p.text != "" && strings.EqualFold(p.text, all[at].text)) {
			l.corrections[p.key] = append(l.corrections[p.key], given)
			alike[p.id] = true
		}
	}
	return alike
}

// primaryCategories returns the categories that MoneyKit publishes.
func primaryCategories() []string {
	return []string{
		"banking", "borrowing_and_loans", "charity", "dependent_costs", "education", "entertainment", "expenses",
		"food_and_drink", "gambling_and_lotteries", "general", "health_and_personal_care", "home", "income",
		"insurance", "media_and_telecoms", "mortgage_and_rent", "pensions_savings_and_investments", "shopping",
		"taxes", "transfers", "transport", "travel", "utilities",
	}
}

// subcategories returns the subcategories that MoneyKit publishes. It does not publish their
// categories, so the bank accepts any pair.
func subcategories() []string {
	return []string{
		"account_fees_and_other_bank_charges", "atm_fees", "cash_withdrawals", "currency_exchange_and_fees",
		"interest", "nsf_and_overdraft_fees", "other_banking", "outgoing_checks", "overdraft_protection",
		"refunds_and_reversals", "unpaid_transactions", "buy_now_pay_later", "car_payment", "cash_advance_loans",
		"credit_cards", "debt_management", "loan_incoming", "loan_repayment", "other_borrowing_and_loans",
		"student_loan", "vehicle_loan", "charity", "other_charity", "child_support", "childcare",
		"childrens_expenses", "other_dependent_costs", "driving_lessons", "other_education",
		"university_and_tuition", "books_and_reading", "cinema", "gaming", "leisure_and_amusement_activities",
		"other_entertainment", "other_events", "sport_events", "theatre_concerts_and_tickets", "business_expenses",
		"financial_and_legal_expenses", "other_expenses", "other_memberships_and_services",
		"postage_and_office_supplies", "bars_and_pubs", "coffee", "convenience_stores", "eating_out_and_takeaways",
		"groceries", "other_eating_out", "other_food_and_drink", "speciality_food_and_drink",
		"gambling_and_betting", "lotteries_and_sweepstakes", "other_gambling_and_lotteries", "other_general",
		"beauty", "dental", "gym_and_fitness", "healthcare", "other_health_and_personal_care", "optical",
		"pharmacies_and_health_products", "sport_accessories_and_equipment", "furniture", "gardening",
		"home_maintenance", "household_goods", "laundry", "other_home", "pets", "benefits_and_social_security",
		"child_support_income", "crypto_platform_incoming", "deposits", "employment_income", "investment_income",
		"other_income", "pension_income", "rental_income", "business_insurance", "health_and_life_insurance",
		"home_insurance", "other_insurance", "pet_insurance", "travel_insurance", "vehicle_insurance",
		"broadband_phone_tv", "digital_media_and_software", "other_media_and_telecoms", "tv_streaming_services",
		"mortgage", "other_mortgage_and_rent", "rent", "crypto_platform_outgoing", "investments", "pensions",
		"other_pensions_savings_and_investments", "savings", "clothing_and_accessories", "department_stores",
		"electronics_appliances_and_technology", "flowers_and_gifts", "general_online_shopping", "hobbies",
		"other_shopping", "smoking_and_vaping", "federal_tax", "other_taxes", "internal_transfers",
		"other_transfers", "transfers_in", "transfers_out", "other_transport", "parking_and_tolls",
		"public_transport", "taxi", "vehicle", "vehicle_fuel_and_charging", "vehicle_rental",
		"petrol_and_vehicle_charging", "flights_and_airport_expenses", "holiday_and_travel_expenses",
		"other_travel", "other_utilities", "utilities_energy", "utilities_water_and_sewage", "waste_and_recycling",
	}
}
