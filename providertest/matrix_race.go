//go:build race

package providertest

// raceDetector reports whether the race detector is on.
const raceDetector = true

// faultsOfRun returns the faults of a run with the race detector: the first of each class with each
// protocol. Such a run takes ten times as long. All faults of a class take the same path through
// the adapter and its transport. A run without the race detector has all faults.
func faultsOfRun() (faults []matrixFault) {
	type way struct {
		class   class
		carrier carrier
	}
	seen := map[way]int{}
	for _, f := range matrixFaults {
		of := way{f.class, f.carrier()}
		if seen[of]++; seen[of] == 1 {
			faults = append(faults, f)
		}
	}
	return faults
}
