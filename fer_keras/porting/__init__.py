"""Networks of other programs, proven and written as runs."""
