package bank

import (
	"time"
	_ "time/tzdata" // the rules of the zones, for machines that have none
)

// zoneOf names the zone of the banks of a country.
func zoneOf(country string) string {
	switch country {
	case "AE":
		return "Asia/Dubai"
	case "SA":
		return "Asia/Riyadh"
	case "KW":
		return "Asia/Kuwait"
	case "BH":
		return "Asia/Bahrain"
	case "US":
		return "America/New_York"
	}
	return "UTC"
}

// Today is the day that has begun at the bank.
func (in Institution) Today(now time.Time) Day {
	zone, err := time.LoadLocation(zoneOf(in.Country))
	if err != nil {
		panic(err) // the names are written above
	}
	_, offset := now.In(zone).Zone()
	return DayOf(now.Add(time.Duration(offset) * time.Second))
}
