package plaid

// This file serves liabilities.

import (
	"encoding/json"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// dueDay is the day of the month on which the bank wants its money.
const dueDay = 27

// due returns the next day of payment, and the last one.
func due(today bank.Day) (next, last bank.Day) {
	next = today + 1
	for next.Time().Day() != dueDay {
		next++
	}
	last = today
	for last.Time().Day() != dueDay {
		last--
	}
	return next, last
}

// serveLiabilities serves cards, mortgages and student loans. Amounts that are owed are positive.
func (b *Provider) serveLiabilities(r request) bank.Reply {
	return r.read("liabilities", func(it *item, list []*bank.Account) bank.Reply {
		out := map[string]any{"credit": nil, "mortgage": nil, "student": nil}
		found := map[string][]any{}
		for _, a := range list {
			switch _, subtype := kindOf(a); subtype {
			case "credit card":
				found["credit"] = append(found["credit"], it.creditCard(a))
			case "mortgage":
				found["mortgage"] = append(found["mortgage"], it.mortgage(a))
			case "student":
				found["student"] = append(found["student"], it.studentLoan(a))
			}
		}
		if len(found) == 0 {
			return refuse(noLiabilities, "There are no valid liability account(s) associated with this Item")
		}
		for kind, list := range found {
			out[kind] = list
		}
		return ok(map[string]any{"accounts": it.accountBodies(list), "liabilities": out, "item": it.body()})
	})
}

// owed is what an account owes.
func (it *item) owed(a *bank.Account) int64 {
	booked, _ := it.book.State(a, it.bank.Now())
	return max(0, -booked)
}

func (it *item) creditCard(a *bank.Account) map[string]any {
	next, last := due(bank.DayOf(it.bank.Now()))
	owed := it.owed(a)
	return map[string]any{
		"account_id": it.AccountID(a),
		"aprs": []any{map[string]any{
			"apr_percentage": json.RawMessage("15.24"), "apr_type": "purchase_apr",
			"balance_subject_to_apr": bank.Number(owed, a.Currency), "interest_charge_amount": json.RawMessage("1.22"),
		}},
		"is_overdue":                false,
		"last_payment_amount":       bank.Number(190*bank.UnitOf(a.Currency), a.Currency),
		"last_payment_date":         last.String(),
		"last_statement_issue_date": (last - 20).String(),
		"last_statement_balance":    bank.Number(owed, a.Currency),
		"minimum_payment_amount":    bank.Number(min(owed, 25*bank.UnitOf(a.Currency)), a.Currency),
		"next_payment_due_date":     next.String(),
	}
}

func (it *item) mortgage(a *bank.Account) map[string]any {
	next, last := due(bank.DayOf(it.bank.Now()))
	h := it.book.Holder
	payment := json.RawMessage("3141.54")
	return map[string]any{
		"account_id": it.AccountID(a), "account_number": a.Number, "current_late_fee": 25, "escrow_balance": payment,
		"has_pmi": true, "has_prepayment_penalty": true,
		"interest_rate":       map[string]any{"percentage": json.RawMessage("3.99"), "type": "fixed"},
		"last_payment_amount": payment, "last_payment_date": last.String(), "loan_type_description": "conventional",
		"loan_term": "30 year", "maturity_date": "2045-07-31", "next_monthly_payment": payment,
		"next_payment_due_date": next.String(), "origination_date": "2015-08-01",
		"origination_principal_amount": 425000,
		"past_due_amount":              nil,
		"property_address": map[string]any{
			"city": bank.Nullable(h.City), "country": it.institution.Country, "postal_code": h.Postal,
			"region": h.Region, "street": h.Street,
		},
		"ytd_interest_paid": json.RawMessage("12300.4"), "ytd_principal_paid": json.RawMessage("12340.5"),
	}
}

func (it *item) studentLoan(a *bank.Account) map[string]any {
	next, last := due(bank.DayOf(it.bank.Now()))
	return map[string]any{
		"account_id": it.AccountID(a), "account_number": a.Number, "disbursement_dates": []string{"2002-08-28"},
		"expected_payoff_date": "2032-07-28", "guarantor": "DEPT OF ED",
		"interest_rate_percentage": json.RawMessage("5.25"), "is_overdue": false,
		"last_payment_amount": json.RawMessage("138.05"), "last_payment_date": last.String(),
		"last_statement_balance":    bank.Number(it.owed(a), a.Currency),
		"last_statement_issue_date": (last - 20).String(), "loan_name": "Consolidation",
		"loan_status":              map[string]any{"type": "repayment", "end_date": "2032-07-28"},
		"minimum_payment_amount":   25,
		"next_payment_due_date":    next.String(),
		"origination_date":         "2002-08-28",
		"payment_reference_number": "4277075694", "origination_principal_amount": 25000,
		"outstanding_interest_amount": json.RawMessage("6227.36"),
		"pslf_status": map[string]any{
			"estimated_eligibility_date": nil, "payments_made": nil, "payments_remaining": nil,
		},
		"repayment_plan":  map[string]any{"type": "standard", "description": "Standard Repayment"},
		"sequence_number": "1",
		"servicer_address": map[string]any{
			"city": nil, "region": nil, "street": nil, "postal_code": nil, "country": nil,
		},
		"ytd_interest_paid": json.RawMessage("280.55"), "ytd_principal_paid": json.RawMessage("271.65"),
	}
}
