//go:build !race

package providertest

// raceDetector reports whether the race detector is on.
const raceDetector = false

// faultsOfRun returns the faults of a run without the race detector: all of them.
func faultsOfRun() []matrixFault { return matrixFaults }
