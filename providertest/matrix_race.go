//go:build race

package providertest

// faultsOfRun are the faults of a run: with the race detector, which takes ten times the time, the
// first two of each class on each carrier. What comes of every fault is proved without it, and the
// faults of a class take the same way through the adapter and its transport.
func faultsOfRun() (faults []matrixFault) {
	type way struct {
		class   class
		carrier carrier
	}
	seen := map[way]int{}
	for _, f := range matrixFaults {
		of := way{f.class, f.carrier()}
		if seen[of]++; seen[of] <= 2 {
			faults = append(faults, f)
		}
	}
	return faults
}
