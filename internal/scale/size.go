package scale

// This file has the figures that TestSizes of fleet/river measures on PostgreSQL. docs/scale.md has
// the command, which prints them.

// Sizes of tables in bytes after VACUUM FULL, with all indexes.
const (
	BytesPerConnection = 3_600 // with two accounts and its plan
	BytesPerRow        = 1_130 // a transaction
	BytesPerJob        = 530   // a job of River
)

// Bytes of the write-ahead log for a sync with one new transaction, and for its job.
const (
	BytesPerSync           = 6_900
	BytesPerColdSync       = 128_000 // if each page that it changes is the first since a checkpoint
	BytesPerCompressedSync = 84_000  // the same, with wal_compression
)

// Bytes of leases and counts in fleet/postgres, whose own TestSizes measures them.
const (
	BytesPerCount    = 270    // a row, with all indexes
	BytesPerTurn     = 940    // of the write-ahead log, for a lease and its release
	BytesPerColdTake = 25_000 // of it for a call in a budget, if its pages are the first since a checkpoint
)
