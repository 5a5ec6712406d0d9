package store

import "time"

// WithEndFor sets how long an exchange that ended tries to store its result.
func WithEndFor(d time.Duration) Option { return func(s *Store) { s.endFor = d } }

// UnfinishedCondition is the condition of the rows that Unfinished lists.
const UnfinishedCondition = unfinished
