package wire

// What the tests look at from outside.
const MaxRows = maxRows

var (
	Unmarshal  = unmarshal
	Row        = readRow
	Crowded    = crowdedText
	ErrCrowded = errCrowded
)
