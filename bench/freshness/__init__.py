"""Whether an answer is ever stale: several processes, writers of every kind, readers that know what may be seen."""
