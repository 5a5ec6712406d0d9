package normalize

// InZoneTable reports whether a country is in the table, even if its zone cannot be loaded.
func InZoneTable(country string) bool {
	_, ok := bankZones[country]
	return ok
}
