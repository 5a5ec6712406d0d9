package virtualbank

// What institutions serve in some situations.
const (
	fewerDays   = 60
	grantedDays = 40
)

// Stage brings a situation about, in the first account of the connection.
func (conn *connection) Stage(situation string) error {
	b := conn.bank
	switch situation {
	case EmptyAnswer, ShortAnswer, DaysIgnored, DaysRefused, TodayRefused:
		conn.spoiled, conn.spoiledUntil = situation, b.Now().Add(stagedFor)
		return nil
	case FewerDays:
		b.served[conn.institution.Name] = fewerDays
		return nil
	case FewerDaysUnsaid:
		b.unsaid[conn.institution.Name] = fewerDays
		return nil
	case ValueDays:
		conn.book.writeValueDays()
		return nil
	case TextDrift:
		conn.book.drift()
		return nil
	}
	if err := conn.book.stageRow(situation); err != nil {
		return err
	}
	conn.Moved()
	return nil
}
