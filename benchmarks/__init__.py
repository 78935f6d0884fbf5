"""Our figures beside what a user would pick instead, in one run, as ratios of medians."""
