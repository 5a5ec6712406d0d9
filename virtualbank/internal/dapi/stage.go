package dapi

// This file stages situations for a connection.

import "github.com/bankmux/bankmux/virtualbank/internal/bank"

// How many days institutions serve in some situations.
const (
	fewerDays   = 60
	grantedDays = 40
)

// Stage makes a situation happen in the first account of the connection.
func (conn *connection) Stage(situation string) error {
	b := conn.bank
	switch situation {
	case bank.EmptyResponse, bank.ShortResponse, bank.DaysIgnored, bank.DaysRefused, bank.TodayRefused:
		conn.staged, conn.stagedUntil = situation, b.Now().Add(bank.StagedFor)
		return nil
	case bank.FewerDays:
		b.Served[conn.institution.Name] = fewerDays
		return nil
	case bank.FewerDaysUnsaid:
		b.Unannounced[conn.institution.Name] = fewerDays
		return nil
	case bank.ValueDays:
		conn.book.WriteValueDays()
		return nil
	case bank.TextDrift:
		conn.book.Drift()
		return nil
	}
	if err := conn.book.StageRow(situation); err != nil {
		return err
	}
	conn.Moved()
	return nil
}
