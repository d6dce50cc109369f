//! Floor 5: what outlives the process beside the recording.
