package bank

// This file has the time zones of institutions.

import (
	"time"
	_ "time/tzdata" // time zones for machines without a database
)

// zoneOf returns the time zone of the institutions of a country.
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

// Today returns the current day at the institution.
func (in Institution) Today(now time.Time) Day {
	zone, err := time.LoadLocation(zoneOf(in.Country))
	if err != nil {
		panic(err) // zoneOf returns valid names
	}
	_, offset := now.In(zone).Zone()
	return DayOf(now.Add(time.Duration(offset) * time.Second))
}
