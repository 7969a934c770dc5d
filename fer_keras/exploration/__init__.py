"""What is in a data set, as numbers, pictures and one page."""
