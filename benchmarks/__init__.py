"""Speed, measured honestly: ratios against the floor and against peers in one run, medians, the command printed."""
